"""What an ONNX file says of itself: strings by name; what has parts is JSON. Read as serving reads it, without onnx."""

from pathlib import Path

from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.report import evaluate
from worker.vision.classifier import Classifier
from worker.vision.onnx_session import OnnxSession


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a file. Raises ModelContractError if it is no model."""
    return OnnxSession(path).metadata


def score(classifier: Classifier, data: Path) -> dict[str, object]:
    """Return the score of a model over test data, briefly."""
    faces = read_faces(data, split="validation")
    report = evaluate(faces, classifier.probabilities(as_input(faces.images)), seed=1)
    return {"data": data.name, **{key: report[key] for key in ("n", "accuracy", "macro_f1", "ece")}}
