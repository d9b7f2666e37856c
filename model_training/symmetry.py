"""Networks that read a face and its mirror image alike by the build of their kernels, not because they have seen both.

Channels come in pairs, each of which sees in the mirrored picture, mirrored there, what its partner sees in the picture; the
rest are symmetric, partners of themselves. That holds if the kernel that leads from one channel to another is the mirror image
of the one between their partners: 56 % of the compact network's weights say it all. If the last channels are symmetric, their
averages over the picture are the same for both pictures. Such a network is computed, saved and exported like any other. (While
it learns, partners are normalised by a batch's statistics, each by its own: there alike means nearly.)
Sources: Cohen and Welling 2016, "Group equivariant convolutional networks"; Weiler and Cesa 2019, "General E(2)-equivariant
steerable CNNs", for channels of both kinds beside each other.
"""

from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from storage.errors import InputError

ROUNDED = 0.02
"""How far from symmetric kernels to begin with may be, as a share of their largest number: those of seven bits are."""


def begin_symmetric(network: keras.Model, start_from: Path | None) -> None:
    """Make the weights that a network begins with symmetric.

    start_from: the file they come from, if they are no new ones.  Raises InputError if they are not nearly symmetric.
    """
    before = [layer.kernel.numpy() for layer in network.layers if _is_convolution(layer)]
    make_symmetric(network)
    after = [layer.kernel.numpy() for layer in network.layers if _is_convolution(layer)]
    off = [np.abs(a - b).max() / np.abs(a).max() for a, b in zip(before, after, strict=True)]
    if start_from is not None and max(off) > ROUNDED:
        raise InputError(
            f"--start-from {start_from}: expected the weights of a symmetric network, as a symmetric recipe or "
            "model_training.symmetrise leaves them, got others"
        )


def make_symmetric(network: keras.Model) -> None:
    """Replace the weights of a compact network by the nearest ones that keep the symmetry.

    Gradients of a batch do not keep it: this is for after every step. Where all do, nothing changes.
    """
    paired, pairs = 0, iter(paired_channels(network))
    for layer in network.layers:
        if _is_convolution(layer):
            before, paired = paired, next(pairs)
            kernel = layer.kernel.value
            layer.kernel.assign(symmetric_kernel(kernel, paired=paired, paired_inputs=before))
        elif isinstance(layer, keras.layers.BatchNormalization):
            for vector in layer.variables:
                vector.assign(symmetric_vector(vector.value, paired=paired))


def paired_channels(network: keras.Model) -> list[int]:
    """Return how many channels of each convolution are in pairs: half of them, none of the last."""
    convolutions = [each for each in network.layers if _is_convolution(each)]
    return [layer.filters // 4 * 2 for layer in convolutions[:-1]] + [0]


def partners(channels: int, *, paired: int) -> npt.NDArray[np.int64]:
    """Return the partner of each channel: the first `paired` ones are paired from both ends, the rest are symmetric."""
    order = np.arange(channels)
    order[:paired] = order[:paired][::-1]
    return order


def symmetric_kernel(kernel: tf.Tensor, *, paired: int, paired_inputs: int) -> tf.Tensor:
    """Return the mean of a kernel (height, width, inputs, outputs) and of its partners', mirrored.

    paired, paired_inputs: how many of its outputs, and of its inputs, are in pairs.
    """
    came = partners(kernel.shape[-2], paired=paired_inputs)
    go = partners(kernel.shape[-1], paired=paired)
    mirrored = tf.reverse(tf.gather(tf.gather(kernel, came, axis=-2), go, axis=-1), [1])
    return (kernel + mirrored) / 2


def symmetric_vector(vector: tf.Tensor, *, paired: int) -> tf.Tensor:
    """Return the mean of a number per channel and of its partner's."""
    return (vector + tf.gather(vector, partners(vector.shape[0], paired=paired))) / 2


def _is_convolution(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.Conv2D)
