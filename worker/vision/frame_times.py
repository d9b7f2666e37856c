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
    with pts out of order: the times are the sorted ones. Of equal pts the later frame comes `nominal` ticks after or half-way
    to the next; a stream whose pts are mostly equal has no clock at all and is timed by `nominal` alone.
    """
    filled = _fill(given, durations, nominal=nominal)
    estimated = None in given
    filled.sort()
    distinct = 1 + sum(a != b for a, b in pairwise(filled))
    if 2 * distinct <= len(filled):
        return FrameTimes([filled[0] + nominal * i for i in range(len(filled))], estimated=True)
    return FrameTimes(*_spread(filled, estimated=estimated, nominal=nominal))


def _spread(ascending: list[int], *, estimated: bool, nominal: int) -> tuple[list[int], bool]:
    """Move equal times apart; says whether any time is a guess."""
    spread = ascending[:1]
    for index, current in enumerate(ascending[1:], start=1):
        if current <= spread[-1]:
            gap = nominal
            if index + 1 < len(ascending):
                gap = min(nominal, (ascending[index + 1] - spread[-1]) // 2)
            current, estimated = spread[-1] + max(1, gap), True
        spread.append(current)
    return spread, estimated


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
