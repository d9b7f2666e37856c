"""Decoding one segment: enter at a key packet, check every frame against the plan, hand out those that are looked at."""

from __future__ import annotations  # PyAV's Packet[...] exists for type checkers only

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from storage.errors import PlanMismatch
from storage.records import MediaInfo, SegmentSlice, microseconds
from worker.vision.frames import Frame
from worker.vision.medium import DEFAULT_LIMITS, MediaLimits, Medium, Progress, open_medium
from worker.vision.orientation import Orientation


def decode_segment(
    fd: int,
    media: MediaInfo,
    segment: SegmentSlice,
    *,
    limits: MediaLimits = DEFAULT_LIMITS,
    progress: Progress,
) -> Iterator[Frame]:
    """Yield the looked-at frames of a segment, in order, and about them those that open and close it, where it has such.

    The opening frame is numbered one less than the segment's first, whatever lies between them. Decoding stops at the last
    frame that is wanted. Every decoded frame up to there is checked against the plan: its pts, or only its number where the
    plan came from a full decode. progress(done, total) counts the segment's frames and is called for each picture decoded.
    All are turned as the plan says: an SEI message or animated PNG states the turn with its first frame alone and means all.
    Raises PlanMismatch if decoding gives other frames than planned, and what open_medium raises.
    """
    scaler = VideoReformatter()
    orientation = Orientation(media.rotation, media.mirrored)
    wanted = {segment.first_frame - 1, *segment.look}
    if segment.closing_pts is not None:
        wanted.add(segment.end_frame)
    last = max(wanted)
    for planned in _planned_pictures(fd, media, segment, limits=limits, progress=progress):
        index, pts, picture = planned
        done = min(max(0, index - segment.first_frame), len(segment.pts))
        progress(done, len(segment.pts))
        if index in wanted:
            time_us = microseconds(pts - media.first_pts, media.time_base)
            yield Frame(index, time_us, picture, scaler, orientation)
        if index >= last:
            break
    progress(len(segment.pts), len(segment.pts))


class PlannedPicture(NamedTuple):
    frame: int  #: its index
    pts: int  #: what the plan says
    picture: VideoFrame


def _planned_pictures(
    fd: int, media: MediaInfo, segment: SegmentSlice, *, limits: MediaLimits, progress: Progress
) -> Iterator[PlannedPicture]:
    """Number the pictures of the segment, as long as they agree with the plan."""
    awaited = [] if segment.opening_pts is None else [segment.opening_pts]
    with _entered(fd, segment, limits) as (medium, packets):
        position = 0
        for picture in medium.decode(packets):
            if position == len(segment.decoded_pts):
                return
            expected = segment.decoded_pts[position]
            if not media.full_decode:
                if position == 0 and picture.pts is not None and picture.pts < expected:
                    progress(0, len(segment.pts))  # a sign of life on the way from the key packet
                    if picture.pts in awaited:
                        opening = awaited.pop()
                        yield PlannedPicture(segment.first_frame - 1, opening, picture)
                    continue
                if awaited or picture.pts != expected:
                    raise _mismatch(
                        segment, position, [*awaited, expected][0], f"pts {picture.pts}"
                    )
            yield PlannedPicture(segment.first_frame + position, expected, picture)
            position += 1
        if position < len(segment.decoded_pts):
            expected = segment.decoded_pts[position]
            raise _mismatch(segment, position, expected, "the end of the file")


@contextmanager
def _entered(
    fd: int, segment: SegmentSlice, limits: MediaLimits
) -> Iterator[tuple[Medium, Iterator[Packet[VideoStream]]]]:
    """Open the file at the best entry whose seek does not land late, at its start if none does."""
    with open_medium(fd, limits) as medium:
        packets = _enter(medium, segment) if segment.entries else medium.packets()
        if packets is not None:
            yield medium, packets
            return
    with open_medium(fd, limits) as medium:
        yield medium, medium.packets()


def _enter(medium: Medium, segment: SegmentSlice) -> Iterator[Packet[VideoStream]] | None:
    """Seek to the entries, best first, until one does not land late; None if all do.

    MPEG program streams above all land behind the wanted packet, which shows by the packet that comes first.
    """
    needed = segment.pts[0] if segment.opening_pts is None else segment.opening_pts
    for entry in segment.entries:
        if not medium.seek(entry):
            continue
        packets = medium.packets()
        first = next(packets, None)
        if first is not None and _in_time(first, entry=entry, needed=needed):
            return chain([first], packets)
    return None


def _in_time(first: Packet[VideoStream], *, entry: int, needed: int) -> bool:
    """Whether decoding from this packet reaches the frame `needed` (a pts) with everything it refers to."""
    if first.dts is not None and first.dts <= entry:
        return True
    # Matroska knows no dts right after a seek; a key packet shown no later than the needed frame is an entry as well.
    return first.is_keyframe and first.pts is not None and first.pts <= needed


def _mismatch(segment: SegmentSlice, position: int, expected: int, got: str) -> PlanMismatch:
    frame = segment.first_frame + position
    return PlanMismatch(f"frame {frame}: the plan expects pts {expected}, decoding gave {got}")
