"""Normalisation that was folded gets statistics again, and the network answers as before."""

import keras
import numpy as np
import numpy.typing as npt
import pytest

from model_training.normalisation import measure_statistics
from tests.model_training.fake_faces import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture
def network() -> keras.Model:
    """Two convolutions whose normalisation only scales and shifts, as after folding."""
    keras.utils.set_random_seed(3)
    pictures = keras.Input((12, 12, 1))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(6, 3)(pictures))
    x = keras.layers.Conv2D(4, 3)(keras.layers.Activation("relu")(x))
    network = keras.Model(pictures, keras.layers.BatchNormalization()(x))
    rng = np.random.default_rng(3)
    for norm in _norms(network):
        n = norm.gamma.shape[0]
        scale, shift = rng.uniform(0.5, 2, n), rng.normal(0, 1, n)
        norm.set_weights([scale, shift, np.zeros(n), np.full(n, 1 - norm.epsilon)])
    return network


def _norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [each for each in network.layers if isinstance(each, keras.layers.BatchNormalization)]


@pytest.fixture
def pictures() -> npt.NDArray[np.float32]:
    return np.random.default_rng(4).normal(2, 3, (64, 12, 12, 1)).astype(np.float32)


def test_a_network_answers_as_before(network: keras.Model, pictures: npt.NDArray[np.float32]):
    before = np.asarray(network(pictures, training=False))

    measure_statistics(network, pictures)

    assert np.asarray(network(pictures, training=False)) == pytest.approx(before, abs=1e-4)


def test_while_it_learns_it_answers_alike(network: keras.Model, pictures: npt.NDArray[np.float32]):
    before, weights = np.asarray(network(pictures, training=False)), network.get_weights()
    assert np.abs(np.asarray(network(pictures, training=True)) - before).max() > 1
    network.set_weights(weights)  # learning moves the kept statistics

    measure_statistics(network, pictures)

    assert np.asarray(network(pictures, training=True)) == pytest.approx(before, abs=1e-3)


def test_the_statistics_are_those_of_what_comes_in(
    network: keras.Model, pictures: npt.NDArray[np.float32]
):
    measure_statistics(network, pictures)

    first = network.layers[1]
    activations = np.asarray(keras.Model(network.input, first.output)(pictures))
    _, _, mean, variance = _norms(network)[0].get_weights()
    assert mean == pytest.approx(activations.mean(axis=(0, 1, 2)), rel=1e-4)
    assert variance == pytest.approx(activations.var(axis=(0, 1, 2)), rel=1e-4)
