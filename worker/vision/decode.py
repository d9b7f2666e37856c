"""Decoding one segment: enter at a key packet, check every frame against the plan, hand out those that are looked at."""

from __future__ import annotations  # PyAV's Packet[...] exists for type checkers only

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

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
    """Yield the looked-at frames of a segment, in order.

    Decoding stops at the last of them. Every decoded frame up to there is checked against the plan: its pts, or only its
    number where the plan came from a full decode. progress(done, total) counts the segment's frames and is called
    for each picture decoded.
    Raises PlanMismatch if decoding gives other frames than planned, and what open_medium raises.
    """
    scaler = VideoReformatter()
    wanted = set(segment.look)
    last = segment.look[-1] if segment.look else segment.first_frame - 1
    pictures = _planned_pictures(fd, media, segment, limits=limits, progress=progress)
    for index, picture, orientation in pictures:
        done = index - segment.first_frame
        progress(done, len(segment.pts))
        if index in wanted:
            ticks = segment.pts[done] - media.first_pts
            yield Frame(index, microseconds(ticks, media.time_base), picture, scaler, orientation)
        if index >= last:
            break
    progress(len(segment.pts), len(segment.pts))


def _planned_pictures(
    fd: int, media: MediaInfo, segment: SegmentSlice, *, limits: MediaLimits, progress: Progress
) -> Iterator[tuple[int, VideoFrame, Orientation]]:
    """Number the pictures of the segment and say how each is turned, as long as they agree with the plan."""
    with _entered(fd, segment, limits) as (medium, packets):
        position = 0
        for picture in medium.decode(packets):
            if position == len(segment.pts):
                return
            if not media.full_decode:
                expected = segment.pts[position]
                if position == 0 and picture.pts is not None and picture.pts < expected:
                    progress(0, len(segment.pts))  # a sign of life on the way from the key packet
                    continue
                if picture.pts != expected:
                    raise _mismatch(segment, position, got=f"pts {picture.pts}")
            yield segment.first_frame + position, picture, medium.orientation_of(picture)
            position += 1
        if position < len(segment.pts):
            raise _mismatch(segment, position, got="the end of the file")


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
    for entry in segment.entries:
        if not medium.seek(entry):
            continue
        packets = medium.packets()
        first = next(packets, None)
        if first is not None and _in_time(first, entry=entry, needed=segment.pts[0]):
            return chain([first], packets)
    return None


def _in_time(first: Packet[VideoStream], *, entry: int, needed: int) -> bool:
    """Whether decoding from this packet reaches the frame `needed` (a pts) with everything it refers to."""
    if first.dts is not None and first.dts <= entry:
        return True
    # Matroska knows no dts right after a seek; a key packet shown no later than the needed frame is an entry as well.
    return first.is_keyframe and first.pts is not None and first.pts <= needed


def _mismatch(segment: SegmentSlice, position: int, *, got: str) -> PlanMismatch:
    frame = segment.first_frame + position
    expected = f"pts {segment.pts[position]}"
    return PlanMismatch(f"frame {frame}: the plan expects {expected}, decoding gave {got}")
