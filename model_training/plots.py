"""Pictures of data, training runs and models, as PNG files; the expressions have the page's colours."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from model_training import metrics
from model_training.faces import FaceSet
from model_training.metrics import Counts, Reliability, Scores
from storage.labels import EXPRESSIONS

COLOURS = {
    "angry": "#d2483f",
    "disgust": "#7a9a1f",
    "fear": "#8458c9",
    "happy": "#eda41c",
    "neutral": "#8b93a7",
    "sad": "#3b78d1",
    "surprise": "#17a38f",
}
INK, SOFT, LINE, ACCENT, SECOND, WASH = (
    "#171a26", "#565d73", "#dcdfea", "#2f4bd8", "#d2483f", "#e8ecff",
)  # fmt: skip
BLUES = LinearSegmentedColormap.from_list("accent", ["#ffffff", "#b9c5fb", ACCENT, "#14206b"])

STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlepad": 8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.linewidth": 2,
}
DPI = 110


@dataclass(frozen=True)
class Picture:
    """A PNG file that was drawn; a notebook shows it."""

    path: Path

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()


@contextmanager
def drawn(path: Path, *, width: float, height: float, colours: int = 64) -> Iterator[Figure]:
    """Yield an empty figure in the style of all pictures and write it when the block ends; inches.

    colours: so many are kept; charts look the same with 64, in a third of the bytes.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        canvas = io.BytesIO()
        figure.savefig(canvas, dpi=DPI)
        Image.open(canvas).convert("RGB").quantize(colours).save(path, optimize=True)


def plot_history(history: Mapping[str, Sequence[float]], path: Path) -> Picture:
    """Draw loss and accuracy over the epochs, training against validation."""
    with drawn(path, width=9, height=3.4) as figure:
        panels = figure.subplots(1, 2)
        best = int(np.argmin(history["val_loss"]))
        for panel, metric in zip(panels, ("loss", "accuracy"), strict=True):
            epochs = range(1, len(history[metric]) + 1)
            validation = history[f"val_{metric}"]
            panel.plot(epochs, history[metric], color=SOFT, label="training, augmented")
            panel.plot(epochs, validation, color=ACCENT, label="validation")
            panel.plot(best + 1, validation[best], "o", color=ACCENT, label="kept")
            panel.set_xlabel("epoch")
            panel.set_title(metric.capitalize())
            panel.xaxis.get_major_locator().set_params(integer=True)
        panels[0].legend()
    return Picture(path)


def plot_confusion(confusion: Counts, path: Path) -> Picture:
    """Draw a confusion matrix (7, 7), truth in rows: colour and upper number are shares of the row."""
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    with drawn(path, width=6.4, height=5.6) as figure:
        panel = figure.subplots()
        panel.imshow(shares, cmap=BLUES, vmin=0, vmax=1)
        for row, column in np.ndindex(*confusion.shape):
            share = shares[row, column]
            text = f"{share:.0%}\n" if confusion[row, column] else "\n"
            colour = "white" if share >= 0.5 else INK
            weight = "bold" if row == column else "normal"
            panel.text(
                column, row + 0.06, text, ha="center", va="center", color=colour, weight=weight
            )
            panel.text(
                column, row + 0.24, f"{confusion[row, column]:,}", ha="center", va="center",
                color=colour, fontsize=7, alpha=0.75,
            )  # fmt: skip
        panel.set_xticks(range(len(EXPRESSIONS)), EXPRESSIONS)
        panel.set_yticks(range(len(EXPRESSIONS)), EXPRESSIONS)
        panel.set_xlabel("the model says")
        panel.set_ylabel("the label says")
        panel.set_title(f"What is taken for what: {int(confusion.sum()):,} faces")
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
    return Picture(path)


def plot_reliability(reliability: Reliability, path: Path) -> Picture:
    """Draw accuracy against confidence in bins, with the number of faces in each."""
    bins = len(reliability.n)
    edges = np.arange(bins) / bins
    with drawn(path, width=5, height=5.4) as figure:
        upper, lower = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
        upper.plot([0, 1], [0, 1], color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)),
                   label="as it should be")  # fmt: skip
        upper.bar(edges, reliability.accuracy, 1 / bins, align="edge", color=ACCENT, alpha=0.85,
                  edgecolor="white", label="accuracy")  # fmt: skip
        upper.plot(reliability.confidence, reliability.confidence, "D", color=SECOND, markersize=4,
                   label="mean confidence")  # fmt: skip
        upper.set_xlim(0, 1)
        upper.set_ylim(0, 1)
        upper.set_ylabel("share read rightly")
        upper.legend(loc="upper left")
        upper.set_title(f"Is confidence worth its name? ECE {reliability.error:.3f}")
        lower.bar(edges, reliability.n, 1 / bins, align="edge", color=SOFT, edgecolor="white")
        lower.set_ylabel("faces")
        lower.set_xlabel("confidence")
    return Picture(path)


def plot_selective(
    curve: tuple[Scores, Scores, Scores], path: Path, *, threshold: float | None
) -> Picture:
    """Draw the accuracy of the faces that are kept against their share; see selective_curve.

    threshold: where the product says "uncertain", marked if there is one.
    """
    shares, accuracy, confidence = curve
    with drawn(path, width=6.4, height=3.9) as figure:
        panel = figure.subplots()
        settled = shares >= min(0.02, shares[-1])  # of fewer faces the share that is right is noise
        panel.plot(shares[settled], accuracy[settled], color=ACCENT)
        panel.fill_between(shares[settled], accuracy[settled], color=WASH)
        panel.set_xlim(0, 1)
        panel.set_ylim(max(0, min(0.5, accuracy[-1] - 0.1)), 1)
        for level in (0.9, 0.7, 0.5, 0.3):
            _mark_confidence(panel, curve, level)
        if threshold is not None and (confidence >= threshold).any():
            kept = int((confidence >= threshold).sum()) - 1
            panel.plot(shares[kept], accuracy[kept], "o", color=SECOND, markersize=8)
            panel.annotate(
                f"sure from {threshold:.2f} on:\n{shares[kept]:.0%} kept, {accuracy[kept]:.0%} right",
                (shares[kept], accuracy[kept]), (7, 9), textcoords="offset points",
                color=SECOND, weight="bold",
            )  # fmt: skip
        as_percent(panel, "x")
        as_percent(panel, "y")
        panel.set_xlabel("share of faces kept, the most confident first")
        panel.set_ylabel("of these read rightly")
        panel.set_title("Answering only when sure (dots: confidence)")
    return Picture(path)


def _mark_confidence(panel: Axes, curve: tuple[Scores, Scores, Scores], level: float) -> None:
    """Mark on the curve where confidence falls below a level."""
    shares, accuracy, confidence = curve
    kept = int((confidence >= level).sum()) - 1
    if kept < 0:
        return
    panel.plot(shares[kept], accuracy[kept], "o", color=ACCENT, markersize=4)
    panel.annotate(
        f"{level:.1f}", (shares[kept], accuracy[kept]), (-4, -13), textcoords="offset points",
        color=SOFT, fontsize=8.5, ha="right",
    )  # fmt: skip


def plot_recall(confusion: Counts, path: Path, *, seed: int = 1) -> Picture:
    """Draw for each expression the share of its faces that is found, with its 95 % interval.

    confusion: (7, 7), truth in rows; seed: the bootstrap's.
    """
    recall, counts = metrics.recall(confusion), confusion.sum(axis=1)
    resampled = metrics.recall(metrics.bootstrap_confusions(confusion, seed=seed))
    with drawn(path, width=6.4, height=3.4) as figure:
        panel = figure.subplots()
        labels = sorted(np.flatnonzero(counts), key=lambda label: recall[label])
        for place, label in enumerate(labels):
            ends = metrics.interval_95(resampled[:, label])
            panel.barh(place, recall[label], 0.66, color=COLOURS[EXPRESSIONS[label]])
            panel.plot([ends.low, ends.high], [place, place], "|-", color=INK, linewidth=1.3)
            panel.text(ends.high + 0.015, place, f"{recall[label]:.0%}", va="center", weight="bold")
        names = [f"{EXPRESSIONS[label]}\n{counts[label]:,} faces" for label in labels]
        panel.set_yticks(range(len(labels)), names)
        panel.tick_params(axis="y", labelsize=8.5)
        panel.set_xlim(0, 1.06)
        as_percent(panel, "x")
        panel.grid(visible=False, axis="y")
        panel.set_title("How many of each are found, with 95 % intervals")
    return Picture(path)


def plot_class_counts(sets: Mapping[str, FaceSet], path: Path) -> Picture:
    """Draw how many faces of each expression the named sets have, a panel each."""
    with drawn(path, width=4.2 * len(sets), height=2.9) as figure:
        panels = figure.subplots(1, len(sets), squeeze=False)[0]
        for panel, (title, faces) in zip(panels, sets.items(), strict=True):
            counts = faces.class_counts()
            bars = panel.barh(list(counts), list(counts.values()), 0.7, color=COLOURS.values())
            panel.bar_label(bars, fmt="{:,.0f}", padding=4, color=SOFT, fontsize=8)
            panel.invert_yaxis()
            panel.margins(x=0.16)
            panel.grid(visible=False, axis="y")
            panel.set_title(f"{title}: {len(faces):,} faces")
    return Picture(path)


def plot_mosaic(rows: Mapping[str, npt.NDArray[np.uint8]], path: Path) -> Picture:
    """Draw named rows of grey pictures (n, height, width), all with equally many."""
    columns = max(len(pictures) for pictures in rows.values())
    with drawn(path, width=0.95 + 0.78 * columns, height=0.8 * len(rows), colours=256) as figure:
        panels = figure.subplots(len(rows), columns, squeeze=False)
        figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.01, wspace=0.02, hspace=0.02)
        for line, (name, pictures) in zip(panels, rows.items(), strict=True):
            for panel, picture in zip(line, pictures, strict=False):
                panel.imshow(picture, cmap="gray", vmin=0, vmax=255)
            for panel in line:
                panel.set_xticks([])
                panel.set_yticks([])
                panel.spines[:].set_visible(False)
            line[0].set_ylabel(
                name, rotation=0, ha="right", va="center", weight="bold",
                color=COLOURS.get(name, INK),
            )  # fmt: skip
    return Picture(path)


def as_percent(panel: Axes, axis: str) -> None:
    """Label an axis, x or y, of shares with percent."""
    getattr(panel, f"{axis}axis").set_major_formatter(lambda share, _: f"{share:.0%}")
