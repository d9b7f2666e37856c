"""Which disturbances a model is tried against, at which levels, and what comes out of a trial."""

from collections.abc import Callable
from dataclasses import dataclass

from model_training import disturbances
from model_training.disturbances import Pictures


@dataclass(frozen=True)
class Trial:
    """One kind of disturbance and the levels that are tried."""

    title: str
    axis: str
    """What the levels measure."""
    levels: tuple[float, ...]
    """From left to right, as they are drawn."""
    disturb: Callable[[Pictures, float], Pictures]


BOX_ERRORS = (-0.2, -0.1, 0.0, 0.1, 0.2)
"""Haar and MTCNN boxes of the same FER-2013 faces spread by 6 to 11 % of the frame."""

TRIALS = {
    "shift_right": Trial(
        "Box shifted sideways",
        "to the right, share of its side",
        BOX_ERRORS,
        disturbances.shift_right,
    ),
    "shift_down": Trial(
        "Box shifted up or down",
        "down, share of its side",
        BOX_ERRORS,
        disturbances.shift_down,
    ),
    "scale": Trial(
        "Box too small or too large",
        "larger, share of its side",
        BOX_ERRORS,
        disturbances.enlarge,
    ),
    "rotation": Trial(
        "Head turned in the picture",
        "degrees counter-clockwise",
        (-30.0, -15.0, 0.0, 15.0, 30.0),
        disturbances.turn,
    ),
    "face_size": Trial(
        "Small faces",
        "pixels wide before enlarging",
        (48.0, 40.0, 32.0, 24.0, 20.0, 16.0, 12.0),
        disturbances.shrink,
    ),
    "blur": Trial(
        "Out of focus",
        "Gaussian, pixels of 48",
        (0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
        disturbances.blur,
    ),
    "jpeg": Trial(
        "Compressed",
        "JPEG quality, on the 48 pixels",
        (95.0, 70.0, 50.0, 30.0, 20.0, 10.0, 5.0),
        disturbances.compress,
    ),
    "low_light": Trial(
        "Low light, sensor noise",
        "share of the light that is left",
        (1.0, 0.5, 0.25, 0.12, 0.06),
        disturbances.darken,
    ),
}
"""By the name each has in the JSON."""


@dataclass(frozen=True)
class Outcome:
    """What a model still reads at one level."""

    level: float
    accuracy: float
    accuracy_ci95: list[float]
    macro_f1: float


def as_level(trial: Trial, level: float) -> str:
    """Return a level as people write it; shares as percent, with a sign where there are two."""
    if max(map(abs, trial.levels)) > 1:
        return f"{level:g}"
    return f"{100 * level:+.0f} %" if min(trial.levels) < 0 and level else f"{100 * level:.0f} %"
