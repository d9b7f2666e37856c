"""What a network that learns should make small: over labels, and over the votes of a crowd."""

import tensorflow as tf

from storage.labels import EXPRESSIONS


def label_loss(logits: tf.Tensor, truth: tf.Tensor, *, smoothing: float) -> tf.Tensor:
    """Return the mean cross-entropy against a truth (n, 7) of which a share is spread over all classes."""
    smoothed = truth * (1 - smoothing) + smoothing / len(EXPRESSIONS)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(smoothed, logits))


def vote_loss(logits: tf.Tensor, votes: tf.Tensor) -> tf.Tensor:
    """Return the mean cross-entropy against the crowd's distribution, over faces that have votes.

    Written out, since TensorFlow's own takes it for granted that rows add up to 1: its gradient moves the answer to a face
    without votes too, and that to a face blended with one moves too far.
    """
    losses = -tf.reduce_sum(votes * tf.nn.log_softmax(logits), axis=1)
    voted = tf.reduce_sum(tf.cast(tf.reduce_sum(votes, axis=1) > 0, tf.float32))
    return tf.math.divide_no_nan(tf.reduce_sum(losses), voted)
