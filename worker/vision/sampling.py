"""Which frames are looked at: a function of the times and the wish alone, never of segments or workers."""

from collections.abc import Sequence
from fractions import Fraction


def looked_at(ticks: Sequence[int], time_base: Fraction, sample_fps: float | None) -> list[int]:
    """List the indices of the frames to look at, ascending.

    ticks: times of all frames since the first, ascending, in time_base.
    sample_fps: at most so many per second: of the frames between two multiples of 1 / sample_fps the first is taken, so a
    frame is looked at iff floor(time * sample_fps) differs from its predecessor's. None takes every frame.
    Returns [] for no frames; otherwise the first frame is always in it. Exact: integers and fractions only.
    """
    if sample_fps is None:
        return list(range(len(ticks)))
    per_tick = time_base * Fraction(str(sample_fps))
    numerator, denominator = per_tick.numerator, per_tick.denominator
    chosen: list[int] = []
    previous: int | None = None
    for index, tick in enumerate(ticks):
        slot = tick * numerator // denominator
        if slot != previous:
            chosen.append(index)
        previous = slot
    return chosen
