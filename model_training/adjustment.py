"""Logit adjustment: rare expressions are found more often, at the price of more mistakes in all.

python -m model_training.adjustment --model FILE.onnx --data TRAIN.npz [--out FILE.json]

A network trained on few faces of an expression names it rarely. Subtracting tau times the logarithm
of each expression's share of the training data from the logits takes that back, all of it at tau 1.
This prints what each tau would do on the part of the training data that was held back, and nowhere
else: the choice is export's --logit-adjustment TAU.

Source: Menon et al. 2021, "Long-tail learning via logit adjustment".
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_training import metrics
from model_training.calibration import (
    apply_calibration,
    fit_calibration,
    stated_calibration,
    undo_calibration,
)
from model_training.commands import check_output, run_command
from model_training.contract import as_input
from model_training.faces import FaceSet
from model_training.heldback import held_back_part
from model_training.metadata import read_metadata
from model_training.report import confusion_of
from storage.errors import InputError
from storage.labels import EXPRESSIONS
from worker.vision.classifier import Classifier

TAUS = (0.0, 0.1, 0.2, 0.3, 0.5)

Row = dict[str, float | None]
"""The scores at one tau; None for the recall of an expression without a face."""

COLUMNS = ("tau", "accuracy", "macro_f1", "balanced_accuracy", "disgust_recall", "ece")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments)
    return run_command(lambda: adjustment_command(options))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="model_training.adjustment", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="ONNX file of export")
    parser.add_argument("--data", type=Path, required=True, help="the run's training data")
    parser.add_argument("--out", type=Path, help="JSON file to write as well")
    return parser.parse_args(arguments)


def adjustment_command(options: argparse.Namespace) -> None:
    """Print the table, and write it as JSON if asked to."""
    if options.out is not None:
        check_output(options.out, suffix=".json")
    classifier, metadata = Classifier(options.model), read_metadata(options.model)
    if float(metadata.get("logit_adjustment", 0)):
        raise InputError(
            f"{options.model}: expected a model without logit adjustment, this one has tau "
            f"{metadata['logit_adjustment']}; export it without and compare from there"
        )
    faces = held_back_part(options.data, metadata)
    probabilities = classifier.probabilities(as_input(faces.images))
    calibration = stated_calibration(metadata)
    raw = probabilities if calibration is None else undo_calibration(probabilities, calibration)
    shares = class_shares(json.loads(metadata["data"])["training"]["classes"])
    rows = [score_adjusted(faces, raw, shares, tau=tau) for tau in TAUS]
    print(_as_text(rows))
    if options.out is not None:
        table = {"model": options.model.name, "data": options.data.name, "n": len(faces)}
        options.out.write_text(json.dumps({**table, "rows": rows}, indent=1) + "\n")


def class_shares(counts: Mapping[str, int]) -> metrics.Scores:
    """Return (7,) the share of each expression; one without a face counts as if it had one."""
    n = np.maximum([counts[name] for name in EXPRESSIONS], 1)
    return n / n.sum()


def adjust(
    probabilities: npt.ArrayLike, shares: metrics.Scores, *, tau: float
) -> npt.NDArray[np.float64]:
    """Return the probabilities (n, 7) that adjusted logits would give; shares (7,) add up to one."""
    weighted = np.asarray(probabilities, dtype=np.float64) * shares**-tau
    return weighted / weighted.sum(axis=1, keepdims=True)


def score_adjusted(
    faces: FaceSet, raw: npt.ArrayLike, shares: metrics.Scores, *, tau: float
) -> Row:
    """Return the scores at one tau, with a calibration fitted after it, as export does.

    raw: (n, 7) probabilities before calibration.
    """
    adjusted = adjust(raw, shares, tau=tau)
    probabilities = apply_calibration(adjusted, fit_calibration(faces.labels, adjusted))
    confusion = confusion_of(faces, probabilities)
    row = {
        "tau": tau,
        "accuracy": float(metrics.accuracy(confusion)),
        "macro_f1": float(metrics.macro_f1(confusion)),
        "balanced_accuracy": float(metrics.balanced_accuracy(confusion)),
        "disgust_recall": float(metrics.recall(confusion)[EXPRESSIONS.index("disgust")]),
        "ece": metrics.expected_calibration_error(faces.labels, probabilities),
    }
    return {name: None if np.isnan(score) else round(score, 4) for name, score in row.items()}


def _as_text(rows: list[Row]) -> str:
    lines = ["  ".join(f"{name:>17}" for name in COLUMNS)]
    for row in rows:
        figures = ["" if row[name] is None else f"{row[name]:.4f}" for name in COLUMNS]
        lines.append("  ".join(f"{figure:>17}" for figure in figures))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
