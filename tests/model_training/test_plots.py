"""Every picture is a PNG, also where there is next to nothing to draw, and a notebook can show it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model_training import plots
from model_training.cartoons import draw_cartoons
from model_training.metrics import reliability
from model_training.plots import Picture
from model_training.selective import selective_curve
from storage.labels import EXPRESSIONS

HISTORY = {"loss": [1, 0.5], "accuracy": [0.5, 0.7], "val_loss": [1, 2], "val_accuracy": [0, 1]}
TRUTH, PROBABILITIES = [0, 1, 0], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]
CURVE = selective_curve(TRUTH, PROBABILITIES)

DRAW: dict[str, Callable[[Path], Picture]] = {
    "history": lambda path: plots.plot_history(HISTORY, path),
    "one epoch": lambda path: plots.plot_history({key: [1] for key in HISTORY}, path),
    "confusion": lambda path: plots.plot_confusion(np.arange(49).reshape(7, 7), path),
    "an expression without faces": lambda path: plots.plot_confusion(np.diag([0] + [5] * 6), path),
    "recall": lambda path: plots.plot_recall(np.diag([0, *range(1, 7)]), path),
    "reliability": lambda path: plots.plot_reliability(reliability(TRUTH, PROBABILITIES), path),
    "selective": lambda path: plots.plot_selective(CURVE, path, threshold=0.7),
    "a threshold nobody reaches": lambda path: plots.plot_selective(CURVE, path, threshold=0.99),
    "one face": lambda path: plots.plot_selective(
        selective_curve([0], [[0.6, 0.4]]), path, threshold=None
    ),
    "counts": lambda path: plots.plot_class_counts({"Training": draw_cartoons(2)}, path),
    "mosaic": lambda path: plots.plot_mosaic({"happy": draw_cartoons(1).images}, path),
    "uneven mosaic": lambda path: plots.plot_mosaic(
        {"sad": draw_cartoons(1).images, "other": draw_cartoons(1).images[:2]}, path
    ),
}


@pytest.mark.parametrize("name", DRAW)
def test_a_picture_is_drawn(name: str, tmp_path: Path):
    path = tmp_path / "new" / "picture.png"

    picture = DRAW[name](path)

    assert picture.path == path
    assert picture._repr_png_().startswith(b"\x89PNG")


def test_every_expression_has_a_colour_of_its_own():
    assert tuple(plots.COLOURS) == EXPRESSIONS
    assert len(set(plots.COLOURS.values())) == len(EXPRESSIONS)


def test_the_colours_are_those_of_the_page():
    css = (Path(__file__).parents[2] / "api" / "static" / "style.css").read_text("utf-8")

    assert [f"--{name}: {colour};" in css for name, colour in plots.COLOURS.items()] == [True] * 7
