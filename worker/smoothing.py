"""Probabilities smoothed along a track, for people who look at curves; the raw ones stay beside them.

A weighted mean of the track's faces around each, with weights that fall linearly with the distance in time and are zero at
SMOOTHING_US (kernel regression after E. A. Nadaraya and G. S. Watson, 1964, with the triangular kernel of M. S. Bartlett),
times the face's own weight, so that poor faces say little.

Why not a causal filter (exponential, one-euro): finalise knows what comes after, so nothing need lag. A change is spread over
at most SMOOTHING_US on either side and crosses its half where it is; a filter with an infinite tail has no such bound. Only
real times count, so a gap, a varying frame rate or sparse sampling need no special case: a face without neighbours in time
keeps its own probabilities. All of it is whole numbers, so any machine and any split give the same.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from operator import mul

from storage.labels import EXPRESSIONS
from storage.records import SCORE_UNIT
from storage.timelines import FaceIdentity, TimelineFace

SMOOTHING_US = 250_000
"""The time constant: no change is spread farther. Posed and spontaneous expressions last from half a second on (D. Matsumoto
and H. S. Hwang, Motivation and Emotion 35, 2011); what is shorter, raw values show."""


@dataclass
class _Course:
    """The faces of one track that are still needed, in order."""

    keys: list[tuple[int, int]] = field(default_factory=list)  #: (frame, face)
    times_us: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    probabilities: tuple[list[int], ...] = field(default_factory=lambda: _columns())
    settled: int = 0  #: so many of them have been smoothed

    def smoothed(self, index: int) -> tuple[int, ...]:
        at_us = self.times_us[index]
        first = bisect_right(self.times_us, at_us - SMOOTHING_US)
        end = bisect_left(self.times_us, at_us + SMOOTHING_US)
        parts = [
            self.weights[near] * (SMOOTHING_US - abs(self.times_us[near] - at_us))
            for near in range(first, end)
        ]
        return shares([sum(map(mul, parts, column[first:end])) for column in self.probabilities])

    def forget(self) -> None:
        """Drop the faces that no face to come needs."""
        waiting = min(self.settled, len(self.times_us) - 1)
        gone = bisect_right(self.times_us, self.times_us[waiting] - SMOOTHING_US)
        del self.keys[:gone], self.times_us[:gone], self.weights[:gone]
        for column in self.probabilities:
            del column[:gone]
        self.settled -= gone


def _columns() -> tuple[list[int], ...]:
    return tuple([] for _ in EXPRESSIONS)


class Smoother:
    """Takes the faces of all tracks in the order of time and gives each back once all its neighbours are known.

    It remembers what lies within SMOOTHING_US of a face that waits: not more for a longer video.
    """

    def __init__(self) -> None:
        self._courses: dict[int, _Course] = {}

    def add(self, track: int, time_us: int, face: TimelineFace) -> None:
        """Take in the next face of a track."""
        course = self._courses.setdefault(track, _Course())
        course.keys.append((face.row.frame, face.row.face))
        course.times_us.append(time_us)
        course.weights.append(face.weight)
        for column, probability in zip(course.probabilities, face.probabilities, strict=True):
            column.append(probability)

    def settle(self, *, through_us: int, open_tracks: Set[int]) -> list[FaceIdentity]:
        """Give back the faces that nothing to come can change, each once.

        through_us: every face up to this time was added.  open_tracks: those that may go on.
        """
        found: list[FaceIdentity] = []
        for track, course in list(self._courses.items()):
            if track in open_tracks:
                end = bisect_right(course.times_us, through_us - SMOOTHING_US)
            else:
                end = len(course.times_us)
                del self._courses[track]
            for index in range(course.settled, end):
                found.append(FaceIdentity(*course.keys[index], track, course.smoothed(index)))
            course.settled = max(course.settled, end)
            course.forget()
        return found


def shares(amounts: Sequence[int]) -> tuple[int, ...]:
    """Scale amounts so that they add up to SCORE_UNIT exactly, as whole numbers: what rounding down leaves goes to the
    largest remainders, the first of equals (A. Hamilton's method). Nothing at all is shared evenly.
    """
    total = sum(amounts)
    if total == 0:
        return shares([1] * len(amounts))
    parts = [divmod(amount * SCORE_UNIT, total) for amount in amounts]
    left = SCORE_UNIT - sum(whole for whole, _ in parts)
    first = sorted(range(len(parts)), key=lambda index: -parts[index][1])[:left]
    return tuple(whole + (index in first) for index, (whole, _) in enumerate(parts))
