"""Score an ONNX model: python -m model_training.evaluate --model FILE.onnx --data FILE.npz

Prints one JSON object on standard output and nothing else. Needs what serving needs, never
TensorFlow. --held-back scores on the part of the training
data that the model's run was validated on: choices are made there, not on a test.
--without-copies-of TRAIN.npz adds the score over the images that are not pixel for pixel in the
training data too; --speed adds faces per CPU second on one thread; --plots FOLDER draws the figures,
with matplotlib. The model is loaded and run by serving's own classifier.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from model_training import metrics, report
from model_training.calibration import stated_calibration
from model_training.commands import DEFAULT_SPLIT, check_plots, run_command, scoring_parser
from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.faces import FACE_SIZE, FaceSet, find_copies
from model_training.heldback import held_back_part
from model_training.metadata import read_metadata
from model_training.report import Probabilities, Report
from model_training.selective import selective_curve
from storage.errors import InputError
from worker.vision.classifier import Classifier

SPEED_BATCH = 32
SPEED_REPEATS = 20


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments)
    return run_command(lambda: print(json.dumps(evaluate_command(options))))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = scoring_parser("evaluate", __doc__)
    parser.set_defaults(split=None)  # to tell whether it was given
    parser.add_argument(
        "--held-back", action="store_true", help="of --data what training held back"
    )
    parser.add_argument("--without-copies-of", type=Path, metavar="TRAIN", help="training data")
    parser.add_argument("--speed", action="store_true", help="measure faces per CPU second")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="where to draw PNG pictures")
    parser.add_argument("--name", help="what to call it in a table (default: its file's name)")
    return parser.parse_args(arguments)


def evaluate_command(options: argparse.Namespace) -> Report:
    """Return everything the command prints; draw it as well if asked to."""
    check_plots(options.plots)
    classifier, metadata = Classifier(options.model), read_metadata(options.model)
    faces = read_scored(options, metadata)
    probabilities = classifier.probabilities(as_input(faces.images))
    scores = {
        "name": options.name or options.model.stem,
        **describe_model(options.model, metadata),
        "data": options.data.name,
        **report.evaluate(faces, probabilities, seed=options.seed),
        **score_confidence(faces, probabilities, classifier, metadata, seed=options.seed),
        "ferplus": report.ferplus_scores(faces, probabilities, seed=options.seed),
    }
    if options.without_copies_of is not None:
        scores["without_copies"] = _evaluate_without_copies(
            faces, probabilities, training=options.without_copies_of, seed=options.seed
        )
    if options.speed:
        scores["faces_per_cpu_second"] = measure_speed(classifier)
    if options.plots is not None:
        below = classifier.uncertain_below
        draw(faces, probabilities, options.plots, below=below, seed=options.seed)
    return scores


def read_scored(options: argparse.Namespace, metadata: Mapping[str, str]) -> FaceSet:
    """Return the faces to score on. Raises InputError if a split is named beside --held-back, which is one of its own."""
    if not options.held_back:
        return read_faces(options.data, split=options.split or DEFAULT_SPLIT)
    if options.split is not None:
        raise InputError(
            f"--split: expected no --held-back beside it, whose faces are those of the run, got {options.split}"
        )
    return held_back_part(options.data, metadata)


def describe_model(path: Path, metadata: Mapping[str, str]) -> Report:
    """Return which file was scored and what its metadata calls it."""
    content = path.read_bytes()
    return {
        "model": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "version": metadata.get("version"),
        "recipe": metadata.get("recipe"),
        "logit_adjustment": float(metadata.get("logit_adjustment", 0)),
    }


def score_confidence(
    faces: FaceSet,
    probabilities: Probabilities,
    classifier: Classifier,
    metadata: Mapping[str, str],
    *,
    seed: int,
) -> Report:
    """Return what the model's confidence is worth; None for what its file does not state."""
    calibration, below = stated_calibration(metadata), classifier.uncertain_below
    return {
        "calibration": None
        if calibration is None
        else report.calibration_scores(faces, probabilities, calibration),
        "selective": report.selective_scores(faces, probabilities, seed=seed),
        "uncertain": None
        if below is None
        else report.uncertain_scores(faces, probabilities, below=below, seed=seed),
    }


def draw(
    faces: FaceSet, probabilities: Probabilities, folder: Path, *, below: float | None, seed: int
) -> None:
    """Draw confusion.png, recall.png, reliability.png and selective.png into a folder."""
    from model_training import plots  # here: only training has matplotlib

    confusion = report.confusion_of(faces, probabilities)
    reliability = metrics.reliability(faces.labels, probabilities)
    curve = selective_curve(faces.labels, probabilities)
    plots.plot_confusion(confusion, folder / "confusion.png")
    plots.plot_recall(confusion, folder / "recall.png", seed=seed)
    plots.plot_reliability(reliability, folder / "reliability.png")
    plots.plot_selective(curve, folder / "selective.png", threshold=below)


def _evaluate_without_copies(
    faces: FaceSet, probabilities: Probabilities, *, training: Path, seed: int
) -> Report:
    """Return the scores over the faces that the training data does not hold."""
    copies = find_copies(faces, read_faces(training, split="training"))
    if copies.all():
        raise InputError(f"{training}: expected other images than --data has, it has all of them")
    scores = report.evaluate(faces.take(~copies), probabilities[~copies], seed=seed)
    return {"of": training.name, "copies": int(copies.sum()), **scores}


def measure_speed(classifier: Classifier) -> int:
    """Return faces per CPU second in batches of 32: the fastest of 20 calls, the least disturbed.

    CPU seconds of the process, so that other work on the machine counts little.
    """
    faces = np.zeros((SPEED_BATCH, FACE_SIZE, FACE_SIZE, 1), dtype=np.float32)
    durations_s = []
    for _ in range(SPEED_REPEATS):
        start = time.process_time()
        classifier.probabilities(faces)
        durations_s.append(time.process_time() - start)
    return round(SPEED_BATCH / min(durations_s))


if __name__ == "__main__":
    sys.exit(main())
