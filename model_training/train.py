"""Train a recipe: python -m model_training.train --recipe seed --data TRAIN.npz --out runs/NAME

Leaves in the output folder: best.keras (the lowest validation loss so far, written on every
improvement), last.keras (the last epoch; not of the recipe seed), history.csv (one line per epoch),
curves.png, meta.json (what was trained, on what, with which versions). A first look: add --epochs 1.
The same seed on the same machine gives the same model.

All recipes but seed also leave checkpoint.npz after every epoch: the same command with --resume goes on from there, exactly.
--time-budget MINUTES ends its schedule by the clock; --stop-after leaves early, to be resumed. --start-from begins a new
schedule with the weights of an earlier run (a warm restart); --teacher adds what other networks say of the faces, --match what
exported models say of each picture as it is shown, distorted (--in-turn: one of them per step); with --votes they are told how
FER+'s annotators voted. --seed 2 --cut-seed 1 begins with other random weights, and holds the faces back that a run of --seed 1
does: so several seeds can be compared, and teach one network. The recipes transfer and finetune begin with a network trained on
something else (--backbone, --weights): a head first, in the folder head, then the last blocks, or everything.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from model_training.annealing import train_annealed
from model_training.augmentation import training_batches, validation_batches
from model_training.commands import run_command
from model_training.faces import FaceSet
from model_training.forerunner import check_held_back
from model_training.heldback import read_parts
from model_training.matching import Teachers, read_teachers
from model_training.plots import plot_history
from model_training.posterior import votes_of
from model_training.recipes import AnnealedRecipe, Recipe, Schedule, TransferRecipe
from model_training.runs import (
    BEST_MODEL,
    CURVES,
    HISTORY,
    begin_run,
    check_same_run,
    describe_run,
    read_history,
)
from model_training.teach import with_teacher
from model_training.train_options import choose_recipe, parse_arguments
from model_training.transfer import train_transfer


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments, description=__doc__)
    return run_command(lambda: train_command(options))


def train_command(options: argparse.Namespace) -> None:
    """Read the data, train, and leave the run's files."""
    recipe = choose_recipe(options)
    training, validation = read_parts(
        options.data,
        options.validation,
        fraction=recipe.schedule.validation_fraction,
        seed=options.seed if options.cut_seed is None else options.cut_seed,
    )
    if options.teacher is not None:
        training = with_teacher(training, options.teacher)
    meta = describe_run(recipe, training, validation, options=options)
    if options.start_from is not None:
        check_held_back(options.start_from, meta, data=options.data)
    teachers = choose_teachers(options, training, validation)
    if options.resume:
        check_same_run(options.out, meta)
    else:
        begin_run(options.out, meta)
    print(f"training on {len(training)} faces, validating on {len(validation)}", flush=True)
    train_as_recipe_says(recipe, training, validation, teachers, options=options)
    plot_history(read_history(options.out), options.out / CURVES)


def choose_teachers(
    options: argparse.Namespace, training: FaceSet, validation: FaceSet
) -> list[Teachers]:
    """Return the teachers that --match names: none, all together, or each on its own."""
    if options.match is None:
        return []
    if options.votes:
        votes_of(training)
    data = options.validation or options.data
    return read_teachers(
        options.match, validation, data=data, votes=options.votes, in_turn=options.in_turn
    )


def train_as_recipe_says(
    recipe: Recipe | AnnealedRecipe | TransferRecipe,
    training: FaceSet,
    validation: FaceSet,
    teachers: Sequence[Teachers],
    *,
    options: argparse.Namespace,
) -> None:
    """Train in the way that fits the kind of recipe."""
    out, seed = options.out, options.seed
    if isinstance(recipe, Recipe):
        train(recipe, training, validation, out=out, seed=seed)
    elif isinstance(recipe, TransferRecipe):
        train_transfer(
            recipe,
            training,
            validation,
            out=out,
            seed=seed,
            teachers=teachers,
            resume=options.resume,
            stop_after=options.stop_after,
        )
    else:
        train_annealed(
            recipe,
            training,
            validation,
            out=out,
            seed=seed,
            start_from=options.start_from,
            teachers=teachers,
            resume=options.resume,
            stop_after=options.stop_after,
        )


def train(
    recipe: Recipe, training: FaceSet, validation: FaceSet, *, out: Path, seed: int
) -> keras.Model:
    """Train a recipe's network and return it with the weights of its best epoch."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    schedule = recipe.schedule
    network = recipe.build()
    network.compile(
        optimizer=keras.optimizers.Adam(schedule.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    network.fit(
        training_batches(training, recipe.augmentation, batch_size=schedule.batch_size, seed=seed),
        validation_data=validation_batches(validation, batch_size=256),
        epochs=schedule.epochs,
        callbacks=build_callbacks(schedule, out),
        verbose=1 if sys.stdout.isatty() else 2,  # a bar for people, a line per epoch for logs
        shuffle=False,  # the batches are shuffled already; Keras warns if asked to do it again
    )
    return network


def build_callbacks(schedule: Schedule, out: Path) -> list[keras.callbacks.Callback]:
    """Return what watches the validation loss, and the log of epochs."""
    callbacks = keras.callbacks
    return [
        callbacks.ModelCheckpoint(out / BEST_MODEL, monitor="val_loss", save_best_only=True),
        callbacks.ReduceLROnPlateau(
            monitor="val_loss",
            factor=schedule.plateau_factor,
            patience=schedule.plateau_patience,
        ),
        callbacks.EarlyStopping(
            monitor="val_loss", patience=schedule.stop_patience, restore_best_weights=True
        ),
        callbacks.CSVLogger(out / HISTORY),
    ]


if __name__ == "__main__":
    sys.exit(main())
