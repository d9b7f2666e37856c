"""Write a model card's figures from results: python -m model_training.card --results docs/model --card FILE.md

What stands between `<!-- card:NAME -->` and `<!-- /card:NAME -->` is replaced; all else is left as it
is. Every figure comes from JSON that another command printed into the folder of results:

| file | command | sections |
| --- | --- | --- |
| shipped.json | evaluate, all options | claim, file, scores, expressions, confusion, confidence |
| models/*.json, quantization/*.json | evaluate with --name | models, quantization: a column each, then shipped.json |
| without_vnni/*.json | evaluate with --held-back, --name, --speed, on a processor without VNNI | without_vnni |
| robustness.json | robustness | robustness |
| adjustment.json | adjustment --out | adjustment |

--check changes nothing and ends with code 2 if the card says anything else than the results.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_training import tables
from model_training.commands import run_command
from storage.errors import InputError

SECTION = re.compile(r"(<!-- card:(\w+) -->)(.*?)(<!-- /card:\2 -->)", re.DOTALL)
SHIPPED = "shipped.json"
"""What evaluate prints of the shipped model."""
BESIDE_SHIPPED = ("models", "quantization")
"""Folders whose comparisons end with it."""
OPENING = re.compile(r"<!-- card:(\w+) -->")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments)
    return run_command(lambda: card_command(options))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="model_training.card", description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of JSON files")
    parser.add_argument("--card", type=Path, required=True, help="Markdown file with the sections")
    parser.add_argument("--check", action="store_true", help="only tell whether it is up to date")
    return parser.parse_args(arguments)


def card_command(options: argparse.Namespace) -> None:
    """Fill the card's sections, or check them."""
    try:
        before = options.card.read_text("utf-8")
    except OSError as error:
        raise InputError(f"{options.card}: expected a model card, got: {error}") from None
    after = fill(before, options.results)
    if options.check and after != before:
        raise InputError(
            f"{options.card}: expected the figures of {options.results}, it has others; "
            "run model_training.card without --check"
        )
    if not options.check:
        options.card.write_text(after, "utf-8")
        print(f"{options.card}: {len(SECTION.findall(before))} sections")


def fill(card: str, results: Path) -> str:
    """Return a card's text with every section made anew from a folder of results."""
    if not OPENING.search(card):
        raise InputError("expected a card with sections '<!-- card:NAME -->', found none")
    unclosed = set(OPENING.findall(card)) - {name for _, name, _, _ in SECTION.findall(card)}
    if unclosed:
        raise InputError(f"expected <!-- /card:{min(unclosed)} --> after its beginning, found none")

    def section(found: re.Match[str]) -> str:
        return f"{found[1]}\n{make_section(found[2], results)}\n{found[4]}"

    return SECTION.sub(section, card)


def make_section(name: str, results: Path) -> str:
    """Return the text of a section. Raises InputError for one that does not exist or lacks its results."""
    if name not in SECTIONS:
        raise InputError(f"expected a section among {', '.join(SECTIONS)}; got '{name}'")
    source, make = SECTIONS[name]
    path = results / source
    if path.suffix == ".json":
        return make(_read(path))
    files = sorted(path.glob("*.json"))
    if not files:
        raise InputError(f"{path}: expected JSON files of model_training.evaluate, found none")
    reports = [_read(file) for file in files]
    if source in BESIDE_SHIPPED:
        reports.append({**_read(results / SHIPPED), "name": "**shipped**"})
    return make(reports)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected JSON of model_training's commands: {error}") from None


SECTIONS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "claim": (SHIPPED, tables.claim),
    "file": (SHIPPED, tables.file),
    "scores": (SHIPPED, tables.scores),
    "expressions": (SHIPPED, tables.expressions),
    "confusion": (SHIPPED, tables.confusion),
    "confidence": (SHIPPED, tables.confidence),
    "models": ("models", tables.models),
    "quantization": ("quantization", tables.models),
    "without_vnni": ("without_vnni", tables.precisions),
    "robustness": ("robustness.json", tables.robustness),
    "adjustment": ("adjustment.json", tables.adjustment),
}
"""By name: the file or folder in the results, and what makes Markdown of what is in it."""

if __name__ == "__main__":
    sys.exit(main())
