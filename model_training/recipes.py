"""Training recipes as data: `--recipe NAME` is an entry of RECIPES, a new recipe a new entry."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import keras

from model_training.networks import (
    CompactNetwork,
    SeedNetwork,
    build_compact_network,
    build_seed_network,
)


@dataclass(frozen=True)
class Augmentation:
    """Ranges within which each training picture is changed anew in every epoch."""

    rotation_degrees: float = 20.0
    """Turned by up to this much either way."""
    zoom: float = 0.2
    """Height and width scaled, each on its own, by 1 minus to 1 plus this."""
    horizontal_flip: bool = True
    """Mirrored left to right half of the time."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network learns; patience counts epochs without a better loss."""

    epochs: int = 60
    """At most so many."""
    batch_size: int = 64
    """Faces per step."""
    learning_rate: float = 1e-3
    """Adam's, at the start."""
    plateau_patience: int = 4
    """After so many epochs the learning rate is multiplied by plateau_factor."""
    plateau_factor: float = 0.5
    """What the learning rate is multiplied by."""
    stop_patience: int = 10
    """After so many epochs training ends."""
    validation_fraction: float = 0.1
    """Share of the training data held back where no validation data is given."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a model comes out, besides data and random seed."""

    name: str
    """What --recipe takes."""
    build: Callable[[], keras.Model]
    """Returns the untrained network."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True)
class Distortion:
    """Ranges within which a compact recipe's training pictures are changed anew in every epoch."""

    flip: float = 0.5
    """Share mirrored left to right."""
    rotation_degrees: float = 15.0
    """Turned by up to this much either way."""
    scale: float = 0.2
    """Height and width, each on its own, by 1 minus to 1 plus this."""
    size: float = 0.0
    """Both together, by a factor whose natural logarithm has this standard deviation: detectors frame faces differently."""
    shift: float = 0.12
    """Moved by up to this share of the picture, in both directions."""
    brightness: float = 0.2
    """Lighter or darker by up to this share of the full range."""
    contrast: float = 0.2
    """Distances from the mean multiplied by 1 minus to 1 plus this."""
    compression: float = 0.1
    """Share quantised as JPEG and video codecs do."""
    low_resolution: float = 0.15
    """Share seen as a face of 24 or 16 pixels."""
    blur: float = 0.1
    """Share out of focus."""
    dim: float = 0.1
    """Share with a fifth to seven tenths of the light."""
    grain: float = 0.1
    """Share with noise."""
    erase: float = 0.6
    """Share with a grey rectangle somewhere."""
    erase_pixels: int = 20
    """Longest side of that rectangle."""
    mixup: float = 0.0
    """Share blended with another face of the batch, and its truth with the other's. For runs of hundreds of epochs: in fifty
    it leaves more unlearned (0.66 of the distorted training faces are read rightly) than it protects."""
    mixup_alpha: float = 0.4
    """Of the Beta distribution the blends follow: the smaller, the more one face prevails."""
    teacher_share: float = 0.5
    """Share of the truth that a teacher says, where one is given."""


@dataclass(frozen=True)
class Annealing:
    """Stochastic gradient descent whose rate rises, then falls to zero along a cosine."""

    epochs: int = 60
    """So many; with a time budget as many as fit."""
    batch_size: int = 128
    """Faces per step."""
    learning_rate: float = 0.1
    """At its highest."""
    warm_up: float = 0.08
    """Share of the run in which the rate rises from zero."""
    momentum: float = 0.9
    """Nesterov's."""
    weight_decay: float = 5e-4
    """Of the kernels; not of biases, nor of normalisation."""
    sharpness_radius: float = 0.0
    """How far from the weights the gradient is taken (model_training.sharpness); above 0 a step costs half as much again."""
    symmetric: bool = False
    """Whether each step ends with the nearest weights that read a face and its mirror image alike (symmetry.py)."""
    label_smoothing: float = 0.1
    """Share of the truth spread over all classes."""
    vote_weight: float = 1.0
    """What the loss over FER+ votes counts beside the loss over labels."""
    average_decay: float = 0.998
    """How slowly the averaged weights, which are kept, follow the trained ones."""
    mixed_precision: bool = True
    """Compute in bfloat16, keep weights in float32: 33 s an epoch of steps instead of 56 on two cores that have instructions
    for it. `train` sets it to False on a machine without (precision.py)."""
    validation_fraction: float = 0.1
    """Share of the training data held back where no validation data is given."""
    time_budget_minutes: float | None = None
    """If set, the rate reaches zero after so many minutes, whatever the epochs."""


@dataclass(frozen=True)
class AnnealedRecipe:
    """A network trained once along an annealed schedule, with averaged weights."""

    name: str
    """What --recipe takes."""
    build: Callable[[], keras.Model]
    """Returns the untrained network."""
    augmentation: Distortion = field(default_factory=Distortion)
    schedule: Annealing = field(default_factory=Annealing)


@dataclass(frozen=True)
class Transfer:
    """What a transfer begins with, and its first stage: a head on frozen features."""

    backbone: str = "efficientnet_lite0"
    """One of backbones.BACKBONES."""
    weights: str = "imagenet"
    """The backbone's: imagenet, none or the path of a file."""
    image_size: int = 96
    """Width and height, in pixels, to which faces are resized."""
    whole: bool = False
    """Whether the second stage trains the whole backbone, with the statistics of its batches, instead of its last blocks."""
    dropout: float = 0.2
    """Share of averages dropped before the answer, in the second stage."""
    head_epochs: int = 20
    """At most so many over the features; three without a better validation loss end the stage."""
    head_batch_size: int = 256
    """Faces per step of the first stage."""
    head_learning_rate: float = 1e-3
    """Adam's, in the first stage."""


@dataclass(frozen=True)
class TransferRecipe:
    """A network trained on something else, taught expressions in two stages."""

    name: str
    """What --recipe takes."""
    transfer: Transfer = field(default_factory=Transfer)
    augmentation: Distortion = field(default_factory=Distortion)
    """Of the second stage."""
    schedule: Annealing = field(default_factory=Annealing)
    """Of the second stage."""


MILD = Distortion(
    scale=0.15,
    shift=0.1,
    compression=0.03,
    low_resolution=0.04,
    blur=0.03,
    dim=0.04,
    grain=0.03,
    erase=0.4,
    erase_pixels=16,
)
"""For last epochs: faces as they mostly are."""

RECIPES: dict[str, Recipe | AnnealedRecipe | TransferRecipe] = {
    "seed": Recipe(name="seed", build=lambda: build_seed_network(SeedNetwork())),
    "compact": AnnealedRecipe(
        name="compact", build=lambda: build_compact_network(CompactNetwork())
    ),
    # The last epochs of a compact run (--start-from): milder distortions, faces as they mostly are.
    # Fifteen epochs at a rate of 0.03 took 0.6875 to 0.6984 on the part held back, 65 at 0.05 to 0.7076, 64 more to 0.7125.
    "polish": AnnealedRecipe(
        name="polish",
        build=lambda: build_compact_network(CompactNetwork()),
        augmentation=MILD,
        schedule=Annealing(learning_rate=0.03),
    ),
    # Learning from a teacher that was told the votes (teach --votes) more than from the labels, which are noisier: 25 epochs
    # left the accuracy held back as it was (0.711), and took the negative log-likelihood from 0.82 to 0.79. Nothing but such a
    # teacher, mixup of three faces of ten and stronger distortions are no better: 0.708 and 0.80 after 50 epochs.
    "distil": AnnealedRecipe(
        name="distil",
        build=lambda: build_compact_network(CompactNetwork()),
        augmentation=replace(MILD, teacher_share=0.9),
        schedule=Annealing(learning_rate=0.05, label_smoothing=0.0),
    ),
    # For other framings and flatter minima: on the part held back 49 epochs at 0.05 read fewer faces rightly than polish's last
    # run (0.7076, 0.7125), with a better likelihood (0.840, 0.849); the mean of both has 0.7160.
    "flat": AnnealedRecipe(
        name="flat",
        build=lambda: build_compact_network(CompactNetwork()),
        augmentation=replace(MILD, size=0.1),
        schedule=Annealing(learning_rate=0.03, sharpness_radius=0.05),
    ),
    # Compact and polish (at the rate of its longer runs), by networks that read a face and its mirror image alike.
    "symmetric": AnnealedRecipe(
        name="symmetric",
        build=lambda: build_compact_network(CompactNetwork()),
        schedule=Annealing(symmetric=True),
    ),
    "symmetric_polish": AnnealedRecipe(
        name="symmetric_polish",
        build=lambda: build_compact_network(CompactNetwork()),
        augmentation=MILD,
        schedule=Annealing(learning_rate=0.05, symmetric=True),
    ),
    # Distil, by such a network, half of the time on blends of two faces: what teachers say of these they do not know by heart.
    # 47 epochs took 0.7149 to 0.7047 on the part held back; 15 without blends, at 0.03, to 0.7040.
    "symmetric_distil": AnnealedRecipe(
        name="symmetric_distil",
        build=lambda: build_compact_network(CompactNetwork()),
        augmentation=replace(MILD, teacher_share=0.9, mixup=0.5, mixup_alpha=1.0),
        schedule=Annealing(learning_rate=0.05, label_smoothing=0.0, symmetric=True),
    ),
    "transfer": TransferRecipe(
        name="transfer",
        augmentation=Distortion(mixup=0.0),
        # A rate of 0.02 led to one answer for all faces within an epoch: normalisation is frozen.
        # bfloat16 makes depthwise convolutions slower.
        schedule=Annealing(
            epochs=12, learning_rate=0.006, weight_decay=1e-4, mixed_precision=False
        ),
    ),
    # A teacher of another family: all of a network that knows ImageNet learns, on milder distortions.
    "finetune": TransferRecipe(
        name="finetune",
        transfer=Transfer(whole=True),
        augmentation=MILD,
        schedule=Annealing(epochs=25, learning_rate=0.03, weight_decay=1e-4, mixed_precision=False),
    ),
}
"""All recipes by name."""

ANNEALED = ", ".join(name for name, one in RECIPES.items() if isinstance(one, AnnealedRecipe))
"""The recipes whose network is the compact one, for messages."""
