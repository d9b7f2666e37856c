"""The temperature: found where it is known, without changing an answer, and folded into a network."""

import numpy as np
import numpy.typing as npt
import pytest

from model_training.calibration import apply_temperature, fit_temperature
from model_training.contract import as_input
from model_training.folding import fold_temperature
from model_training.metrics import expected_calibration_error
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


def test_a_network_without_a_dense_layer_is_refused():
    network = build_compact_network(CompactNetwork(filters=(4,), convolutions=(1,)))
    averages = type(network)(network.input, network.get_layer("features").output)

    with pytest.raises(InputError, match="expected a network with a dense layer"):
        fold_temperature(averages, 0.6)
