"""Where a run stands between its first step and its last, and how fast it learns there."""

import math
import time
from collections.abc import Callable

from model_training.recipes import Annealing

LONGEST_GAP_S = 30.0
"""A pause between two steps counts as at most so much: a process that was stopped, or a machine that
slept, must not find its rate fallen to nothing."""


class Clock:
    """Time a run has spent training, over all its parts."""

    def __init__(
        self, spent_s: float = 0.0, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Go on from spent_s; now_s tells the time."""
        self.spent_s = spent_s
        self._now_s = now_s
        self._last_s = now_s()

    def tick(self) -> float:
        """Count the time since the last tick and return all of it, in seconds."""
        now_s = self._now_s()
        self.spent_s += min(now_s - self._last_s, LONGEST_GAP_S)
        self._last_s = now_s
        return self.spent_s


class Pace:
    """The progress of a run, by its clock if it has a time budget, else by its steps."""

    def __init__(self, schedule: Annealing, *, steps_per_epoch: int, clock: Clock) -> None:
        """Measure against schedule; clock holds what earlier parts of the run have spent."""
        self._schedule = schedule
        self._steps = schedule.epochs * steps_per_epoch
        self.clock = clock

    def progress(self, step: int) -> float:
        """Return how much of the run is behind it before a step: 0 at the first, 1 at the end."""
        spent_s = self.clock.tick()
        minutes = self._schedule.time_budget_minutes
        done = step / self._steps if minutes is None else spent_s / (60 * minutes)
        return min(done, 1.0)


def learning_rate(schedule: Annealing, progress: float) -> float:
    """Return the rate at a progress of 0 to 1: up a straight line, then down half a cosine to zero.

    Source: Loshchilov and Hutter 2017, "SGDR", without restarts; warm-up as in Goyal et al. 2017.
    """
    if progress < schedule.warm_up:
        return schedule.learning_rate * progress / schedule.warm_up
    fallen = (progress - schedule.warm_up) / (1 - schedule.warm_up)
    return schedule.learning_rate * (1 + math.cos(math.pi * fallen)) / 2
