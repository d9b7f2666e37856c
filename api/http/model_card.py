"""The figures of the model card, for the page: all of them follow from its one confusion matrix."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import worker
from storage.labels import EXPRESSIONS

CARD = Path(worker.__file__).parent / "models" / "README.md"
_ROW = re.compile(
    rf"^\| \**({'|'.join(EXPRESSIONS)})\** \|((?: \d+ \|){{{len(EXPRESSIONS)}}})$", re.M
)


@dataclass(frozen=True)
class Confusions:
    """How often pictures labelled as one expression (rows) were read as another (columns).

    Both in the order of labels.EXPRESSIONS.
    """

    counts: tuple[tuple[int, ...], ...]

    @property
    def total(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def accuracy(self) -> float:
        """Share of the pictures that were read as labelled."""
        return sum(row[place] for place, row in enumerate(self.counts)) / self.total

    @property
    def recall(self) -> dict[str, float]:
        """By expression: the share of its pictures that were found."""
        return {name: self.share(place, place) for place, name in enumerate(EXPRESSIONS)}

    def share(self, row: int, column: int) -> float:
        """The share of a row's pictures that were read as the column's expression."""
        return self.counts[row][column] / (sum(self.counts[row]) or 1)


@cache
def shipped_model() -> Confusions | None:
    """Return the figures of the shipped model; None if its card has no whole confusion matrix."""
    return read_confusions(CARD.read_text("utf-8"))


def read_confusions(card: str) -> Confusions | None:
    """Find a confusion matrix among the tables of a model card."""
    rows = {name: tuple(map(int, re.findall(r"\d+", cells))) for name, cells in _ROW.findall(card)}
    if rows.keys() != set(EXPRESSIONS):
        return None
    return Confusions(tuple(rows[name] for name in EXPRESSIONS))
