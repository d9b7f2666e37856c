"""Times for frames whose stream does not tell them, or tells them badly."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

FALLBACK_RATE = Fraction(25)
"""Frames per second where a stream states no rate either: what FFmpeg assumes for raw streams."""


class FrameTimes(NamedTuple):
    pts: list[int]  #: ascending, one per decoded frame
    estimated: bool  #: some of them are guesses


def nominal_duration(rate: Fraction | None, time_base: Fraction) -> int:
    """Ticks of one frame at a stream's nominal rate, at least 1."""
    usable = rate if rate is not None and rate > 0 else FALLBACK_RATE
    return max(1, round(1 / (usable * time_base)))


def complete_times(
    given: Sequence[int | None], durations: Sequence[int | None], *, nominal: int
) -> FrameTimes:
    """Fill and sort the timestamps of decoded frames.

    given: pts in the decoder's order, None where unknown.  durations: ticks per frame, None or 0 where unknown.
    A missing pts is its predecessor's plus the predecessor's duration (`nominal` ticks where unknown). H.264 in AVI decodes
    with pts out of order: the times are the sorted ones. Of equal pts the later frames come one tick after; a stream whose
    pts are mostly equal has no clock at all and is timed by `nominal`.
    """
    filled = _fill(given, durations, nominal=nominal)
    estimated = None in given
    filled.sort()
    distinct = 1 + sum(a != b for a, b in pairwise(filled))
    if 2 * distinct <= len(filled):
        return FrameTimes([filled[0] + nominal * i for i in range(len(filled))], estimated=True)
    for index in range(1, len(filled)):
        if filled[index] <= filled[index - 1]:
            filled[index] = filled[index - 1] + 1
            estimated = True
    return FrameTimes(filled, estimated)


def _fill(
    given: Sequence[int | None], durations: Sequence[int | None], *, nominal: int
) -> list[int]:
    known = next((i for i, pts in enumerate(given) if pts is not None), None)
    following = 0 if known is None else (given[known] or 0) - nominal * known
    filled: list[int] = []
    for pts, duration in zip(given, durations, strict=True):
        current = following if pts is None else pts
        filled.append(current)
        following = current + (duration or nominal)
    return filled
