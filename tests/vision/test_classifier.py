"""The classifier and the contract of its file."""

import json
from pathlib import Path

import numpy as np
import pytest

from storage.errors import ModelContractError
from storage.labels import EXPRESSIONS, UNCERTAIN_BELOW
from tests.vision.conftest import write_classifier
from worker.vision.classifier import Classifier


def random_faces(count: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(0, 255, (count, 48, 48, 1)).astype(np.float32)


@pytest.mark.parametrize("model", ["tiny_model", "shipped_model"])
def test_batching_is_invisible(model: str, request: pytest.FixtureRequest) -> None:
    """Bit by bit: rows must not depend on which faces happened to share a batch."""
    classifier = Classifier(request.getfixturevalue(model))
    faces = random_faces(64)
    alone = np.concatenate([classifier.probabilities(faces[i : i + 1]) for i in range(64)])

    for size in (2, 7, 32, 64):
        parts = [classifier.probabilities(faces[i : i + size]) for i in range(0, 64, size)]
        assert np.array_equal(np.concatenate(parts), alone), f"batches of {size} differ"


def test_probabilities_add_up_to_one(tiny_model: Path) -> None:
    probabilities = Classifier(tiny_model).probabilities(random_faces(40))

    assert probabilities.shape == (40, len(EXPRESSIONS))
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-5)


def test_no_faces_give_no_rows(tiny_model: Path) -> None:
    assert Classifier(tiny_model).probabilities(random_faces(0)).shape == (0, 7)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"labels": json.dumps(EXPRESSIONS[::-1])}, "labels"),
        ({"labels": ""}, "labels"),
        ({"labels": "7"}, "labels"),
        ({"face_size": 64}, "input 'faces'"),
        ({"input_name": "image"}, "input 'faces' is missing"),
        ({"classes": 6}, "output 'probabilities'"),
    ],
    ids=["order", "no_labels", "number", "size", "input_name", "classes"],
)
def test_model_that_breaks_the_contract_is_refused(
    changes: dict, complaint: str, tmp_path: Path
) -> None:
    file = write_classifier(tmp_path / "other.onnx", **changes)

    with pytest.raises(ModelContractError, match=complaint):
        Classifier(file)


def test_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"not a model")

    with pytest.raises(ModelContractError, match="no model"):
        Classifier(file)


def test_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelContractError, match=r"there is no model file .*absent\.onnx"):
        Classifier(tmp_path / "absent.onnx")


def test_threshold_is_read_from_the_model_file(tmp_path: Path) -> None:
    file = write_classifier(tmp_path / "model.onnx", uncertain_below="0.56")

    assert Classifier(file).uncertain_below == 0.56
    assert Classifier(file).uncertain_score == 5_600


def test_model_file_may_state_no_threshold(tiny_model: Path) -> None:
    assert Classifier(tiny_model).uncertain_below is None
    assert Classifier(tiny_model).uncertain_score == UNCERTAIN_BELOW


@pytest.mark.parametrize("stated", ["often", "", "1.2", "-0.1", "nan"])
def test_threshold_that_is_no_confidence_is_refused(stated: str, tmp_path: Path) -> None:
    file = write_classifier(tmp_path / "model.onnx", uncertain_below=stated)

    with pytest.raises(ModelContractError, match="expected a confidence from 0 to 1"):
        Classifier(file)
