"""Which faces are found, by their size, and whether the chain reads them as well as their bare pictures are read.

    PYTHONPATH=. .venv/bin/python benchmarks/coverage.py --data FER2013.npz [--faces 600] [--moving 1200]

Labelled faces of 48 by 48 pixels are enlarged or reduced and pasted into pictures of 640 by 480, six in each; every detector
that is set up looks for them. Then faces of 96 to 160 pixels drift through a compressed video that the engine reads with its
default options.
FER-2013's faces are cut off at brow and chin, which no detector is used to: in pictures of people more are found. Prints JSON.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from storage.records import Detector, JobOptions
from storage.settings import Settings
from tests.vision.chain import SIDES, ChainResult, load_faces, run_chain, run_chain_in_video
from worker.vision.classifier import Classifier
from worker.vision.detectors import load_detector
from worker.vision.pipeline import Pipeline

FACE_SIZES = (24, 32, 40, 48, 64, 96, 128, 160, 200)
"""Sides of the pasted squares, pixels; the picture is searched as it is, so these are pixels of the detection picture."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="npz with images and labels")
    parser.add_argument("--faces", type=int, default=600, help="for each size (default: 600)")
    parser.add_argument("--moving", type=int, default=1200, help="in video (default: 1200)")
    given = parser.parse_args()
    classifier = Classifier(Settings.load().model)
    results = {
        str(name): {
            "by_size": _by_size(name, classifier, given.data, given.faces),
            "in_video": _in_video(name, classifier, given.data, given.moving),
        }
        for name in Settings.load().detectors
    }
    json.dump(results, sys.stdout, indent=2)
    print()


def _by_size(name: Detector, classifier: Classifier, data: Path, count: int) -> dict[str, Any]:
    faces, truth = load_faces(data, count)
    detector = load_detector(name, yunet=Settings.load().yunet)
    return {
        str(size): _scores(
            run_chain(faces, truth, detector=detector, classifier=classifier, sides=(size, size))
        )
        for size in FACE_SIZES
    }


def _in_video(name: Detector, classifier: Classifier, data: Path, count: int) -> dict[str, Any]:
    faces, truth = load_faces(data, count)
    with tempfile.TemporaryDirectory() as folder:
        result = run_chain_in_video(
            faces,
            truth,
            pipeline=Pipeline(name, Settings.load().model, yunet=Settings.load().yunet),
            classifier=classifier,
            folder=Path(folder),
            options=JobOptions(detector=name),
        )
    return {"sides": SIDES, **_scores(result)}


def _scores(result: ChainResult) -> dict[str, Any]:
    return {
        "faces": len(result.truth),
        "coverage": round(result.coverage, 3),
        "strays": result.strays,
        "accuracy": round(result.chained_accuracy, 4),
        "bare_accuracy": round(result.bare_accuracy, 4),
        "loss": round(result.loss, 4),
        "standard_error_of_loss": round(result.loss_error, 4),
    }


if __name__ == "__main__":
    main()
