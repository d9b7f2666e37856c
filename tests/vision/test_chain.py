"""The whole chain on labelled faces: it must not read them worse than their own bare pictures are read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from storage.records import Detector, JobOptions
from tests.vision.chain import load_faces, run_chain, run_chain_in_video
from worker.vision.classifier import Classifier
from worker.vision.detectors import load_detector
from worker.vision.pipeline import Pipeline

LEAST_COVERAGE = {Detector.MTCNN: 0.8, Detector.HAAR: 0.6, Detector.YUNET: 0.85}
"""Of FER-2013 faces cut off at brow and chin and pasted on gray, on which no detector was trained."""
FACES = {Detector.MTCNN: 3572, Detector.HAAR: 2400, Detector.YUNET: 3572}
"""Many, because the loss is a small difference: with 500 faces chance alone makes two points."""
MOVING_FACES = 600
MOST_LOSS = 0.01
"""In accuracy, beyond what chance makes of so many faces (two standard errors)."""


@pytest.mark.parametrize("name", list(Detector))
def test_found_faces_are_read_as_well_as_their_bare_pictures(
    name: Detector,
    shared: Callable[[str], Path],
    shipped_model: Path,
    request: pytest.FixtureRequest,
) -> None:
    faces, truth = load_faces(shared("data/fer2013_public_test.npz"), FACES[name])
    yunet = request.getfixturevalue("yunet_file") if name is Detector.YUNET else None

    result = run_chain(
        faces,
        truth,
        detector=load_detector(name, yunet=yunet),
        classifier=Classifier(shipped_model),
    )

    assert result.coverage > LEAST_COVERAGE[name]
    assert result.strays < len(faces) / 50
    assert result.loss - 2 * result.loss_error <= MOST_LOSS


def test_faces_that_move_through_a_compressed_video_are_read_as_well(
    shared: Callable[[str], Path], shipped_model: Path, tmp_path: Path
) -> None:
    faces, truth = load_faces(shared("data/fer2013_public_test.npz"), MOVING_FACES)

    result = run_chain_in_video(
        faces,
        truth,
        pipeline=Pipeline(Detector.MTCNN, shipped_model),
        classifier=Classifier(shipped_model),
        folder=tmp_path,
        options=JobOptions(),
    )

    assert result.coverage > LEAST_COVERAGE[Detector.MTCNN]
    assert result.strays < len(faces) / 50
    assert result.loss - 2 * result.loss_error <= MOST_LOSS
