"""Training recipes as data: `--recipe NAME` is an entry of RECIPES, a new recipe a new entry."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras

from model_training.networks import SeedNetwork, build_seed_network


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


RECIPES = {
    recipe.name: recipe
    for recipe in (Recipe(name="seed", build=lambda: build_seed_network(SeedNetwork())),)
}
"""All recipes by name."""
