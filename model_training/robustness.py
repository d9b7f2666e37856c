"""How much of its accuracy a model keeps when faces come from bad boxes and bad recordings.

python -m model_training.robustness --model FILE.onnx --data FILE.npz [--plots FOLDER]

Every face of the data is disturbed in one way at a time (see disturbances.py) and read again; this
prints the scores of each level as one JSON object, and draws them into FOLDER/robustness.png beside
a drawn face that shows what each level does. The same model and data give the same figures.
"""

import argparse
import json
import sys
from pathlib import Path

from model_training import metrics
from model_training.commands import check_plots, run_command, scoring_parser
from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.disturbances import Pictures
from model_training.evaluate import describe_model
from model_training.faces import FaceSet
from model_training.metadata import read_metadata
from model_training.report import Report, confusion_of, interval, rounded
from model_training.trials import TRIALS, Outcome, Trial
from worker.vision.classifier import Classifier


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments)
    return run_command(lambda: print(json.dumps(robustness_command(options))))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = scoring_parser("robustness", __doc__)
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="where to draw robustness.png")
    return parser.parse_args(arguments)


def robustness_command(options: argparse.Namespace) -> Report:
    """Return everything the command prints; draw it as well if asked to."""
    check_plots(options.plots)
    classifier = Classifier(options.model)
    faces = read_faces(options.data, split=options.split)
    predicted = classifier.probabilities(as_input(faces.images))
    accuracy = rounded(metrics.accuracy(confusion_of(faces, predicted)))
    trials = {
        name: try_levels(classifier, faces, trial, seed=options.seed)
        for name, trial in TRIALS.items()
    }
    if options.plots is not None:
        from model_training.robustness_plot import plot_robustness  # only training has matplotlib

        plot_robustness(trials, options.plots / "robustness.png", accuracy=accuracy)
    return {
        **describe_model(options.model, read_metadata(options.model)),
        "data": options.data.name,
        "n": len(faces),
        "accuracy": accuracy,
        "trials": {name: [vars(outcome) for outcome in found] for name, found in trials.items()},
    }


def try_levels(classifier: Classifier, faces: FaceSet, trial: Trial, *, seed: int) -> list[Outcome]:
    """Return the scores at every level of a trial, in its order."""
    return [
        score_pictures(
            classifier, faces, trial.disturb(faces.images, level), level=level, seed=seed
        )
        for level in trial.levels
    ]


def score_pictures(
    classifier: Classifier, faces: FaceSet, pictures: Pictures, *, level: float, seed: int
) -> Outcome:
    """Return how rightly the labels of faces are read from other pictures (n, 48, 48) of them."""
    confusion = confusion_of(faces, classifier.probabilities(as_input(pictures)))
    resampled = metrics.bootstrap_confusions(confusion, seed=seed)
    return Outcome(
        level=level,
        accuracy=rounded(metrics.accuracy(confusion)),
        accuracy_ci95=interval(metrics.accuracy(resampled)),
        macro_f1=rounded(metrics.macro_f1(confusion)),
    )


if __name__ == "__main__":
    sys.exit(main())
