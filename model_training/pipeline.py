"""What all pipelines of batches have in common."""

import tensorflow as tf


def untuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Return batches that are made as they are written down, without TensorFlow's tuning.

    Where it tunes, leaving a pipeline waits for the thread that does, which sleeps ever longer: after an epoch of a minute half
    a minute in which nothing is learned.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)
