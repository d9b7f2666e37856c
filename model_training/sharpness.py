"""Sharpness-aware minimization: learn from the gradient at the worst weights nearby instead of at the weights themselves.

What it finds are flat minima, in which wrong labels are learned later and less. Source: Foret, Kleiner, Mobahi and Neyshabur
2021, "Sharpness-Aware Minimization for Efficiently Improving Generalization", ICLR: one step up the gradient, of a fixed length
over all weights, stands for the search for the worst.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf


@contextmanager
def worst_nearby(
    weights: Sequence[keras.Variable], gradients: Sequence[tf.Tensor], *, radius: float
) -> Iterator[None]:
    """Move the weights up their gradients by `radius`, their distance in all; back when the block is left.

    Without a gradient they stay.
    """
    length = tf.linalg.global_norm(gradients)
    with kept(weights):
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_add(tf.math.divide_no_nan(radius * gradient, length))
        yield


@contextmanager
def kept(variables: Sequence[keras.Variable]) -> Iterator[None]:
    """Give variables back their values when the block is left: what happens to them in it does not count."""
    before = [tf.identity(variable.value) for variable in variables]
    yield
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
