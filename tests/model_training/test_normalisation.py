"""Normalisation that was folded gets statistics again, and the network answers as before; fused, it learns as Keras' does."""

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from model_training.normalisation import measure_statistics, with_fused_normalisation
from tests.model_training.fake_faces import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture
def network() -> keras.Model:
    """Two convolutions whose normalisation only scales and shifts, as after folding."""
    keras.utils.set_random_seed(3)
    pictures = keras.Input((12, 12, 1))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(6, 3)(pictures))
    x = keras.layers.Conv2D(4, 3)(keras.layers.Activation("relu")(x))
    network = keras.Model(pictures, keras.layers.BatchNormalization(epsilon=0.1)(x))
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


def _slopes(network: keras.Model, pictures: npt.NDArray[np.float32]) -> list[npt.NDArray]:
    """Return the gradients of a network that learns, by each of its weights."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(network(pictures, training=True) ** 3)
    slopes = tape.gradient(loss, [weight.value for weight in network.trainable_variables])
    return [np.asarray(slope) for slope in slopes]


def test_a_fused_copy_learns_as_the_network_does(
    network: keras.Model, pictures: npt.NDArray[np.float32]
):
    fused = with_fused_normalisation(network)

    expected, found = _slopes(network, pictures), _slopes(fused, pictures)

    assert len(found) == 8
    largest = float(max(np.abs(slope).max() for slope in expected))
    for one, other in zip(expected, found, strict=True):
        assert other == pytest.approx(one, abs=1e-4 * largest)
    # The statistics of the batch have moved the kept ones: by n / (n - 1) further, for n = 4,096 numbers and more.
    for one, other in zip(network.get_weights(), fused.get_weights(), strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-5)


def test_a_fused_copy_answers_with_the_kept_statistics(
    network: keras.Model, pictures: npt.NDArray[np.float32]
):
    before = np.asarray(network(pictures, training=False))

    fused = with_fused_normalisation(network)

    assert np.array_equal(fused(pictures, training=False), before)
    assert [type(norm).__name__ for norm in _norms(fused)] == ["FusedNormalization"] * 2


def test_frozen_normalisation_stays_frozen_in_a_fused_copy(
    network: keras.Model, pictures: npt.NDArray[np.float32]
):
    for norm in _norms(network):
        norm.trainable = False
    before = np.asarray(network(pictures, training=False))
    fused = with_fused_normalisation(network)

    answers = fused(pictures, training=True)

    assert np.array_equal(answers, before)
    assert len(fused.trainable_variables) == 4
    for one, other in zip(network.get_weights(), fused.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_model_that_is_a_layer_learns_as_it_did_in_a_fused_copy(
    frozen: bool, network: keras.Model, pictures: npt.NDArray[np.float32]
):
    """A transfer's backbone is one."""
    network.trainable = not frozen
    faces = keras.Input((12, 12, 1))
    features = network(faces, training=False if frozen else None)
    outer = keras.Model(faces, keras.layers.Conv2D(2, 3)(features))
    before = np.asarray(outer(pictures, training=False))

    fused = with_fused_normalisation(outer)

    assert fused.layers[1].name == network.name
    assert {type(norm).__name__ for norm in _norms(fused.layers[1])} == {"FusedNormalization"}
    assert np.array_equal(fused(pictures, training=False), before)
    expected, found = _slopes(outer, pictures), _slopes(fused, pictures)
    assert len(found) == (2 if frozen else 10)
    largest = float(max(np.abs(slope).max() for slope in expected))
    for one, other in zip(expected, found, strict=True):
        assert other == pytest.approx(one, abs=1e-4 * largest)
    for one, other in zip(outer.get_weights(), fused.get_weights(), strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-5)
