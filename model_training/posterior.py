"""What a face's label most likely is, given what a network answers and how ten annotators voted.

A label of FER-2013 is one person's word. The votes of FER+ say how others see the same face, in other words (contempt
is among them) and by another custom: a multinomial logistic regression, fitted on faces no network has learned from,
turns both together into the probabilities of the label. On faces held back that reads more labels than any network does,
because it is told more; so it is a teacher, not a model. Source: Lopez-Paz et al. 2016, "Unifying distillation and
privileged information".
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_training.faces import FaceSet
from storage.errors import InputError
from storage.labels import EXPRESSIONS

SMALLEST_PROBABILITY = 1e-4
VOTE_OFFSET = 0.05
"""Added to shares of votes before the logarithm: half a vote of ten."""
PENALTY = 1e-3
"""Of the squared weights, per face: as good as a tenth of it in five-fold fits."""
MOST_STEPS = 100
SMALLEST_CHANGE = 1e-10
"""Of the weights, in a step of Newton's method: then it ends."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Posterior:
    """A fitted regression."""

    weights: Array
    """(features + 1, 7); the last row is the bias."""

    def probabilities(self, answers: npt.ArrayLike, votes: npt.ArrayLike) -> Array:
        """Return the probabilities (n, 7) of faces' labels, given a network's answers (n, 7) and shares of votes (n, 8)."""
        return _softmax(_features(answers, votes) @ self.weights)


def fit_posterior(answers: npt.ArrayLike, faces: FaceSet) -> Posterior:
    """Fit the labels of faces to a network's answers (n, 7) and the faces' votes, by Newton's method.

    Raises InputError if the faces have no votes.
    """
    features = _features(answers, votes_of(faces))
    truth = np.eye(len(EXPRESSIONS))[faces.labels]
    n, width = features.shape
    weights = np.zeros((width, len(EXPRESSIONS)))
    penalty = np.append(np.full(width - 1, 2 * PENALTY), 1e-9)  # hardly the bias
    for _ in range(MOST_STEPS):
        p = _softmax(features @ weights)
        slope = features.T @ (p - truth) / n + penalty[:, None] * weights
        curvature = _curvature(features, p) + np.diag(np.repeat(penalty, len(EXPRESSIONS)))
        step = np.linalg.solve(curvature, slope.ravel()).reshape(weights.shape)
        weights = weights - step
        if np.abs(step).max() < SMALLEST_CHANGE:
            break
    return Posterior(weights)


def _curvature(features: Array, p: Array) -> Array:
    """Return the second derivatives of the mean loss by the weights, (size, size) for weights of that size."""
    n, width = features.shape
    blocks = np.empty((width, len(EXPRESSIONS), width, len(EXPRESSIONS)))
    for one, other in np.ndindex(len(EXPRESSIONS), len(EXPRESSIONS)):
        spread = p[:, one] * ((one == other) - p[:, other])
        blocks[:, one, :, other] = (features * spread[:, None]).T @ features / n
    return blocks.reshape(width * len(EXPRESSIONS), -1)


def votes_of(faces: FaceSet) -> npt.NDArray[np.float32]:
    """Return the shares (n, 8) of the votes for faces. Raises InputError if they have none."""
    if faces.votes is None:
        raise InputError("--votes: expected data with the votes of FER+, got data without")
    return faces.votes


def _features(answers: npt.ArrayLike, votes: npt.ArrayLike) -> Array:
    logits = np.log(np.maximum(np.asarray(answers, dtype=np.float64), SMALLEST_PROBABILITY))
    seen = np.log(np.asarray(votes, dtype=np.float64) + VOTE_OFFSET)
    return np.concatenate([logits, seen, np.ones((len(logits), 1))], axis=1)


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
