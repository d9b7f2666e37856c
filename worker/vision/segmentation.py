"""Cutting a frame list into segments that can be decoded on their own."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from storage.records import SegmentSlice

ENTRIES_PER_SEGMENT = 3
"""The key packet to enter at and two before it, for containers whose seek lands late."""


class KeyPacket(NamedTuple):
    """A clean entry point of a stream."""

    pts: int
    dts: int


def cut(
    pts: Sequence[int],
    look: Sequence[int],
    *,
    keys: Sequence[KeyPacket],
    target_ticks: int,
) -> tuple[SegmentSlice, ...]:
    """Cut the frames at key packets into slices of at least `target_ticks`, without gaps.

    pts: of all frames, ascending.  look: indices of the frames to look at, ascending.  keys: entry points in any order.
    A slice starts at the first looked-at frame at or after a key packet; the first one starts at frame 0 and enters at the
    start of the file. No looked-at frame after a key packet: no cut there.
    """
    ordered = sorted(keys)
    starts = _starts(pts, look, keys=ordered, target_ticks=target_ticks)
    return tuple(
        _slice(pts, look, ordered, first=first, end=end)
        for first, end in zip(starts, [*starts[1:], len(pts)], strict=True)
    )


def whole(pts: Sequence[int], look: Sequence[int]) -> tuple[SegmentSlice, ...]:
    """One slice over everything, entered at the start of the file."""
    return (SegmentSlice(first_frame=0, pts=tuple(pts), look=tuple(look), entries=()),)


def _starts(
    pts: Sequence[int], look: Sequence[int], *, keys: Sequence[KeyPacket], target_ticks: int
) -> list[int]:
    looked_pts = [pts[index] for index in look]
    starts = [0]
    for key in keys:
        position = bisect_left(looked_pts, key.pts)
        if position == len(look):
            break
        frame = look[position]
        if frame > starts[-1] and pts[frame] - pts[starts[-1]] >= target_ticks:
            starts.append(frame)
    return starts


def _slice(
    pts: Sequence[int],
    look: Sequence[int],
    keys: Sequence[KeyPacket],
    *,
    first: int,
    end: int,
) -> SegmentSlice:
    entries: tuple[int, ...] = ()
    if first > 0:
        usable = bisect_right(keys, pts[first], key=lambda key: key.pts)
        before = keys[max(0, usable - ENTRIES_PER_SEGMENT) : usable]
        entries = tuple(key.dts for key in reversed(before))
    return SegmentSlice(
        first_frame=first,
        pts=tuple(pts[first:end]),
        look=tuple(look[bisect_left(look, first) : bisect_left(look, end)]),
        entries=entries,
    )
