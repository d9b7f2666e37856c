"""When a face changes its expression: in that frame by the raw rows, within the time constant by the smoothed ones."""

from pathlib import Path

import numpy as np
import pytest

from storage.labels import EXPRESSIONS
from storage.records import Detector, FaceRow
from storage.timelines import FaceIdentity, TimelineFace, TimelineFrame
from tests.browser.portrait_film import head, saddened
from tests.vision.conftest import observed
from tests.vision.made_media import Recipe, write_video
from worker.finalise import Walk
from worker.smoothing import SMOOTHING_US
from worker.vision.pipeline import Pipeline

FRAMES = 48
RATE = 25


@pytest.fixture(scope="module")
def pipeline(shipped_model: Path) -> Pipeline:
    return Pipeline(Detector.MTCNN, shipped_model)


def onset_video(folder: Path, onset: int) -> Path:
    """A smile that is gone from one frame on; lossless, so that nothing else changes."""
    smiling, sad = (np.ascontiguousarray(picture[:200]) for picture in (head(), saddened()))
    pictures = [smiling] * onset + [sad] * (FRAMES - onset)
    return write_video(folder / "onset.mp4", pictures, Recipe(options={"bf": "0", "qp": "0"}))


@pytest.mark.parametrize("onset", [16, 17, 20, 23], ids="frame_{}".format)
def test_expression_changes_in_the_very_frame(
    onset: int, tmp_path: Path, pipeline: Pipeline
) -> None:
    """On the grid of detections, next to it, and in the middle between two."""
    rows = observed(onset_video(tmp_path, onset), pipeline).faces

    happy = [row.happy for row in rows]
    assert [row.frame for row in rows] == list(range(FRAMES))
    assert min(happy[:onset]) > 8000
    assert max(happy[onset:]) < 5000


def test_smoothed_expression_changes_within_the_time_constant(
    tmp_path: Path, pipeline: Pipeline
) -> None:
    onset, spread = 20, SMOOTHING_US * RATE // 1_000_000
    rows = observed(onset_video(tmp_path, onset), pipeline).faces

    identities = smoothed(rows)

    happy = [identity.smoothed[EXPRESSIONS.index("happy")] for identity in identities]
    raw = [row.happy for row in rows]
    half = (np.mean(raw[:onset]) + np.mean(raw[onset:])) / 2
    crossing = next(frame for frame, value in enumerate(happy) if value < half)
    assert {identity.track for identity in identities} == {0}
    assert happy[: onset - spread] == pytest.approx(raw[: onset - spread], abs=300)
    assert happy[onset + spread :] == pytest.approx(raw[onset + spread :], abs=300)
    assert abs(crossing - onset) <= 1


def smoothed(rows: list[FaceRow]) -> list[FaceIdentity]:
    """What finalise makes of one face per frame, in order."""
    walk = Walk()
    page = [
        TimelineFrame(row.frame, row.frame * 1_000_000 // RATE, (TimelineFace(row, None),), False)
        for row in rows
    ]
    found = [*walk.through(page).faces, *walk.end().faces]
    return sorted(found, key=lambda identity: identity.frame)
