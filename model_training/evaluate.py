"""Score an ONNX model: python -m model_training.evaluate --model FILE.onnx --data FILE.npz

Prints one JSON object on standard output and nothing else. Needs numpy and onnxruntime (and OpenCV
to read folders of pictures), never TensorFlow. --without-copies-of TRAIN.npz adds the score over
the images that are not pixel for pixel in the training data too; --speed adds faces per second on
one thread. The model is loaded and run by serving's own classifier.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_training import metrics
from model_training.commands import run_command
from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.faces import FACE_SIZE, FaceSet, find_copies
from model_training.readers import ALL_SPLITS, SPLITS
from storage.errors import InputError
from storage.labels import EXPRESSIONS
from worker.vision.classifier import Classifier

Report = dict[str, object]
"""What is printed; every key is explained in the model card."""

SPEED_BATCH = 32
SPEED_REPEATS = 20


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments)
    return run_command(lambda: print(json.dumps(evaluate_command(options))))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="model_training.evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="ONNX file")
    parser.add_argument("--data", type=Path, required=True, help="npz, csv or class folders")
    parser.add_argument(
        "--split",
        choices=(*SPLITS, ALL_SPLITS),
        default="validation",
        help="where the data names splits (default: validation, the contest's PublicTest)",
    )
    parser.add_argument("--without-copies-of", type=Path, metavar="TRAIN", help="training data")
    parser.add_argument("--speed", action="store_true", help="measure faces per second as well")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap (default: 1)")
    return parser.parse_args(arguments)


def evaluate_command(options: argparse.Namespace) -> Report:
    """Return everything the command prints."""
    classifier = Classifier(options.model)
    faces = read_faces(options.data, split=options.split)
    probabilities = classifier.probabilities(as_input(faces.images))
    report: Report = {"model": options.model.name, "data": options.data.name}
    report |= evaluate(faces, probabilities, seed=options.seed)
    if options.without_copies_of is not None:
        report["without_copies"] = _evaluate_without_copies(
            faces, probabilities, training=options.without_copies_of, seed=options.seed
        )
    if options.speed:
        report["faces_per_second"] = measure_speed(classifier)
    return report


def evaluate(faces: FaceSet, probabilities: npt.NDArray[np.float32], *, seed: int) -> Report:
    """Return the scores of predictions (n, 7) for labelled faces; seed is the bootstrap's."""
    predicted = probabilities.argmax(axis=1)
    confusion = metrics.confusion_matrix(faces.labels, predicted, classes=len(EXPRESSIONS))
    resampled = metrics.bootstrap_confusions(confusion, seed=seed)
    return {
        "n": len(faces),
        "accuracy": _rounded(metrics.accuracy(confusion)),
        "accuracy_ci95": _interval(metrics.accuracy(resampled)),
        "macro_f1": _rounded(metrics.macro_f1(confusion)),
        "macro_f1_ci95": _interval(metrics.macro_f1(resampled)),
        "balanced_accuracy": _rounded(metrics.balanced_accuracy(confusion)),
        "per_class_recall": _by_label(metrics.recall(confusion)),
        "per_class_precision": _by_label(metrics.precision(confusion)),
        "per_class_n": faces.class_counts(),
        "ece": _rounded(metrics.expected_calibration_error(faces.labels, probabilities)),
        "nll": _rounded(metrics.negative_log_likelihood(faces.labels, probabilities)),
        "confusion_matrix": {"labels": list(EXPRESSIONS), "truth_by_predicted": confusion.tolist()},
    }


def _evaluate_without_copies(
    faces: FaceSet, probabilities: npt.NDArray[np.float32], *, training: Path, seed: int
) -> Report:
    """Return the scores over the faces that the training data does not hold."""
    copies = find_copies(faces, read_faces(training, split="training"))
    if copies.all():
        raise InputError(f"{training}: expected other images than --data has, it has all of them")
    report = evaluate(faces.take(~copies), probabilities[~copies], seed=seed)
    return {"of": training.name, "copies": int(copies.sum()), **report}


def measure_speed(classifier: Classifier) -> int:
    """Return faces per second in batches of 32: the fastest of 20 calls, the least disturbed."""
    faces = np.zeros((SPEED_BATCH, FACE_SIZE, FACE_SIZE, 1), dtype=np.float32)
    durations_s = []
    for _ in range(SPEED_REPEATS):
        start = time.perf_counter()
        classifier.probabilities(faces)
        durations_s.append(time.perf_counter() - start)
    return round(SPEED_BATCH / min(durations_s))


def _rounded(score: float | metrics.Scores) -> float:
    return round(float(score), 4)


def _interval(scores: metrics.Scores) -> list[float]:
    interval = metrics.interval_95(scores)
    return [_rounded(interval.low), _rounded(interval.high)]


def _by_label(scores: metrics.Scores) -> dict[str, float | None]:
    """Return scores by label; None for a class that has none, as JSON knows no NaN."""
    rows = zip(EXPRESSIONS, scores, strict=True)
    return {name: None if np.isnan(score) else _rounded(score) for name, score in rows}


if __name__ == "__main__":
    sys.exit(main())
