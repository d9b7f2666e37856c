"""Random numbers for a batch that follow from a seed alone: drawn again, they are the same."""

import tensorflow as tf


class Draw:
    """One random number per face, another at every call; all follow from the seed."""

    def __init__(self, n: tf.Tensor, seed: tf.Tensor) -> None:
        """Draw for n faces; seed: two integers."""
        self._n = n
        self._seed = tf.cast(seed, tf.int32)
        self._calls = 0

    def between(self, low: float, high: float) -> tf.Tensor:
        """Return (n,) float32, low to high, evenly spread."""
        return tf.random.stateless_uniform([self._n], self._next(), low, high)

    def chance(self, share: float) -> tf.Tensor:
        """Return (n,) bool, true for about this share."""
        return self.between(0, 1) < share

    def gamma(self, shape: float) -> tf.Tensor:
        """Return (n,) float32 of a gamma distribution of this shape and scale 1."""
        return tf.random.stateless_gamma([self._n], self._next(), alpha=shape)

    def normal(self, deviation: float) -> tf.Tensor:
        """Return (n,) float32 of a normal distribution of mean 0 and this standard deviation."""
        return tf.random.stateless_normal([self._n], self._next(), stddev=deviation)

    def grain(self, size: int) -> tf.Tensor:
        """Return (n, size, size, 1) float32 of a normal distribution of mean 0 and variance 1."""
        return tf.random.stateless_normal([self._n, size, size, 1], self._next())

    def _next(self) -> tf.Tensor:
        self._calls += 1
        return tf.random.experimental.stateless_fold_in(self._seed, self._calls)


def per_face(values: tf.Tensor) -> tf.Tensor:
    """Return (n,) as (n, 1, 1, 1), to meet a batch of pictures."""
    return values[:, None, None, None]
