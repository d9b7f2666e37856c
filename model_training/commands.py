"""What the commands of this package share: how they end, and how they are told what to score."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from model_training.readers import ALL_SPLITS, SPLITS
from storage.errors import AffectlineError

EXIT_BAD_INPUT = 2


def run_command(command: Callable[[], None]) -> int:
    """Run a command and return its exit code: 0, or 2 after one line on stderr for bad input."""
    try:
        command()
    except AffectlineError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


def scoring_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of the commands that score an ONNX model on labelled faces."""
    parser = argparse.ArgumentParser(prog=f"model_training.{name}", description=description)
    parser.add_argument("--model", type=Path, required=True, help="ONNX file")
    parser.add_argument("--data", type=Path, required=True, help="npz, csv or class folders")
    parser.add_argument(
        "--split",
        choices=(*SPLITS, ALL_SPLITS),
        default="validation",
        help="where the data names splits (default: validation, the contest's PublicTest)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap (default: 1)")
    return parser
