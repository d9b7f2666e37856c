"""Train a transfer: a head on the frozen features of a network that knows something else, then its last blocks.

Stage one leaves a run of its own in OUT/head: features of every face and of its mirror image are
computed once, and a head of one dense layer learns from them. Stage two trains the last blocks and the
head along the annealed schedule, on distorted faces, and leaves the run in OUT.
Normalisation keeps the statistics it came with in both: those of a small batch would undo what was learned. The recipe
`finetune` trains everything in its second stage, normalisation too.
"""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model_training.annealing import train_annealed
from model_training.backbones import (
    BACKBONES,
    IMAGENET,
    NONE,
    build_backbone,
)
from model_training.checkpoints import CHECKPOINT
from model_training.contract import INPUT_NAME, OUTPUT_NAME, as_input
from model_training.faces import FACE_SIZE, FaceSet
from model_training.matching import Teachers
from model_training.normalisation import measure_statistics
from model_training.precision import BFLOAT16
from model_training.recipes import AnnealedRecipe, Transfer, TransferRecipe
from model_training.runs import BEST_MODEL, HISTORY, META
from storage.errors import InputError
from storage.labels import EXPRESSIONS

TRANSFER_OPTIONS = ("backbone", "weights", "image_size")
"""Of the command line; each is a field of Transfer."""
HEAD = "head"
"""Folder of the first stage, in that of the run."""
FEATURES = "features.npz"
FEATURE_BATCH = 128
PREPROCESSED = "preprocessed"
"""Layer whose output is what the backbone takes."""
STATISTICS_FACES = 256
"""Whose activations are measured where a backbone has no statistics."""


def add_transfer_options(parser: argparse.ArgumentParser) -> None:
    """Add what only a transfer takes to a command line."""
    group = parser.add_argument_group("recipes transfer and finetune only")
    group.add_argument("--backbone", help=f"one of: {', '.join(BACKBONES)}")
    group.add_argument("--weights", help="the backbone's: imagenet (default), none or a file")
    group.add_argument("--image-size", type=int, metavar="PIXELS", help="faces are resized to it")


def choose_transfer(transfer: Transfer, options: argparse.Namespace) -> Transfer:
    """Return a transfer with what the command line changes. Raises InputError if it can't be so."""
    given = {name: getattr(options, name) for name in TRANSFER_OPTIONS}
    chosen = replace(
        transfer, **{name: value for name, value in given.items() if value is not None}
    )
    if chosen.backbone not in BACKBONES:
        raise InputError(
            f"--backbone: expected one of {', '.join(BACKBONES)}, got '{chosen.backbone}'"
        )
    if options.precision == BFLOAT16 and not (chosen.whole or options.resume):
        raise InputError(
            f"--precision: expected float32 for a transfer of last blocks, got {BFLOAT16}; they are those of the first "
            "stage's network, which computes in float32; the recipe finetune takes it"
        )
    smallest = BACKBONES[chosen.backbone].smallest_size
    if chosen.image_size < smallest:
        raise InputError(
            f"--image-size: expected {smallest} or more for {chosen.backbone}, got {chosen.image_size}"
        )
    if chosen.weights not in (IMAGENET, NONE) and not Path(chosen.weights).is_file():
        raise InputError(
            f"--weights: expected imagenet, none or a file, found no file '{chosen.weights}'"
        )
    return chosen


def train_transfer(
    recipe: TransferRecipe,
    training: FaceSet,
    validation: FaceSet,
    *,
    out: Path,
    seed: int,
    teachers: Sequence[Teachers] = (),
    resume: bool = False,
    stop_after: int | None = None,
) -> keras.Model:
    """Train both stages and return the network with its averaged weights.

    teachers: of the second stage, asked about the pictures as they are shown, in turn, one per step.
    resume: go on in the stage that was left; its result is the uninterrupted run's. The epochs of the
    first stage take seconds and begin again, its features are read where they were finished.
    stop_after: leave after so many epochs of the second stage, to be resumed.
    """
    if not resume:
        shutil.rmtree(out / HEAD, ignore_errors=True)
        (out / CHECKPOINT).unlink(missing_ok=True)
    head = out / HEAD / BEST_MODEL
    if not head.is_file():
        train_head(recipe.transfer, training, validation, out=out, seed=seed)
    blocks = AnnealedRecipe(
        recipe.name,
        build=lambda: build_second_stage(recipe.transfer, head),
        augmentation=recipe.augmentation,
        schedule=recipe.schedule,
    )
    return train_annealed(
        blocks,
        training,
        validation,
        out=out,
        seed=seed,
        teachers=teachers,
        resume=(out / CHECKPOINT).is_file(),
        stop_after=stop_after,
    )


def build_transfer_network(transfer: Transfer, *, frozen: bool = True) -> keras.Model:
    """Build faces, resized and in three equal channels, into a backbone, then an untrained head.

    frozen: the backbone learns nothing, and its normalisation keeps its statistics.
    Layers `features`, `dropped` and `logits` are what they are in the compact network.
    Raises InputError if the backbone's weights can't be had.
    """
    layers = keras.layers
    name, size = transfer.backbone, transfer.image_size
    trunk = build_backbone(name, weights=transfer.weights, size=size)
    trunk.trainable = not frozen
    faces = keras.Input((FACE_SIZE, FACE_SIZE, 1), name=INPUT_NAME)
    x = layers.Resizing(size, size, interpolation="bilinear")(faces)
    x = layers.Concatenate()([x, x, x])
    x = layers.Rescaling(BACKBONES[name].scale, BACKBONES[name].offset, name=PREPROCESSED)(x)
    x = trunk(x, training=False if frozen else None)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    x = layers.Dropout(transfer.dropout, dtype="float32", name="dropped")(x)
    logits = layers.Dense(len(EXPRESSIONS), dtype="float32", name="logits")(x)
    answer = layers.Activation("softmax", dtype="float32", name=OUTPUT_NAME)(logits)
    return keras.Model(faces, answer, name=f"transfer_{name}")


def build_second_stage(transfer: Transfer, head: Path) -> keras.Model:
    """Return the network of the first stage, in the file `head`, with what is to learn in the second unfrozen."""
    first: keras.Model = keras.saving.load_model(head)
    if not transfer.whole:
        return unfreeze_last_blocks(first, transfer.backbone)
    network = build_transfer_network(replace(transfer, weights=NONE), frozen=False)
    network.set_weights(first.get_weights())
    return network


def unfreeze_last_blocks(network: keras.Model, backbone: str) -> keras.Model:
    """Let the last blocks of a transfer's backbone learn, but for their normalisation; return the network."""
    trunk = network.get_layer(backbone)
    trunk.trainable = True
    for layer in trunk.layers:
        last = layer.name.startswith(BACKBONES[backbone].last_blocks)
        layer.trainable = last and not isinstance(layer, keras.layers.BatchNormalization)
    return network


@dataclass(frozen=True)
class Features:
    """What the frozen backbone makes of the faces."""

    training: npt.NDArray[np.float32]
    """(2 n, d): of n faces, then of their mirror images."""
    validation: npt.NDArray[np.float32]
    """(m, d)."""


def train_head(
    transfer: Transfer, training: FaceSet, validation: FaceSet, *, out: Path, seed: int
) -> None:
    """Train the first stage and leave its network, in one piece, in OUT/head."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    network = build_transfer_network(transfer)
    if not BACKBONES[transfer.backbone].has_statistics:
        preprocess = keras.Model(network.input, network.get_layer(PREPROCESSED).output)
        pictures = preprocess(as_input(training.images[:STATISTICS_FACES]))
        measure_statistics(network.get_layer(transfer.backbone), pictures)
    folder = out / HEAD
    folder.mkdir(parents=True, exist_ok=True)
    features = cached_features(network, training, validation, path=folder / FEATURES)
    fit_head(network, features, (training, validation), transfer=transfer, folder=folder)
    if (out / META).is_file():
        shutil.copy(out / META, folder / META)
    draft = folder / f"draft_{BEST_MODEL}"
    network.save(draft)
    draft.replace(folder / BEST_MODEL)
    (folder / FEATURES).unlink()


def cached_features(
    network: keras.Model, training: FaceSet, validation: FaceSet, *, path: Path
) -> Features:
    """Return the features of the faces: computed, and written to path, or read where they stand there."""
    if path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            return Features(**arrays)
    extractor = keras.Model(network.input, network.get_layer("features").output)

    def extract(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return extractor.predict(as_input(images), batch_size=FEATURE_BATCH, verbose=0)

    straight, mirrored = extract(training.images), extract(training.images[:, :, ::-1])
    features = Features(np.concatenate([straight, mirrored]), extract(validation.images))
    draft = path.with_name(f"draft_{path.name}")
    np.savez(draft, training=features.training, validation=features.validation)
    draft.replace(path)
    return features


def fit_head(
    network: keras.Model,
    features: Features,
    faces: tuple[FaceSet, FaceSet],
    *,
    transfer: Transfer,
    folder: Path,
) -> None:
    """Train the last layer of a transfer's network on features; it keeps the best epoch's weights.

    faces: those for training and validation, whose labels are the truth.
    """
    inputs = keras.Input((features.training.shape[1],))
    head = keras.Model(inputs, network.get_layer("logits")(inputs))
    head.compile(
        optimizer=keras.optimizers.Adam(transfer.head_learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    labels, validation_labels = (part.labels.astype(np.int32) for part in faces)
    head.fit(
        features.training,
        np.tile(labels, 2),
        validation_data=(features.validation, validation_labels),
        batch_size=transfer.head_batch_size,
        epochs=transfer.head_epochs,
        callbacks=[
            keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
            keras.callbacks.CSVLogger(folder / HISTORY),
        ],
        verbose=2,
    )
