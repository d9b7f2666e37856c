"""Identities on real faces: the detector's own boxes, its misses and ghosts included."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from storage.records import Detector, SegmentObservations
from storage.timelines import TimelineFace, TimelineFrame
from tests.vision.conftest import SHARED, observed, write_classifier
from tests.vision.made_media import (
    Picture,
    Recipe,
    astronaut,
    talking_head,
    write_video,
)
from worker.tracking import Box, Tracker
from worker.vision.pipeline import Pipeline

WIDTH, HEIGHT = 480, 270
HEAD = 110
"""Side of the pasted heads, pixels; their faces are about half as high."""
FRAMES = 75
STAGE_CUTS = (20, 82, 211)
"""First frames of the shots of stage_cuts_4faces_360p.mp4, found by eye."""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(Detector.MTCNN, write_classifier(tmp_path_factory.mktemp("m") / "tiny.onnx"))


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Find a clip of the material beside the repository, or skip."""

    def find(name: str) -> Path:
        path = SHARED / "media" / "faces" / name
        if not path.exists():
            pytest.skip(f"the shared clip {name} is not here")
        return path

    return find


def numbered(seen: SegmentObservations) -> list[tuple[TimelineFrame, list[int]]]:
    """Each looked-at frame with the tracks of its faces."""
    tracker, found = Tracker(), []
    for row in seen.frames:
        faces = tuple(TimelineFace(face, None) for face in seen.faces if face.frame == row.frame)
        frame = TimelineFrame(row.frame, row.time_us, faces, bool(row.cut))
        found.append((frame, tracker.number(frame)))
    return found


def lengths(found: list[tuple[TimelineFrame, list[int]]]) -> Counter[int]:
    """By track how many faces it has."""
    return Counter(track for _, numbers in found for track in numbers)


Path2 = Callable[[int], tuple[float, float]]
"""Centre of a head in a frame."""


def cut_out(picture: Picture) -> Picture:
    """Bring a square picture to HEAD x HEAD by taking the nearest pixels."""
    rows = np.linspace(0, picture.shape[0] - 1, HEAD).round().astype(int)
    return picture[np.ix_(rows, rows)]


def within_oval() -> npt.NDArray[np.bool_]:
    """The part of a head's square that hides what is behind it."""
    y, x = np.mgrid[-1 : 1 : HEAD * 1j, -1 : 1 : HEAD * 1j]
    return np.asarray((x / 0.62) ** 2 + (y / 0.8) ** 2 <= 1)


def two_heads(first: Path2, second: Path2) -> Iterator[Picture]:
    """An astronaut's head on one path and, before it, a talking head on another, on plain grey."""
    still, oval = cut_out(astronaut()[10:230, 115:335]), within_oval()
    for index, talking in enumerate(talking_head(FRAMES)):
        picture = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
        for head, path in ((still, first), (cut_out(talking[5:125, 25:145]), second)):
            left, top = (round(edge - HEAD / 2) for edge in path(index))
            place = picture[top : top + HEAD, left : left + HEAD]
            place[oval] = head[oval]
        yield picture


def owners(
    found: list[tuple[TimelineFrame, list[int]]], paths: dict[str, Path2]
) -> dict[int, set[str]]:
    """By track whose faces it has: a face is whose head's centre is nearest."""
    whose: dict[int, set[str]] = {}
    for frame, numbers in found:
        for face, track in zip(frame.faces, numbers, strict=True):
            x, y = Box.of(face.row).centre
            near = {
                name: (path(frame.frame)[0] - x) ** 2 + (path(frame.frame)[1] - y) ** 2
                for name, path in paths.items()
            }
            whose.setdefault(track, set()).add(min(near, key=lambda name: near[name]))
    return whose


def crossing(apart: float) -> dict[str, Path2]:
    """They pass each other, one so many pixels higher."""
    return {
        "still": lambda index: (70 + 4.6 * index, 135 - apart / 2),
        "talking": lambda index: (410 - 4.6 * index, 135 + apart / 2),
    }


def side_by_side(apart: float) -> dict[str, Path2]:
    """They sway together, so many pixels apart."""
    return {
        "still": lambda index: (240 - apart / 2 + 12 * np.sin(index / 6), 135),
        "talking": lambda index: (240 + apart / 2 + 12 * np.sin(index / 6), 140),
    }


def meeting(apart: float, *, lower: float = 0) -> dict[str, Path2]:
    """They come near each other, down to so many pixels, one `lower` than the other, and part again."""

    def half(index: int) -> float:
        return (apart + (110 - apart) * abs(np.cos(np.pi * index / (FRAMES - 1)))) / 2

    return {
        "still": lambda index: (240 - half(index), 135 - lower / 2),
        "talking": lambda index: (240 + half(index), 135 + lower / 2),
    }


@pytest.mark.parametrize(
    ("paths", "sample_fps"),
    [
        (crossing(16), None),
        (crossing(16), 8.0),
        (crossing(30), None),
        (side_by_side(35), None),
        (side_by_side(35), 8.0),
        (side_by_side(45), None),
        (meeting(18), None),
        (meeting(18, lower=20), None),
        (meeting(0, lower=30), None),
    ],
    ids=[
        "hiding",
        "hiding, sparse",
        "passing",
        "touching",
        "touching, sparse",
        "side by side",
        "half behind",
        "cheek to cheek",
        "chin on head",
    ],
)
def test_two_people_never_swap(
    paths: dict[str, Path2], sample_fps: float | None, pipeline: Pipeline, tmp_path: Path
) -> None:
    """Faces 41 pixels wide: passing ones hide each other for some frames, touching ones overlap by up to 0.29.

    Found boxes of real faces hardly overlap more: of a face that is hidden further, none is found.
    """
    file = write_video(tmp_path / "two.mp4", two_heads(paths["still"], paths["talking"]), Recipe())

    found = numbered(observed(file, pipeline, sample_fps=sample_fps))

    assert owners(found, paths) == {0: {"still"}, 1: {"talking"}}
    assert min(lengths(found).values()) > 0.8 * len(found)


def test_one_speaker_is_one_track(shared: Callable[[str], Path], pipeline: Pipeline) -> None:
    seen = observed(shared("one_speaker_336p.mp4"), pipeline)

    found = numbered(seen)

    assert lengths(found) == {0: len(seen.frames)}


@pytest.mark.parametrize("sample_fps", [None, 6.0], ids=["every frame", "6 per second"])
def test_every_cut_breaks_every_track(
    shared: Callable[[str], Path], pipeline: Pipeline, sample_fps: float | None
) -> None:
    found = numbered(
        observed(shared("stage_cuts_4faces_360p.mp4"), pipeline, sample_fps=sample_fps)
    )

    shots: dict[int, set[int]] = {}
    for frame, numbers in found:
        shot = sum(frame.frame >= cut for cut in STAGE_CUTS)
        for track in numbers:
            shots.setdefault(track, set()).add(shot)
    assert [track for track, within in shots.items() if len(within) > 1] == []
    long = [track for track, count in lengths(found).items() if count > len(found) / 6]
    assert {frozenset(shots[track]) for track in long} == {frozenset({2}), frozenset({3})}
