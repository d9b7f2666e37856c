"""What the command line of train says: its options, the recipe they make of the named one, and what does not go together."""

import argparse
from dataclasses import replace
from pathlib import Path

from model_training.commands import check_numbers
from model_training.precision import PRECISIONS, choose_precision
from model_training.recipes import ANNEALED, RECIPES, AnnealedRecipe, Recipe, TransferRecipe
from model_training.transfer import TRANSFER_OPTIONS, add_transfer_options, choose_transfer
from storage.errors import InputError

ANNEALED_ONLY = (
    "resume", "time_budget", "stop_after", "learning_rate", "start_from", "teacher", "match", "votes", "in_turn",
    "precision",
)  # fmt: skip


def parse_arguments(
    arguments: list[str] | None, *, description: str | None = None
) -> argparse.Namespace:
    """Return the options of the command line; --help begins with the description."""
    parser = argparse.ArgumentParser(prog="model_training.train", description=description)
    parser.add_argument("--recipe", default="seed", help=f"one of: {', '.join(RECIPES)}")
    parser.add_argument("--data", type=Path, required=True, help="npz, csv, class folders")
    parser.add_argument("--validation", type=Path, help="default: a tenth of the training data")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument(
        "--epochs", type=int, help="so many, of the recipe seed at most (default: the recipe's)"
    )
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
    _add_annealed_options(parser)
    add_transfer_options(parser)
    return parser.parse_args(arguments)


def _add_annealed_options(parser: argparse.ArgumentParser) -> None:
    annealed = parser.add_argument_group("all recipes but seed")
    annealed.add_argument(
        "--time-budget",
        type=float,
        metavar="MINUTES",
        help="instead of --epochs, for all its parts together",
    )
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
    pair = options.epochs is not None and options.time_budget is not None
    if pair and not options.resume:  # runs begun before it was refused have both in their meta.json
        raise InputError(
            "--epochs: expected no --time-budget beside it, which ends the run after as many as fit; "
            "--stop-after leaves earlier"
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
