"""Networks trained on something else, from which a transfer begins, and what each of them wants to see.

VGG16, ResNet50 and EfficientNetB0 come from keras.applications, whose weights Keras downloads once;
EfficientNet-Lite0 is built here, its ImageNet weights come in a Python package (lite0_weights.py);
dlib's network for face recognition is built here too, its weights are a file to be named (dlib_resnet.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from model_training.dlib_resnet import (
    MEANS_RGB,
    SMALLEST_DLIB_SIZE,
    build_dlib_resnet,
    load_dlib_weights,
)
from model_training.lite0 import build_lite0
from model_training.lite0_weights import find_package_file, load_torch_weights
from storage.errors import InputError

IMAGENET, NONE = "imagenet", "none"
"""What --weights takes besides a file."""
IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)
IMAGENET_STDDEV_RGB = (0.229, 0.224, 0.225)
"""Of values from 0 to 1."""


@dataclass(frozen=True)
class Backbone:
    """A network without its top: pictures (n, size, size, 3) in, activations (n, h, w, c) out."""

    build: Callable[[int, str], keras.Model]
    """Returns it for (size, weights): imagenet, none or the path of a file."""
    last_blocks: tuple[str, ...]
    """How the names of the layers begin that a transfer trains in its second stage."""
    scale: float = 1.0
    """What pixels of 0 to 255 are multiplied by, before `offset` is added: the family's own
    preprocess_input."""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """For each channel, in the order of channels the family was trained with."""
    smallest_size: int = 32
    """Width and height of the smallest picture, in pixels: five times halved, one is left."""
    has_statistics: bool = True
    """Whether its normalisation keeps the statistics it was trained with."""


def build_backbone(name: str, *, weights: str, size: int) -> keras.Model:
    """Return a backbone for pictures of size by size pixels.

    weights: imagenet, none or a file (.weights.h5 or .h5 as Keras saves them without the top; for
    efficientnet_lite0 a .pth of PyTorch too).
    Raises InputError if they can't be had, or belong to another network.
    """
    try:
        return BACKBONES[name].build(size, weights)
    except InputError:
        raise
    except Exception as error:  # Keras raises plain Exception where a download fails
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if weights == IMAGENET:
            raise InputError(
                f"--weights imagenet: expected to download the weights of {name} once, got: {reason}; "
                "give --weights FILE with a copy of them (without the top), or --weights none"
            ) from error
        raise InputError(
            f"--weights {weights}: expected the weights of {name} without its top, got: {reason}"
        ) from error


def _from_keras(build: Callable[..., keras.Model]) -> Callable[[int, str], keras.Model]:
    """Return how to build a network of keras.applications."""

    def build_it(size: int, weights: str) -> keras.Model:
        given = None if weights == NONE else weights
        return build(weights=given, include_top=False, input_shape=(size, size, 3))

    return build_it


def _build_efficientnet_b0(size: int, weights: str) -> keras.Model:
    """Build EfficientNetB0; a file is taken for a copy of what Keras would have downloaded.

    With `imagenet` Keras divides its input by the square root of the channels' deviations once more
    than with a file of the same weights (TensorFlow issue 49930); here both answer alike. Its layer
    Normalization, whose numbers tf2onnx takes for inputs of the graph, becomes a Rescaling; without weights
    one with ImageNet's numbers all the same, so that trained weights set afterwards see what they have learned from.
    """
    network = _from_keras(keras.applications.EfficientNetB0)(size, weights)
    once_more = 1.0 if weights in (IMAGENET, NONE) else np.sqrt(IMAGENET_STDDEV_RGB)

    def copied(layer: keras.Layer) -> keras.Layer:
        if not isinstance(layer, keras.layers.Normalization):
            return layer.from_config(layer.get_config())
        mean, variance, _ = layer.get_weights()
        deviation = np.sqrt(variance) * once_more
        if weights == NONE:
            mean, deviation = np.array(IMAGENET_MEAN_RGB), np.array(IMAGENET_STDDEV_RGB)
        return keras.layers.Rescaling((1 / deviation).tolist(), (-mean / deviation).tolist())

    copy = keras.models.clone_model(network, clone_function=copied)
    for layer in copy.layers:
        if layer.weights:
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return copy


def _build_efficientnet_lite0(size: int, weights: str) -> keras.Model:
    network = build_lite0(image_size=size, include_top=False)
    if weights == IMAGENET:
        load_torch_weights(network, find_package_file())
    elif weights.endswith(".pth"):
        load_torch_weights(network, Path(weights))
    elif weights != NONE:
        network.load_weights(weights)
    return network


def _build_dlib_resnet(size: int, weights: str) -> keras.Model:
    network = build_dlib_resnet(image_size=size)
    if weights == IMAGENET:
        raise InputError(
            "--weights imagenet: dlib_resnet has learned faces, not ImageNet; give --weights FILE with "
            "dlib_face_recognition_resnet_model_v1.dat (the package face_recognition_models has it), or none"
        )
    if weights.endswith(".dat"):
        load_dlib_weights(network, Path(weights))
    elif weights != NONE:
        network.load_weights(weights)
    return network


CAFFE_OFFSET = (-103.939, -116.779, -123.68)
"""Means of blue, green and red over ImageNet: caffe's networks, which keras.applications hold."""

BACKBONES = {
    "vgg16": Backbone(
        _from_keras(keras.applications.VGG16), last_blocks=("block5",), offset=CAFFE_OFFSET
    ),
    "resnet50": Backbone(
        _from_keras(keras.applications.ResNet50), last_blocks=("conv5",), offset=CAFFE_OFFSET
    ),
    "efficientnetb0": Backbone(
        _build_efficientnet_b0, last_blocks=("block4", "block5", "block6", "block7", "top")
    ),
    "efficientnet_lite0": Backbone(
        _build_efficientnet_lite0,
        last_blocks=("block4", "block5", "block6", "block7", "top"),
        scale=1 / 128,
        offset=(-127 / 128,) * 3,
    ),
    "dlib_resnet": Backbone(
        _build_dlib_resnet,
        last_blocks=("block4", "block5"),
        scale=1 / 256,
        offset=(-MEANS_RGB[0] / 256, -MEANS_RGB[1] / 256, -MEANS_RGB[2] / 256),
        smallest_size=SMALLEST_DLIB_SIZE,
        has_statistics=False,
    ),
}
"""By the names that --backbone takes."""
