"""What the commands of this package share: how they end, and how they are told what to score."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from model_training.readers import ALL_SPLITS, SPLITS
from storage.errors import AffectlineError, InputError

EXIT_BAD_INPUT = 2
LARGEST_SEED = 2**32 - 1
"""Of NumPy and Keras."""
DEFAULT_SPLIT = "validation"
"""What is scored where the data names splits."""


def run_command(command: Callable[[], None]) -> int:
    """Run a command and return its exit code: 0, or 2 after one line on stderr for bad input."""
    try:
        command()
    except AffectlineError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


def check_numbers(
    options: argparse.Namespace,
    *,
    whole: Sequence[str] = (),
    positive: Sequence[str] = (),
    seeds: Sequence[str] = (),
) -> None:
    """Raise InputError for a number that an option can't have; options that were not given are passed over.

    whole: names of those that must be 1 or more.  positive: more than 0.  seeds: of those that start random numbers.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    for name in given.keys() & {*whole, *positive, *seeds}:
        option = name.replace("_", "-")
        if name in whole and given[name] < 1:
            raise InputError(f"--{option}: expected 1 or more, got {given[name]}")
        if name in positive and not given[name] > 0:
            raise InputError(f"--{option}: expected more than 0, got {given[name]}")
        if name in seeds and not 0 <= given[name] <= LARGEST_SEED:
            raise InputError(f"--{option}: expected 0 to {LARGEST_SEED}, got {given[name]}")


def check_output(path: Path, *, suffix: str) -> None:
    """Make the folder of a file that is to be written, before the work. Raises InputError for another ending."""
    if path.suffix != suffix:
        raise InputError(f"--out {path}: expected a file that ends in {suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {path}: its folder can't be made: {error.strerror}") from error


def check_plots(folder: Path | None) -> None:
    """Raise InputError if plots are wanted and can't be drawn, before the work."""
    if folder is not None and find_spec("matplotlib") is None:
        raise InputError(
            "--plots: expected matplotlib to be installed, it is not; install it (the optional dependencies "
            "`training` have it) or leave --plots out"
        )


def scoring_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of the commands that score an ONNX model on labelled faces."""
    parser = argparse.ArgumentParser(prog=f"model_training.{name}", description=description)
    parser.add_argument("--model", type=Path, required=True, help="ONNX file")
    parser.add_argument("--data", type=Path, required=True, help="npz, csv or class folders")
    parser.add_argument(
        "--split",
        choices=(*SPLITS, ALL_SPLITS),
        default=DEFAULT_SPLIT,
        help=f"where the data names splits (default: {DEFAULT_SPLIT}, the contest's PublicTest)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap (default: 1)")
    return parser
