"""How good a classifier is, from its probabilities and the truth; plain numpy.

In a confusion matrix rows are the truth and columns the prediction.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

ECE_BINS = 15
BOOTSTRAP_ROUNDS = 2000
CHANCE_ROUNDS = 50


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


def confusion_matrix(truth: npt.ArrayLike, predicted: npt.ArrayLike, *, classes: int) -> Counts:
    """Return (classes, classes): how often each class was taken for each."""
    cells = np.asarray(truth, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def accuracy(confusion: Counts) -> Scores:
    """Return the share predicted rightly; (..., k, k) gives (...)."""
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1)))


def recall(confusion: Counts) -> Scores:
    """Return for each class the share of its images that was found; NaN where it has no image."""
    return _ratio(_diagonal(confusion), confusion.sum(axis=-1))


def precision(confusion: Counts) -> Scores:
    """Return for each class the share of its predictions that is right; NaN where it has none."""
    return _ratio(_diagonal(confusion), confusion.sum(axis=-2))


def f1(confusion: Counts) -> Scores:
    """Return 2 TP / (2 TP + FP + FN) for each class; NaN where it never occurs."""
    return _ratio(2 * _diagonal(confusion), confusion.sum(axis=-1) + confusion.sum(axis=-2))


def macro_f1(confusion: Counts) -> Scores:
    """Return the mean F1 over the classes that occur in the truth or the prediction."""
    return np.nanmean(f1(confusion), axis=-1)


def balanced_accuracy(confusion: Counts) -> Scores:
    """Return the mean recall over the classes that are in the truth."""
    return np.nanmean(recall(confusion), axis=-1)


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy over bins of confidence of equal width, lowest first."""

    n: Counts
    """(bins,), answers in each."""
    confidence: Scores
    """(bins,), their mean; NaN where there are none."""
    accuracy: Scores
    """(bins,), the share that is right; NaN where there are none."""

    @property
    def error(self) -> float:
        """The mean distance between confidence and accuracy: the expected calibration error."""
        return float(np.nansum(self.n * np.abs(self.accuracy - self.confidence)) / self.n.sum())


def reliability(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = ECE_BINS
) -> Reliability:
    """Sort answers into bins by their confidence.

    Bins are open below and closed above, as in Guo et al. 2017, "On Calibration of Modern Neural
    Networks".
    """
    p = np.asarray(probabilities, dtype=np.float64)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == np.asarray(truth)
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    n = np.bincount(bin_of, minlength=bins)
    sums = [np.bincount(bin_of, weights=values, minlength=bins) for values in (confidence, right)]
    return Reliability(n, _ratio(sums[0], n), _ratio(sums[1], n))


def expected_calibration_error(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = ECE_BINS
) -> float:
    """Return the mean distance between confidence and accuracy over bins of confidence."""
    return reliability(truth, probabilities, bins=bins).error


def calibration_error_by_chance(
    probabilities: npt.ArrayLike, *, seed: int, rounds: int = CHANCE_ROUNDS
) -> float:
    """Return the calibration error that so many answers have if every probability is exactly true.

    It is not 0, because a bin's accuracy is that of a few hundred images: the mean of truths drawn from the probabilities.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    shares = p.cumsum(axis=1) / p.sum(axis=1, keepdims=True)
    random = np.random.default_rng(seed)
    drawn = ((shares < random.random((len(p), 1))).sum(axis=1) for _ in range(rounds))
    return float(np.mean([expected_calibration_error(truth, p) for truth in drawn]))


def top_label_loss(truth: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the mean of -log(confidence) of right and -log(1 - confidence) of wrong answers, in nats."""
    p = np.asarray(probabilities, dtype=np.float64)
    right = p.argmax(axis=1) == np.asarray(truth)
    in_order = np.sort(p, axis=1)
    of_outcome = np.where(right, in_order[:, -1], in_order[:, :-1].sum(axis=1))  # 1 - p may be 0
    return float(-np.log(np.maximum(of_outcome, np.finfo(np.float64).tiny)).mean())


def negative_log_likelihood(truth: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the mean of -log(probability of the true class), in nats."""
    p = np.asarray(probabilities, dtype=np.float64)
    of_truth = p[np.arange(len(p)), np.asarray(truth, dtype=np.int64)]
    return float(-np.log(np.maximum(of_truth, np.finfo(np.float64).tiny)).mean())


def bootstrap_confusions(confusion: Counts, *, seed: int, rounds: int = BOOTSTRAP_ROUNDS) -> Counts:
    """Return (rounds, k, k): the confusion matrices of images drawn anew with replacement.

    Drawing n images with replacement is drawing the matrix from a multinomial distribution.
    """
    n = int(confusion.sum())
    draws = np.random.default_rng(seed).multinomial(n, confusion.ravel() / n, size=rounds)
    return draws.reshape(rounds, *confusion.shape)


def interval_95(scores: Scores) -> Interval:
    """Return the middle 95 % of bootstrapped scores (rounds,); rounds without a score are left out."""
    low, high = np.nanpercentile(scores, [2.5, 97.5])
    return Interval(float(low), float(high))


def _diagonal(confusion: Counts) -> Counts:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(part: Counts | Scores, whole: Counts) -> Scores:
    """Divide; NaN where the whole is zero."""
    result = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=result, where=np.asarray(whole) > 0)
