"""The worst weights nearby: where they lie, and that the search for them leaves no trace."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from model_training.sharpness import kept, worst_nearby


def test_weights_stand_a_radius_up_the_gradient_and_come_back_exactly():
    weights = [keras.Variable([1.0, 2.0]), keras.Variable([[0.1]])]
    gradients = [tf.constant([3.0, 0.0]), tf.constant([[-4.0]])]
    before = [weight.numpy() for weight in weights]

    with worst_nearby(weights, gradients, radius=0.5):
        moved = [weight.numpy() for weight in weights]

    assert moved[0] == pytest.approx([1.3, 2.0])
    assert moved[1] == pytest.approx(np.array([[-0.3]]))
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, weights, strict=True))


def test_without_a_gradient_weights_stay():
    weight = keras.Variable([1.0, 2.0])

    with worst_nearby([weight], [tf.zeros(2)], radius=0.5):
        assert weight.numpy().tolist() == [1.0, 2.0]


def test_the_loss_is_higher_there():
    weight = keras.Variable([0.3, -0.2])

    def loss() -> tf.Tensor:
        return tf.reduce_sum(weight.value**2)

    with tf.GradientTape() as tape:
        here = loss()
    with worst_nearby([weight], [tape.gradient(here, weight.value)], radius=0.05):
        assert loss() > here


def test_what_is_kept_is_as_before_also_within_a_graph():
    counter = keras.Variable(5.0)

    @tf.function
    def count() -> tf.Tensor:
        with kept([counter]):
            counter.assign_add(1.0)
            inside = tf.identity(counter.value)
        return inside

    assert (float(count()), float(counter.value)) == (6.0, 5.0)
