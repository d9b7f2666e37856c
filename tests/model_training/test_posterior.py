"""A label is told better from a network's answer and the annotators' votes than from the answer alone."""

import numpy as np
import numpy.typing as npt
import pytest

from model_training.faces import FaceSet, labelled_faces
from model_training.posterior import fit_posterior, votes_of
from storage.errors import InputError
from storage.labels import EXPRESSIONS
from tests.model_training.fake_faces import draw_faces

N = 3000


@pytest.fixture(scope="module")
def world() -> tuple[npt.NDArray[np.float32], FaceSet, npt.NDArray[np.float64]]:
    """Answers of a network, faces whose labels follow from answers and votes, and how: their probabilities."""
    rng = np.random.default_rng(8)
    answers = rng.dirichlet(np.ones(7), N).astype(np.float32)
    votes = rng.multinomial(10, rng.dirichlet(np.ones(8)), N) / 10
    logits = 0.5 * np.log(answers) + np.log(votes[:, :7] + 0.05)
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(7, p=row) for row in truth], dtype=np.int8)
    images = np.zeros((N, 48, 48), np.uint8)
    faces = labelled_faces(images, labels, np.arange(N), votes.astype(np.float32))
    return answers, faces, truth


def _loss(probabilities: npt.ArrayLike, faces: FaceSet) -> float:
    return float(-np.log(np.asarray(probabilities)[np.arange(len(faces)), faces.labels]).mean())


def test_the_rule_by_which_labels_were_drawn_is_found(world):
    answers, faces, truth = world

    found = fit_posterior(answers, faces).probabilities(answers, votes_of(faces))

    assert np.abs(found - truth).mean() < 0.02
    assert found.sum(axis=1) == pytest.approx(np.ones(N))


def test_it_holds_for_faces_it_was_not_fitted_on(world):
    answers, faces, truth = world
    first, second = np.arange(N // 2), np.arange(N // 2, N)

    posterior = fit_posterior(answers[first], faces.take(first))

    told = posterior.probabilities(answers[second], votes_of(faces.take(second)))
    assert _loss(told, faces.take(second)) < _loss(answers[second], faces.take(second)) - 0.3
    assert _loss(told, faces.take(second)) < _loss(truth[second], faces.take(second)) + 0.05


def test_it_is_the_best_of_its_kind_on_what_it_was_fitted_on(world):
    """No small change of a weight makes labels likelier by more than the penalty counts."""
    answers, faces, _ = world
    posterior = fit_posterior(answers, faces)
    best = _loss(posterior.probabilities(answers, votes_of(faces)), faces)

    rng = np.random.default_rng(9)
    for _ in range(20):
        change = rng.normal(0, 0.01, posterior.weights.shape)
        other = type(posterior)(posterior.weights + change)
        assert _loss(other.probabilities(answers, votes_of(faces)), faces) > best - 1e-4


def test_an_answer_of_zero_and_a_label_that_never_comes_do_no_harm(world):
    answers, faces, _ = world
    seen = np.flatnonzero(faces.labels != EXPRESSIONS.index("disgust"))
    sure = answers[seen].copy()
    sure[:5] = np.eye(7)[:5]

    found = fit_posterior(sure, faces.take(seen)).probabilities(sure, votes_of(faces.take(seen)))

    assert np.isfinite(found).all()
    assert found[:, EXPRESSIONS.index("disgust")].max() < 0.05


def test_faces_without_votes_are_refused():
    with pytest.raises(InputError, match="--votes: expected data with the votes of FER\\+"):
        fit_posterior(np.full((2, 7), 1 / 7), draw_faces([0, 1]))
