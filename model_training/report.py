"""Everything an evaluation says, as plain values that JSON can hold; every key is explained in the model card.

None stands where a figure does not exist, as JSON knows no NaN.
"""

import numpy as np
import numpy.typing as npt

from model_training import metrics
from model_training.agreement import NOBODY, majority_labels
from model_training.calibration import Calibration, undo_calibration
from model_training.faces import FaceSet
from model_training.selective import THRESHOLDS, Kept, keep
from storage.labels import EXPRESSIONS

Report = dict[str, object]
Probabilities = npt.NDArray[np.float32]


def evaluate(faces: FaceSet, probabilities: Probabilities, *, seed: int) -> Report:
    """Return the scores of predictions (n, 7) for labelled faces; seed is the bootstrap's."""
    confusion = confusion_of(faces, probabilities)
    resampled = metrics.bootstrap_confusions(confusion, seed=seed)
    return {
        "n": len(faces),
        "accuracy": rounded(metrics.accuracy(confusion)),
        "accuracy_ci95": interval(metrics.accuracy(resampled)),
        "macro_f1": rounded(metrics.macro_f1(confusion)),
        "macro_f1_ci95": interval(metrics.macro_f1(resampled)),
        "balanced_accuracy": rounded(metrics.balanced_accuracy(confusion)),
        "balanced_accuracy_ci95": interval(metrics.balanced_accuracy(resampled)),
        "per_class_recall": _by_label(metrics.recall(confusion)),
        "per_class_recall_ci95": _recall_intervals(confusion, metrics.recall(resampled)),
        "per_class_precision": _by_label(metrics.precision(confusion)),
        "per_class_n": faces.class_counts(),
        "ece": rounded(metrics.expected_calibration_error(faces.labels, probabilities)),
        "ece_by_chance": rounded(metrics.calibration_error_by_chance(probabilities, seed=seed)),
        "nll": rounded(metrics.negative_log_likelihood(faces.labels, probabilities)),
        "confusion_matrix": {"labels": list(EXPRESSIONS), "truth_by_predicted": confusion.tolist()},
    }


def confusion_of(faces: FaceSet, probabilities: npt.NDArray[np.floating]) -> metrics.Counts:
    """Return (7, 7): how often each expression was taken for each."""
    return metrics.confusion_matrix(
        faces.labels, probabilities.argmax(axis=1), classes=len(EXPRESSIONS)
    )


def selective_scores(faces: FaceSet, probabilities: Probabilities, *, seed: int) -> list[Report]:
    """Return what each of a few thresholds of confidence keeps."""
    kept = [keep(faces.labels, probabilities, threshold=threshold) for threshold in THRESHOLDS]
    return [describe_kept(one, seed=seed) for one in kept]


def describe_kept(kept: Kept, *, seed: int) -> Report:
    """Return one threshold's share and accuracy, the latter with its interval."""
    outcome = np.array([[kept.right, kept.n - kept.right], [0, 0]])
    return {
        "threshold": kept.threshold,
        "share_kept": rounded(kept.share),
        "accuracy_of_kept": rounded(kept.accuracy) if kept.n else None,
        "accuracy_of_kept_ci95": _accuracy_interval(outcome, seed=seed) if kept.n else None,
    }


def uncertain_scores(
    faces: FaceSet, probabilities: Probabilities, *, below: float, seed: int
) -> Report:
    """Return what the product's threshold does: how many faces of each expression it still answers."""
    sure = probabilities.max(axis=1) >= below
    rest = (
        keep(faces.take(~sure).labels, probabilities[~sure], threshold=0) if (~sure).any() else None
    )
    shares = [
        sure[faces.labels == label].mean() if (faces.labels == label).any() else np.nan
        for label in range(len(EXPRESSIONS))
    ]
    return {
        **describe_kept(keep(faces.labels, probabilities, threshold=below), seed=seed),
        "accuracy_of_uncertain": rounded(rest.accuracy) if rest else None,
        "share_kept_by_class": _by_label(np.array(shares)),
    }


def calibration_scores(
    faces: FaceSet, probabilities: Probabilities, calibration: Calibration
) -> Report:
    """Return calibration error and likelihood without and with the calibration inside a model.

    probabilities: (n, 7), the model's own, in which the calibration already is.
    """
    before = undo_calibration(probabilities, calibration)
    return {
        **calibration._asdict(),
        "ece_before": rounded(metrics.expected_calibration_error(faces.labels, before)),
        "ece_after": rounded(metrics.expected_calibration_error(faces.labels, probabilities)),
        "nll_before": rounded(metrics.negative_log_likelihood(faces.labels, before)),
        "nll_after": rounded(metrics.negative_log_likelihood(faces.labels, probabilities)),
    }


def ferplus_scores(faces: FaceSet, probabilities: Probabilities, *, seed: int) -> Report | None:
    """Return how often the model, and the data's own label, agree with the majority of FER+ annotators.

    Faces without a majority for one of the seven are left out; None if no face is left.
    """
    if faces.votes is None:
        return None
    majority = majority_labels(faces.votes)
    has = majority != NOBODY
    if not has.any():
        return None
    predicted = probabilities[has].argmax(axis=1)
    confusion = metrics.confusion_matrix(majority[has], predicted, classes=len(EXPRESSIONS))
    return {
        "n": int(has.sum()),
        "accuracy": rounded(metrics.accuracy(confusion)),
        "accuracy_ci95": _accuracy_interval(confusion, seed=seed),
        "macro_f1": rounded(metrics.macro_f1(confusion)),
        "labels_agree": rounded((faces.labels[has] == majority[has]).mean()),
    }


def rounded(score: float | metrics.Scores) -> float:
    """Return a score with six decimals: more than is ever shown, so that no figure is rounded twice."""
    return round(float(score), 6)


def interval(scores: metrics.Scores) -> list[float]:
    """Return both ends of the 95 % interval of bootstrapped scores (rounds,)."""
    middle = metrics.interval_95(scores)
    return [rounded(middle.low), rounded(middle.high)]


def _accuracy_interval(confusion: metrics.Counts, *, seed: int) -> list[float]:
    return interval(metrics.accuracy(metrics.bootstrap_confusions(confusion, seed=seed)))


def _recall_intervals(
    confusion: metrics.Counts, resampled: metrics.Scores
) -> dict[str, list[float] | None]:
    """Return the interval of each expression's recall; None for one that has no face."""
    has = confusion.sum(axis=1) > 0
    columns = zip(EXPRESSIONS, has, resampled.T, strict=True)
    return {name: interval(scores) if any_face else None for name, any_face, scores in columns}


def _by_label(scores: metrics.Scores) -> dict[str, float | None]:
    rows = zip(EXPRESSIONS, scores, strict=True)
    return {name: None if np.isnan(score) else rounded(score) for name, score in rows}
