"""EfficientNet-Lite0 in Keras: EfficientNet-B0 without squeeze-and-excitation, with ReLU6 for swish.

Both leave out what eight-bit arithmetic handles badly. 4.65 million parameters with its 1000 classes
of ImageNet, 3.37 without. Layers are named as in Keras' EfficientNetB0. Its pictures are (x - 127) / 128.
Sources: Tan and Le 2019, "EfficientNet"; the table of blocks is that of Google's
efficientnet_lite_builder.py (Apache License 2.0).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import keras

CLASSES = 1000
"""Of ImageNet."""
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
DROPOUT = 0.2
NORM_MOMENTUM = 0.99
NORM_EPSILON = 1e-3


@dataclass(frozen=True)
class Stage:
    """Blocks of the same width; the first one makes the picture smaller."""

    repeats: int
    kernel: int
    """Width and height of the depthwise convolution."""
    stride: int
    """Of the first block's."""
    expand: int
    """Channels inside a block for each channel that comes in."""
    channels: int
    """Channels that go out."""


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def block_names() -> Iterator[tuple[str, Stage, int]]:
    """Yield (name, stage, stride) of every block in order: block1a, block2a, block2b, …"""
    for number, stage in enumerate(STAGES, 1):
        for place in range(stage.repeats):
            yield f"block{number}{chr(ord('a') + place)}", stage, 1 if place else stage.stride


def build_lite0(*, image_size: int, include_top: bool) -> keras.Model:
    """Build the network, untrained: pictures (n, image_size, image_size, 3) about -1 to 1 in.

    include_top: answer with the logits (n, 1000) of ImageNet; without, with the last activations
    (n, image_size / 32, image_size / 32, 1280).
    """
    layers = keras.layers
    pictures = keras.Input((image_size, image_size, 3))
    x = _normalised(layers.Conv2D(STEM_CHANNELS, 3, 2, **_KERNEL, name="stem_conv"), pictures)
    x = _active(x, "stem")
    for name, stage, stride in block_names():
        x = _block(x, name, stage, stride)
    x = _normalised(layers.Conv2D(HEAD_CHANNELS, 1, **_KERNEL, name="top_conv"), x)
    x = _active(x, "top")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(DROPOUT, name="top_dropout")(x)
        x = layers.Dense(CLASSES, name="predictions")(x)
    return keras.Model(pictures, x, name="efficientnet_lite0")


_KERNEL = {"padding": "same", "use_bias": False}


def _block(x: keras.KerasTensor, name: str, stage: Stage, stride: int) -> keras.KerasTensor:
    """Widen, convolve each channel alone, narrow; where the shape stays, add what came in."""
    before, channels = x, x.shape[-1]
    if stage.expand != 1:
        wide = keras.layers.Conv2D(
            channels * stage.expand, 1, **_KERNEL, name=f"{name}_expand_conv"
        )
        x = _active(_normalised(wide, x), f"{name}_expand")
    depthwise = keras.layers.DepthwiseConv2D(stage.kernel, stride, **_KERNEL, name=f"{name}_dwconv")
    x = _active(_normalised(depthwise, x), name)
    narrow = keras.layers.Conv2D(stage.channels, 1, **_KERNEL, name=f"{name}_project_conv")
    x = _normalised(narrow, x)
    if stride == 1 and channels == stage.channels:
        x = keras.layers.Add(name=f"{name}_add")([x, before])
    return x


def _normalised(convolution: keras.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
    """Convolve and normalise; block2a_dwconv is followed by block2a_bn, stem_conv by stem_bn."""
    name = norm_name(convolution.name)
    norm = keras.layers.BatchNormalization(momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, name=name)
    return norm(convolution(x))


def norm_name(convolution: str) -> str:
    """Return the name of the normalisation that follows a convolution."""
    return convolution.removesuffix("_dwconv").removesuffix("_conv") + "_bn"


def _active(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(6.0, name=f"{name}_activation")(x)
