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
    window: int,
) -> tuple[SegmentSlice, ...]:
    """Cut the frames at key packets into slices of at least `target_ticks`, without gaps.

    pts: of all frames, ascending.  look: indices of the frames to look at, ascending.  keys: entry points in any order.
    window: distance of the grid on which faces are detected, in looked-at frames from the first.
    A slice starts at the first frame of the grid whose looked-at predecessor is at or after a key packet; the first one
    starts at frame 0 and enters at the start of the file. No such frame: no cut there. The predecessor opens the slice, for
    its first frame may begin a new shot; where windows are longer than one frame, the first frame of the next closes it.
    """
    ordered = sorted(keys)
    starts = _starts(pts, look, keys=ordered, target_ticks=target_ticks, window=window)
    return tuple(
        _slice(pts, look, ordered, first=first, end=end, closed=window > 1)
        for first, end in zip(starts, [*starts[1:], len(pts)], strict=True)
    )


def whole(pts: Sequence[int], look: Sequence[int]) -> tuple[SegmentSlice, ...]:
    """One slice over everything, entered at the start of the file."""
    return (SegmentSlice(first_frame=0, pts=tuple(pts), look=tuple(look), entries=()),)


def _starts(
    pts: Sequence[int],
    look: Sequence[int],
    *,
    keys: Sequence[KeyPacket],
    target_ticks: int,
    window: int,
) -> list[int]:
    looked_pts = [pts[index] for index in look]
    starts = [0]
    for key in keys:
        opening = bisect_left(looked_pts, key.pts)
        position = (opening // window + 1) * window
        if position >= len(look):
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
    closed: bool,
) -> SegmentSlice:
    entries: tuple[int, ...] = ()
    opening_pts: int | None = None
    if first > 0:
        opening_pts = pts[look[bisect_left(look, first) - 1]]
        usable = bisect_right(keys, opening_pts, key=lambda key: key.pts)
        before = keys[max(0, usable - ENTRIES_PER_SEGMENT) : usable]
        entries = tuple(key.dts for key in reversed(before))
    return SegmentSlice(
        first_frame=first,
        pts=tuple(pts[first:end]),
        look=tuple(look[bisect_left(look, first) : bisect_left(look, end)]),
        entries=entries,
        opening_pts=opening_pts,
        closing_pts=pts[end] if closed and end < len(pts) else None,
    )
