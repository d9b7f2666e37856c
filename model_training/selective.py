"""Answering only where the model is sure: what share of faces that leaves, and how many are right.

The threshold under which the product says "uncertain" is chosen by a rule, on the part of the
training data that was held back: the smallest confidence, in whole hundredths, at which at least
80 % of the faces that are kept are read rightly.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_training.metrics import Scores

WANTED_ACCURACY = 0.8
"""Four of five answers that are shown agree with the label; without a threshold it is about two of
three, and people who label such pictures agree with each other about as often."""

THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Those that a report tells about."""


@dataclass(frozen=True)
class Kept:
    """What is left when faces with less confidence are set aside."""

    threshold: float
    """Faces with this confidence or more are kept."""
    share: float
    """Of all faces."""
    n: int
    right: int
    """Of the n that are kept."""

    @property
    def accuracy(self) -> float:
        """The share of the kept that is right; NaN where none is kept."""
        return self.right / self.n if self.n else float("nan")


def keep(truth: npt.ArrayLike, probabilities: npt.ArrayLike, *, threshold: float) -> Kept:
    """Return what is left of labelled predictions (n, k) at a threshold of confidence."""
    confidence, right = _answers(truth, probabilities)
    kept = confidence >= threshold
    return Kept(threshold, float(kept.mean()), int(kept.sum()), int((kept & right).sum()))


def choose_threshold(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike, *, accuracy: float = WANTED_ACCURACY
) -> Kept | None:
    """Return the smallest threshold, in whole hundredths, at which the kept are right often enough.

    None if no threshold is high enough, or if none keeps a face.
    """
    for hundredths in range(101):
        kept = keep(truth, probabilities, threshold=hundredths / 100)
        if kept.n and kept.accuracy >= accuracy:
            return kept
    return None


def selective_curve(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike
) -> tuple[Scores, Scores, Scores]:
    """Return, for 1, 2 ... n faces of the greatest confidence: their share, accuracy and lowest confidence."""
    confidence, right = _answers(truth, probabilities)
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    return kept / len(order), right[order].cumsum() / kept, confidence[order]


def _answers(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike
) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """Return (n,) the confidence of each answer, and whether it is right."""
    p = np.asarray(probabilities, dtype=np.float64)
    return p.max(axis=1), p.argmax(axis=1) == np.asarray(truth)
