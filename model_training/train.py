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
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf

from model_training.annealing import train_annealed
from model_training.augmentation import training_batches, validation_batches
from model_training.commands import check_numbers, run_command
from model_training.faces import FaceSet
from model_training.heldback import read_parts
from model_training.matching import Teachers, read_teachers
from model_training.plots import plot_history
from model_training.posterior import votes_of
from model_training.precision import PRECISIONS, choose_precision
from model_training.recipes import (
    ANNEALED,
    RECIPES,
    AnnealedRecipe,
    Recipe,
    Schedule,
    TransferRecipe,
)
from model_training.runs import (
    BEST_MODEL,
    CURVES,
    HISTORY,
    begin_run,
    check_held_back,
    check_same_run,
    describe_run,
    read_history,
)
from model_training.teach import with_teacher
from model_training.transfer import (
    TRANSFER_OPTIONS,
    add_transfer_options,
    choose_transfer,
    train_transfer,
)
from storage.errors import InputError

ANNEALED_ONLY = (
    "resume", "time_budget", "stop_after", "learning_rate", "start_from", "teacher", "match", "votes", "in_turn",
    "precision",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments)
    return run_command(lambda: train_command(options))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="model_training.train", description=__doc__)
    parser.add_argument("--recipe", default="seed", help=f"one of: {', '.join(RECIPES)}")
    parser.add_argument("--data", type=Path, required=True, help="npz, csv, class folders")
    parser.add_argument("--validation", type=Path, help="default: a tenth of the training data")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--epochs", type=int, help="at most so many (default: the recipe's)")
    parser.add_argument("--batch-size", type=int, help="faces per step (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random (default: 1)")
    parser.add_argument(
        "--cut-seed",
        type=int,
        metavar="SEED",
        help="of what is held back: runs of several seeds can hold the same faces back (default: --seed)",
    )
    parser.add_argument(
        "--hold-back", type=float, metavar="SHARE", help="of the training data (default: a tenth)"
    )
    annealed = parser.add_argument_group("all recipes but seed")
    annealed.add_argument("--time-budget", type=float, metavar="MINUTES", help="of all its parts")
    annealed.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    annealed.add_argument("--stop-after", type=int, metavar="EPOCHS", help="leave, to be resumed")
    annealed.add_argument("--learning-rate", type=float, metavar="RATE", help="at its highest")
    annealed.add_argument(
        "--start-from", type=Path, metavar="MODEL.keras", help=f"weights of a run ({ANNEALED})"
    )
    annealed.add_argument(
        "--teacher", type=Path, metavar="FILE.npz", help="of model_training.teach"
    )
    annealed.add_argument(
        "--match",
        type=Path,
        nargs="+",
        metavar="MODEL.onnx",
        help="teachers that are asked about each picture as it is shown",
    )
    annealed.add_argument("--votes", action="store_true", help="tell these the votes of FER+")
    annealed.add_argument(
        "--in-turn", action="store_true", help="ask one of these per step, instead of all"
    )
    annealed.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="numbers to compute in (default: bfloat16 where the recipe and this machine are fast in it)",
    )
    add_transfer_options(parser)
    return parser.parse_args(arguments)


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
        check_held_back(options.start_from, meta)
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


def choose_recipe(options: argparse.Namespace) -> Recipe | AnnealedRecipe | TransferRecipe:
    """Return the named recipe with what the command line changes."""
    if options.recipe not in RECIPES:
        raise InputError(f"--recipe: expected one of {', '.join(RECIPES)}, got '{options.recipe}'")
    recipe = RECIPES[options.recipe]
    refuse_options(recipe, options)
    check_values(options)
    given = {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "validation_fraction": options.hold_back,
        "learning_rate": options.learning_rate,
        "time_budget_minutes": options.time_budget,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if isinstance(recipe, Recipe):
        return replace(recipe, schedule=replace(recipe.schedule, **changes))
    changes["mixed_precision"] = choose_precision(recipe.schedule, options.precision)
    recipe = replace(recipe, schedule=replace(recipe.schedule, **changes))
    if isinstance(recipe, TransferRecipe):
        return replace(recipe, transfer=choose_transfer(recipe.transfer, options))
    return recipe


def check_values(options: argparse.Namespace) -> None:
    """Raise InputError for a value that can't be, or for options that exclude or need one another."""
    check_numbers(
        options,
        whole=("epochs", "batch_size", "stop_after"),
        positive=("time_budget", "learning_rate", "hold_back"),
        seeds=("seed", "cut_seed"),
    )
    if options.hold_back is not None and options.hold_back >= 1:
        raise InputError(f"--hold-back: expected a share below 1, got {options.hold_back:g}")
    for name in ("cut_seed", "hold_back"):
        if options.validation is not None and getattr(options, name) is not None:
            option = name.replace("_", "-")
            raise InputError(
                f"--{option}: expected no --validation, all of whose faces are held back"
            )
    if options.match is not None and options.teacher is not None:
        raise InputError("--match: expected no --teacher beside it; each is half of the truth")
    if options.votes and options.match is None:
        raise InputError("--votes: expected --match beside it; teach --votes is for --teacher")
    if options.in_turn and len(options.match or ()) < 2:
        raise InputError("--in-turn: expected --match beside it, with several teachers")


def refuse_options(
    recipe: Recipe | AnnealedRecipe | TransferRecipe, options: argparse.Namespace
) -> None:
    """Raise InputError if an option was given that the recipe has no use for."""
    annealed, transfer = not isinstance(recipe, Recipe), isinstance(recipe, TransferRecipe)
    for names, has_use, wanted in (
        (ANNEALED_ONLY, annealed, "a recipe that is annealed (any but seed)"),
        (TRANSFER_OPTIONS, transfer, "the recipe transfer or finetune"),
        (
            ("start_from",),
            not transfer,
            f"one of {ANNEALED} (a transfer begins with --weights)",
        ),
    ):
        given = [name for name in names if getattr(options, name) not in (None, False)]
        if given and not has_use:
            option = given[0].replace("_", "-")
            raise InputError(f"--{option}: expected {wanted}, got '{recipe.name}'")


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
