"""Give normalisation the statistics of real faces where a network came without: folded ones, as for serving."""

import keras
import numpy as np
import numpy.typing as npt


def measure_statistics(network: keras.Model, pictures: npt.NDArray[np.float32]) -> None:
    """Set the mean and variance of each normalisation to those of its input, such that the network answers as before.

    While it learns, a network normalises with the statistics of its batch. Where the kept ones are another
    thing (a folded normalisation has mean 0 and variance 1), the first step would change every activation.
    pictures: what the network takes; some hundreds suffice, in memory all at once with all activations.
    """
    norms = [each for each in network.layers if isinstance(each, keras.layers.BatchNormalization)]
    inputs = keras.Model(network.input, {norm.name: norm.input for norm in norms})
    found = inputs(pictures, training=False)
    for norm in norms:
        gamma, beta, mean, variance = norm.get_weights()
        values = np.asarray(found[norm.name], dtype=np.float32)
        axes = tuple(range(values.ndim - 1))
        here, spread = values.mean(axis=axes), values.var(axis=axes)
        scale = gamma / np.sqrt(variance + norm.epsilon)
        norm.set_weights(
            [
                scale * np.sqrt(spread + norm.epsilon),
                beta + scale * (here - mean),
                here,
                spread,
            ]
        )
