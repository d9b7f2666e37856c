"""The metadata of an ONNX file: strings by name; what has parts is JSON."""

from pathlib import Path

import onnx

from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.report import evaluate
from worker.vision.classifier import Classifier


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a file."""
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def set_metadata(model: onnx.ModelProto, metadata: dict[str, str]) -> None:
    """Add to or overwrite the metadata of a model."""
    kept = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**kept, **metadata})


def replace_metadata(model: onnx.ModelProto, metadata: dict[str, str]) -> None:
    """Give a model this metadata and no other."""
    del model.metadata_props[:]
    set_metadata(model, metadata)


def score(classifier: Classifier, data: Path) -> dict[str, object]:
    """Return the score of a model over test data, briefly."""
    faces = read_faces(data, split="validation")
    report = evaluate(faces, classifier.probabilities(as_input(faces.images)), seed=1)
    return {"data": data.name, **{key: report[key] for key in ("n", "accuracy", "macro_f1", "ece")}}
