"""The picture of a robustness report: small multiples, with a drawn face to show what each level does."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from model_training.cartoons import draw_cartoons
from model_training.disturbances import Pictures
from model_training.plots import ACCENT, INK, SOFT, Picture, as_percent, drawn
from model_training.trials import TRIALS, Outcome, Trial, as_level
from storage.labels import EXPRESSIONS

COLUMNS = 4
EXAMPLE_SEED = 14
"""Of a drawn face that is plain to see and has little grain."""


def plot_robustness(
    trials: Mapping[str, Sequence[Outcome]], path: Path, *, accuracy: float
) -> Picture:
    """Draw the accuracy of every trial over its levels, beside that of the undisturbed faces."""
    example = draw_cartoons(1, seed=EXAMPLE_SEED)
    happy = example.images[example.labels == EXPRESSIONS.index("happy")]
    lines = -(-len(trials) // COLUMNS)
    with drawn(path, width=10.8, height=3 * lines) as figure:
        panels = figure.subplots(2 * lines, COLUMNS, height_ratios=(3.6, 1) * lines)
        for place, (name, outcomes) in enumerate(trials.items()):
            line, column = divmod(place, COLUMNS)
            trial = TRIALS[name]
            _draw_curve(panels[2 * line, column], trial, outcomes, accuracy=accuracy)
            shown = [trial.disturb(happy, level)[0] for level in trial.levels]
            _draw_examples(panels[2 * line + 1, column], shown)
            if column:
                panels[2 * line, column].set_yticklabels([])
    return Picture(path)


def _draw_curve(panel: Axes, trial: Trial, outcomes: Sequence[Outcome], *, accuracy: float) -> None:
    """Draw one trial; levels stand evenly spaced, above their examples."""
    places = np.arange(len(outcomes))
    low, high = np.array([outcome.accuracy_ci95 for outcome in outcomes]).T
    found = [outcome.accuracy for outcome in outcomes]
    panel.axhline(accuracy, color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)))
    panel.fill_between(places, low, high, color=ACCENT, alpha=0.18, linewidth=0)
    panel.plot(places, found, "o-", color=ACCENT, markersize=4)
    for place, share in zip(places, found, strict=True):
        panel.annotate(
            f"{100 * share:.0f}", (place, share), (0, -15), textcoords="offset points",
            ha="center", color=INK, fontsize=8.5,
        )  # fmt: skip
    panel.set_title(trial.title)
    panel.set_xlabel(trial.axis)
    panel.set_xticks(places, [as_level(trial, level) for level in trial.levels])
    panel.set_xlim(-0.5, len(outcomes) - 0.5)
    panel.set_ylim(0, max(0.85, high.max() + 0.05))
    as_percent(panel, "y")


def _draw_examples(panel: Axes, pictures: Sequence[Pictures]) -> None:
    """Draw one picture below each level."""
    for place, picture in enumerate(pictures):
        extent = (place - 0.47, place + 0.47, 0.47, -0.47)
        panel.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=extent)
    panel.set_xlim(-0.5, len(pictures) - 0.5)
    panel.set_ylim(0.5, -0.5)
    panel.set_anchor("N")
    panel.set_axis_off()
