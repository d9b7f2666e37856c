"""dlib's face recognition network in Keras: a ResNet that tells 7,485 people apart, from which a teacher begins.

29 convolutions, half the channels of ResNet-34, 5.57 million parameters without its last layer. Pictures
are RGB, (x - mean) / 256. Sources: Davis King's dlib 19, examples/dnn_face_recognition_ex.cpp; He et al.
2016, "Deep Residual Learning for Image Recognition". The weights (dlib_face_recognition_resnet_model_v1.dat,
22 MB, CC0) are in the Python package face_recognition_models, and on dlib's own site.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from storage.errors import InputError

MEANS_RGB = (122.782, 117.001, 104.298)
"""Of dlib's input_rgb_image_sized."""
SMALLEST_DLIB_SIZE = 104
"""Of a picture, in pixels: the last of four halvings, without padding, needs three by three numbers. 103 would leave them
too, but an exported Resize makes 102 of it (48 times the nearest float of 103 / 48)."""
STEM_CHANNELS = 32
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""(channels, blocks, whether the first block halves the picture)."""
NORM_MOMENTUM = 0.99
NORM_EPSILON = 1e-3


def build_dlib_resnet(*, image_size: int) -> keras.Model:
    """Build the network without its last layer: pictures (n, size, size, 3) in, activations (n, h, w, 256) out."""
    layers = keras.layers
    pictures = keras.Input((image_size, image_size, 3))
    stem = layers.Conv2D(STEM_CHANNELS, 7, 2, use_bias=False, name="stem_conv")
    x = layers.Activation("relu", name="stem_relu")(_normalised(stem, pictures))
    x = layers.MaxPooling2D(3, 2, name="stem_pool")(x)
    for name, channels, halves in block_names():
        x = _block(x, name, channels, halves=halves)
    return keras.Model(pictures, x, name="dlib_resnet")


def block_names() -> Iterator[tuple[str, int, bool]]:
    """Yield (name, channels, whether it halves the picture) of each block: block1a, block1b, ..."""
    for stage, (channels, repeats, halves) in enumerate(STAGES, start=1):
        for number in range(repeats):
            yield f"block{stage}{'abcd'[number]}", channels, halves and number == 0


def _block(x: keras.KerasTensor, name: str, channels: int, *, halves: bool) -> keras.KerasTensor:
    """Convolve twice and add what came in; dlib pads nothing where it halves."""
    layers = keras.layers
    first = layers.Conv2D(
        channels,
        3,
        2 if halves else 1,
        padding="valid" if halves else "same",
        use_bias=False,
        name=f"{name}_1_conv",
    )
    second = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_2_conv")
    y = layers.Activation("relu", name=f"{name}_1_relu")(_normalised(first, x))
    y = _normalised(second, y)
    if halves:
        x = layers.AveragePooling2D(2, name=f"{name}_pool")(x)
        if x.shape[-1] < channels:  # half as many: the others are added to zeros
            x = layers.Concatenate(name=f"{name}_wide")([x, layers.Rescaling(0.0)(x)])
        height = max(x.shape[1], y.shape[1])
        x, y = _enlarged(x, height), _enlarged(y, height)
    return layers.Activation("relu", name=f"{name}_relu")(layers.Add(name=f"{name}_add")([y, x]))


def _enlarged(x: keras.KerasTensor, height: int) -> keras.KerasTensor:
    """Return activations with zeros below and on the right, as dlib's add_prev adds what differs in size."""
    missing = (0, height - x.shape[1])
    return keras.layers.ZeroPadding2D((missing, missing))(x) if missing[1] else x


def _normalised(convolution: keras.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
    """Convolve and normalise; block1a_1_conv is followed by block1a_1_bn."""
    norm = keras.layers.BatchNormalization(
        momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, name=_norm_name(convolution.name)
    )
    return norm(convolution(x))


def _norm_name(convolution: str) -> str:
    return convolution.removesuffix("_conv") + "_bn"


@dataclass(frozen=True)
class _Convolution:
    """What dlib keeps of a convolution and of the scale and shift after it."""

    kernel: npt.NDArray[np.float32]
    """(channels out, channels in, height, width), flat."""
    bias: npt.NDArray[np.float32]
    gamma: npt.NDArray[np.float32]
    beta: npt.NDArray[np.float32]


def load_dlib_weights(network: keras.Model, path: Path) -> None:
    """Put the numbers of dlib's file into the network.

    Its normalisation was folded into a scale and a shift, which stand here for statistics: they answer
    alike, but say nothing of how activations are spread (model_training.normalisation does).
    Raises InputError if it is another file.
    """
    try:
        found = list(_read_convolutions(path.read_bytes()))
        names = [layer.name for layer in network.layers if layer.name.endswith("_conv")]
        for name, numbers in zip(names, found, strict=True):
            layer, norm = network.get_layer(name), network.get_layer(_norm_name(name))
            height, width, before, after = layer.kernel.shape
            kernel = numbers.kernel.reshape(after, before, height, width)
            layer.set_weights([kernel.transpose(2, 3, 1, 0)])
            variance = np.full(after, 1 - NORM_EPSILON, np.float32)
            norm.set_weights([numbers.gamma, numbers.beta, -numbers.bias, variance])
    except (OSError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: expected dlib_face_recognition_resnet_model_v1.dat, got: {error}"
        ) from None


CONVOLUTION, AFFINE = b"\x01\x05con_4", b"\x01\x07affine_"
"""What stands before the numbers of a layer: the length of its name, its name."""


def _read_convolutions(data: bytes) -> Iterator[_Convolution]:
    """Yield the convolutions in the order of computing, each with the scale and shift after it."""
    position = data.find(CONVOLUTION)
    if position < 0:
        raise ValueError("no convolution of dlib's in it")
    while position >= 0:
        convolution, position = _read_tensor(data, position + len(CONVOLUTION))
        affine = data.find(AFFINE, position)
        if affine < 0:
            raise ValueError("a convolution without scale and shift")
        scales, position = _read_tensor(data, affine + len(AFFINE))
        gamma, beta = np.split(scales, 2)
        kernel, bias = np.split(convolution, [len(convolution) - len(gamma)])
        yield _Convolution(kernel, bias, gamma, beta)
        position = data.find(CONVOLUTION, position)


def _read_tensor(data: bytes, position: int) -> tuple[npt.NDArray[np.float32], int]:
    """Return the numbers of a tensor and where they end: a version, four sizes, then float32."""
    sizes = []
    for _ in range(5):
        size, position = _read_integer(data, position)
        sizes.append(size)
    count = int(np.prod(sizes[1:]))
    numbers = np.frombuffer(data, "<f4", count, position)
    return numbers, position + numbers.nbytes


def _read_integer(data: bytes, position: int) -> tuple[int, int]:
    """Return an integer as dlib writes it (how many bytes, then they) and where it ends."""
    length = data[position]
    if not 1 <= length <= 8:  # a set high bit would be a negative number: no size is
        raise ValueError(f"a size of {length} bytes at {position}")
    end = position + 1 + length
    return int.from_bytes(data[position + 1 : end], "little"), end
