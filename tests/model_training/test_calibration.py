"""Calibration: found where it is known, without changing an answer, undone, and folded into a network."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from model_training.calibration import (
    Calibration,
    apply_calibration,
    apply_temperature,
    fit_calibration,
    fit_temperature,
    undo_calibration,
)
from model_training.contract import as_input
from model_training.folding import fold_calibration, fold_temperature
from model_training.metrics import (
    Scores,
    expected_calibration_error,
    negative_log_likelihood,
)
from model_training.networks import (
    CompactNetwork,
    SeedNetwork,
    build_compact_network,
    build_seed_network,
)
from storage.errors import InputError
from tests.model_training.fake_faces import draw_faces

BUILDERS = {
    "seed": lambda: build_seed_network(SeedNetwork(filters=(4,), dense_units=4)),
    "compact": lambda: build_compact_network(CompactNetwork(filters=(4,), convolutions=(1,))),
}


@pytest.fixture(scope="module")
def honest() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Truth (n,) drawn from the probabilities (n, 7) beside it: these mean just what they say."""
    rng = np.random.default_rng(1)
    powers = np.exp(rng.normal(scale=1.5, size=(4000, 7)))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    truth = (probabilities.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    return truth, probabilities


@pytest.fixture(scope="module")
def wavering() -> tuple[npt.NDArray[np.int64], Scores]:
    """The same of 8,000 faces, most of which could be two or three expressions and none of the others."""
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.full(7, 0.3), size=8000)
    truth = (probabilities.cumsum(axis=1) > rng.random((8000, 1))).argmax(axis=1)
    return truth, probabilities


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_spoiled_the_confidence_is_found(honest, temperature: float):
    truth, probabilities = honest
    spoiled = apply_temperature(probabilities, 1 / temperature)

    assert fit_temperature(truth, spoiled) == pytest.approx(temperature, rel=0.05)


def test_calibration_lowers_the_calibration_error_and_keeps_the_answers(honest):
    truth, probabilities = honest
    spoiled = apply_temperature(probabilities, 0.5)

    mended = apply_temperature(spoiled, fit_temperature(truth, spoiled))

    assert expected_calibration_error(truth, spoiled) > 0.1
    assert expected_calibration_error(truth, mended) < 0.03
    assert np.array_equal(mended.argmax(axis=1), probabilities.argmax(axis=1))
    assert mended.sum(axis=1) == pytest.approx(np.ones(len(truth)))


def test_it_is_the_confidence_that_is_made_true(honest):
    """What wrong answers should have been instead says nothing about how many are wrong."""
    truth, probabilities = honest
    rng = np.random.default_rng(2)
    answers = probabilities.argmax(axis=1)
    others = (answers + rng.integers(1, 7, len(truth))) % 7
    wrong = truth != answers
    noisy = np.where(wrong, others, truth)

    assert fit_temperature(noisy, probabilities) == pytest.approx(1, rel=0.05)


def test_certainty_stays_a_number():
    certain = np.eye(7)[:2]

    assert apply_temperature(certain, 2.0)[0] == pytest.approx(certain[0], abs=1e-9)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_folded_temperature_is_what_softmax_would_have_been_given(name: str):
    network = BUILDERS[name]()
    faces = as_input(draw_faces([0, 1, 2]).images)
    expected = apply_temperature(np.asarray(network(faces, training=False)), 0.6)

    fold_temperature(network, 0.6)

    assert np.asarray(network(faces, training=False)) == pytest.approx(expected, abs=1e-5)


def _smoothed(probabilities: Scores) -> Scores:
    """Return what a network says that learned from a tenth of smoothing, as well as one can."""
    return 0.9 * probabilities + 0.1 / 7


def _spoilt(calibration: Calibration) -> Callable[[Scores], Scores]:
    return lambda probabilities: undo_calibration(probabilities, calibration)


SPOILT = {
    "by smoothed labels": _smoothed,
    "where it was cold": _spoilt(Calibration(0.8, 0.07)),
    "where it was hot": _spoilt(Calibration(1.2, 0.03)),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_was_taken_from_the_likelihood_comes_back(wavering, how: str):
    """Calibration leaves less than half of what a temperature leaves."""
    truth, probabilities = wavering
    spoilt = SPOILT[how](probabilities)

    calibrated = apply_calibration(spoilt, fit_calibration(truth, spoilt))
    heated = apply_temperature(spoilt, fit_temperature(truth, spoilt))

    best, *left = (
        negative_log_likelihood(truth, each) for each in (probabilities, calibrated, heated)
    )
    assert left[0] - best < (left[1] - best) / 2
    assert np.abs(calibrated.max(axis=1) - probabilities.max(axis=1)).max() < 0.06


def test_the_numbers_that_spoiled_it_are_found(wavering):
    truth, probabilities = wavering

    found = fit_calibration(truth, undo_calibration(probabilities, Calibration(0.8, 0.07)))

    assert found.noise_floor == pytest.approx(0.07, abs=0.02)
    assert found.temperature == pytest.approx(0.8, rel=0.05)


@pytest.mark.parametrize("of", ["honest", "wavering"])
def test_nothing_that_was_true_is_spoilt_by_calibrating_it(of: str, request: pytest.FixtureRequest):
    """Symptom: by the confidence alone a floor was found under answers that were true."""
    truth, probabilities = request.getfixturevalue(of)

    found = fit_calibration(truth, probabilities)

    mended = apply_calibration(probabilities, found)
    assert found.noise_floor == 0
    assert np.abs(mended.max(axis=1) - probabilities.max(axis=1)).max() < 0.05


@pytest.mark.parametrize(
    "calibration", [Calibration(0.7, 0.1), Calibration(1.5, 0.01), Calibration(0.8)]
)
def test_calibration_keeps_the_order_of_the_answers(honest, calibration: Calibration):
    _, probabilities = honest

    calibrated = apply_calibration(probabilities, calibration)

    assert np.array_equal(calibrated.argsort(axis=1), probabilities.argsort(axis=1))
    assert calibrated.sum(axis=1) == pytest.approx(np.ones(len(calibrated)))


@pytest.mark.parametrize(
    "calibration", [Calibration(0.7, 0.1), Calibration(1.5, 0.01), Calibration(0.8)]
)
def test_what_was_calibrated_can_be_undone(honest, calibration: Calibration):
    _, probabilities = honest
    whole = np.concatenate([probabilities, np.full((1, 7), 1 / 7)])

    assert undo_calibration(apply_calibration(whole, calibration), calibration) == pytest.approx(
        whole, abs=1e-6
    )


@pytest.mark.parametrize("calibration", [Calibration(0.7, 0.1), Calibration(0.7, 0)])
def test_certainty_stays_certain(calibration: Calibration):
    certain = np.eye(7)[:2]

    assert apply_calibration(certain, calibration) == pytest.approx(certain, abs=1e-9)
    assert undo_calibration(certain, calibration) == pytest.approx(certain, abs=1e-9)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_folded_calibration_is_what_applying_it_to_the_answers_gives(name: str):
    network, calibration = BUILDERS[name](), Calibration(0.6, 0.1)
    faces = as_input(draw_faces([0, 1, 2]).images)
    expected = apply_calibration(np.asarray(network(faces, training=False)), calibration)

    folded = fold_calibration(network, calibration)

    assert np.asarray(folded(faces, training=False)) == pytest.approx(expected, abs=1e-5)


def test_a_network_without_a_dense_layer_is_refused():
    network = build_compact_network(CompactNetwork(filters=(4,), convolutions=(1,)))
    averages = type(network)(network.input, network.get_layer("features").output)

    with pytest.raises(InputError, match="expected a network with a dense layer"):
        fold_temperature(averages, 0.6)
