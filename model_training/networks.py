"""Networks, untrained: faces (n, 48, 48, 1) float32 in 0..255 in, probabilities (n, 7) out.

Only Rescaling(1/255) is part of a network. Augmentation is not: exported random layers would be
refused at load (`StatelessRandomUniformV2` is no operator of ONNX Runtime).
"""

from dataclasses import dataclass

import keras

from model_training.contract import INPUT_NAME, OUTPUT_NAME
from model_training.faces import FACE_SIZE
from storage.labels import EXPRESSIONS


@dataclass(frozen=True)
class SeedNetwork:
    """Sizes of the seed's network: four blocks of one convolution, then a dense layer."""

    filters: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of each block."""
    block_dropout: float = 0.1
    """Share of activations dropped after each block. At 0.25, epoch 2 reached 0.39, not 0.46."""
    norm_momentum: float = 0.9
    """How slowly the averages that replace a batch's own follow it. Keras' 0.99 was no worse after 22
    epochs (validation accuracy 0.63 both times): lower in the hope of a steadier validation loss."""
    dense_units: int = 256
    """Width of the layer before the answer."""
    dense_dropout: float = 0.5
    """Share of activations dropped before the answer."""


def build_seed_network(sizes: SeedNetwork) -> keras.Model:
    """Build Conv2D-BatchNormalization-ReLU-MaxPooling2D-Dropout blocks, Flatten, Dense, softmax.

    The dense layer is normalised too: without that, epoch 2 reached 0.34, not 0.46, and after
    seven epochs (with block dropout 0.25) angry, disgust and sad were not found once.
    """
    layers = keras.layers
    faces = keras.Input((FACE_SIZE, FACE_SIZE, 1), name=INPUT_NAME)
    x = layers.Rescaling(1 / 255)(faces)
    for filters in sizes.filters:
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=sizes.norm_momentum)(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.Dropout(sizes.block_dropout)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(sizes.dense_units, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=sizes.norm_momentum)(x)
    x = layers.Activation("relu")(x)
    x = layers.Dropout(sizes.dense_dropout)(x)
    # float32 whatever the policy: a softmax in half precision does not add up to one.
    answer = layers.Dense(len(EXPRESSIONS), activation="softmax", dtype="float32", name=OUTPUT_NAME)
    return keras.Model(faces, answer(x), name="seed")


@dataclass(frozen=True)
class CompactNetwork:
    """Sizes of the compact network: blocks of convolutions, then the average over the picture."""

    filters: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of each block; between blocks the picture is halved."""
    convolutions: tuple[int, ...] = (2, 2, 3, 2)
    """Of each block, 3 by 3. A third one in the third block is the cheapest capacity: 13 % more weights for a tenth of the
    speed in eight bits."""
    dropout: float = 0.4
    """Share of averages dropped before the answer."""
    norm_momentum: float = 0.9
    """How slowly the averages that replace a batch's own follow it."""


def build_compact_network(sizes: CompactNetwork) -> keras.Model:
    """Build a VGG-like network of 1.32 million parameters (in its full size).

    Layer `features` is the average over the picture, `logits` the answer before softmax; both are
    float32 whatever the policy.
    """
    layers = keras.layers
    faces = keras.Input((FACE_SIZE, FACE_SIZE, 1), name=INPUT_NAME)
    x = layers.Rescaling(1 / 255)(faces)
    blocks = zip(sizes.filters, sizes.convolutions, strict=True)
    for block, (filters, convolutions) in enumerate(blocks):
        if block:
            x = layers.MaxPooling2D(2)(x)
        for _ in range(convolutions):
            convolution = layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
            )
            x = layers.BatchNormalization(momentum=sizes.norm_momentum)(convolution(x))
            x = layers.Activation("relu")(x)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    x = layers.Dropout(sizes.dropout, dtype="float32", name="dropped")(x)
    logits = layers.Dense(len(EXPRESSIONS), dtype="float32", name="logits")(x)
    answer = layers.Activation("softmax", dtype="float32", name=OUTPUT_NAME)(logits)
    return keras.Model(faces, answer, name="compact")


def add_vote_head(network: keras.Model, *, emotions: int) -> keras.Model:
    """Return a model over the layers of a compact network that answers (logits, vote logits).

    The second answer exists in training only: it learns how annotators' votes are spread, from the
    same features, and is left behind when the network is exported.
    """
    votes = keras.layers.Dense(emotions, dtype="float32", name="votes")
    outputs = [network.get_layer("logits").output, votes(network.get_layer("dropped").output)]
    return keras.Model(network.input, outputs, name="with_votes")
