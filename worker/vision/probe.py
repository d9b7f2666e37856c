"""The plan of a medium: every frame with its exact time, what to look at, and where to cut."""

from __future__ import annotations  # PyAV's Packet[...] exists for type checkers only

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from storage.errors import TooLarge
from storage.records import JobOptions, MediaInfo, MediaPlan, microseconds
from worker.vision import formats, segmentation
from worker.vision.cut_off import is_cut_off
from worker.vision.frame_times import complete_times, nominal_duration
from worker.vision.medium import (
    DEFAULT_LIMITS,
    MediaLimits,
    Medium,
    Progress,
    open_medium,
    too_many_frames,
    undecodable,
)
from worker.vision.orientation import orientation_of
from worker.vision.sampling import looked_at
from worker.vision.windows import window_length

DECODED_TO_PLAN: frozenset[str] = frozenset({"h264", "hevc", "m4v", "mpegvideo", "mjpeg", "mpeg"})
"""Raw streams have no timestamps, and packets are whatever the parser cut. Program streams (`mpeg`) seek badly: about one
segment in five gives frames half a period off."""
NO_PTS: frozenset[str] = frozenset({"avi"})
"""Containers that store one time per packet in decoding order: with B-frames these are not the pictures' times."""
NOTHING_NEW: frozenset[str] = frozenset({"mpeg4", "theora"})
"""Codecs whose packets may say that nothing has changed: no picture comes of such a one, and none is lost."""
PACKETS_PER_REPORT = 256
"""Demuxing reads some 100,000 packets per second."""
VP8_SHOW_FRAME = 0x10
"""Bit of a VP8 frame's first byte (RFC 6386, 9.1): alternate reference frames are decoded and never shown."""


class FrameList(NamedTuple):
    """Every frame of a stream, from its packets or from its pictures."""

    pts: list[int]  #: ascending
    keys: list[segmentation.KeyPacket]  #: where decoding may begin
    full_decode: bool
    times_estimated: bool
    damaged_packets: int = 0


def plan_medium(
    fd: int,
    options: JobOptions,
    *,
    segment_target_us: int = 10_000_000,
    full_decode: bool = False,
    limits: MediaLimits = DEFAULT_LIMITS,
    progress: Progress,
) -> MediaPlan:
    """Plan a file: demux it once and list its frames, or decode it once where its packets do not tell them.

    fd: an open descriptor of the file, read from its beginning; stays open.
    full_decode: take the list from a decode of everything, as one segment (after a PlanMismatch).
    Raises EmptyFile, UnsupportedMedia, NoVideo, CorruptMedia (not one picture decodes) or TooLarge.
    """
    media = _look_at_first_picture(fd, limits)
    progress(0, 0)
    if media.still:
        frames = FrameList([0], [], full_decode=True, times_estimated=False)
    else:
        frames = _list_frames(fd, limits, full_decode=full_decode, progress=progress)
    media = _completed(media, frames, cut_off=is_cut_off(fd, media.container, limits))
    _check_limits(media, limits)
    ticks = [pts - media.first_pts for pts in frames.pts]
    look = looked_at(ticks, media.time_base, options.sample_fps)
    if frames.full_decode:
        return MediaPlan(media, segmentation.whole(frames.pts, look))
    target_ticks = max(1, int(Fraction(segment_target_us, 1_000_000) / media.time_base))
    segments = segmentation.cut(
        frames.pts,
        look,
        keys=frames.keys,
        target_ticks=target_ticks,
        window=window_length(media, options),
    )
    return MediaPlan(media, segments)


def _look_at_first_picture(fd: int, limits: MediaLimits) -> MediaInfo:
    """Describe the medium by its first picture; the fields about its frames are still empty."""
    with open_medium(fd, limits) as medium:
        first = next(medium.decode(medium.packets()), None)
        if first is not None:
            return _described(medium, first)
    raise undecodable(fd, limits)


def _described(medium: Medium, first: VideoFrame) -> MediaInfo:
    orientation = orientation_of(first)
    width, height = orientation.upright_size(first.width, first.height)
    time_base = medium.time_base
    return MediaInfo(
        container=medium.format_name,
        codec=medium.codec_name,
        width=width,
        height=height,
        rotation=orientation.rotation,
        frame_count=0,
        duration_us=0,
        time_base_numerator=time_base.numerator,
        time_base_denominator=time_base.denominator,
        first_pts=0,
        still=medium.is_picture,
        times_estimated=False,
        full_decode=False,
        pixel_format=first.format.name,
        mirrored=orientation.mirrored,
        container_start_us=medium.container.start_time or 0,
    )


def _completed(media: MediaInfo, frames: FrameList, *, cut_off: bool) -> MediaInfo:
    first, last = frames.pts[0], frames.pts[-1]
    return replace(
        media,
        frame_count=len(frames.pts),
        duration_us=microseconds(last - first, media.time_base),
        first_pts=first,
        still=media.still or (media.container in formats.MAYBE_STILL and len(frames.pts) == 1),
        times_estimated=frames.times_estimated,
        full_decode=frames.full_decode,
        damaged_packets=frames.damaged_packets + cut_off,
    )


def _check_limits(media: MediaInfo, limits: MediaLimits) -> None:
    if media.frame_count > limits.max_frames:
        raise too_many_frames(limits)
    if media.duration_us > limits.max_duration_s * 1_000_000:
        seconds = media.duration_us // 1_000_000
        raise TooLarge(f"the video lasts {seconds} s; at most {limits.max_duration_s} s are taken")
    if media.frame_count * media.width * media.height > limits.max_total_pixels:
        raise TooLarge("the video has too many pixels in all; cut it into parts or scale it down")


def _list_frames(
    fd: int, limits: MediaLimits, *, full_decode: bool, progress: Progress
) -> FrameList:
    if not full_decode:
        with open_medium(fd, limits) as medium:
            listed = _list_packets(medium, progress=progress) if _tells_frames(medium) else None
        if listed is not None:
            return listed
    with open_medium(fd, limits) as medium:
        listed = _list_pictures(medium, progress=progress)
    if not listed.pts:
        raise undecodable(fd, limits)
    return listed


def _tells_frames(medium: Medium) -> bool:
    """Whether the container's packets and their times are those of the pictures."""
    if medium.format_name in DECODED_TO_PLAN:
        return False
    return not (medium.format_name in NO_PTS and medium.stream.codec_context.has_b_frames)


def _list_packets(medium: Medium, *, progress: Progress) -> FrameList | None:
    """List the frames by demuxing alone; None where packets do not tell them exactly.

    A packet marked discard (before an edit list's start) is decoded but never shown, and no entry point.
    """
    pts: list[int] = []
    keys: list[segmentation.KeyPacket] = []
    vp8 = _is_vp8(medium)
    for count, packet in enumerate(medium.packets()):
        if count % PACKETS_PER_REPORT == 0:
            progress(count, medium.stream.frames)
        if not _is_shown(packet, vp8=vp8):
            continue
        if packet.pts is None:
            return None
        pts.append(packet.pts)
        if packet.is_keyframe and not packet.is_corrupt and packet.dts is not None:
            keys.append(segmentation.KeyPacket(packet.pts, packet.dts))
    pts.sort()
    if not pts or any(earlier == later for earlier, later in pairwise(pts)):
        return None
    return FrameList(
        pts, keys, full_decode=False, times_estimated=False, damaged_packets=medium.damaged
    )


def _is_vp8(medium: Medium) -> bool:
    return medium.codec_name in {"vp8", "libvpx"}


def _is_shown(packet: Packet[VideoStream], *, vp8: bool) -> bool:
    """Whether a packet is of a picture that players show."""
    return not (packet.is_discard or (vp8 and not bytes(packet)[0] & VP8_SHOW_FRAME))


def _list_pictures(medium: Medium, *, progress: Progress) -> FrameList:
    """List the frames by decoding everything; empty if nothing decodes.

    Decoders withhold pictures without a word, too: those that build on lost ones.
    """
    given: list[int | None] = []
    durations: list[int | None] = []
    vp8, shown, interlaced = _is_vp8(medium), 0, False

    def packets() -> Iterator[Packet[VideoStream]]:
        nonlocal shown
        for packet in medium.packets():
            shown += _is_shown(packet, vp8=vp8)
            yield packet

    for count, picture in enumerate(medium.decode(packets())):
        interlaced |= picture.interlaced_frame
        progress(count, medium.stream.frames)
        given.append(picture.pts)
        durations.append(picture.duration)
        if count >= medium.limits.max_frames:
            raise too_many_frames(medium.limits)
    if not given:
        return FrameList([], [], full_decode=True, times_estimated=False)
    nominal = nominal_duration(medium.stream.average_rate, medium.time_base)
    times = complete_times(given, durations, nominal=nominal)
    # A packet may hold but one field of a picture, or say that the one before stays.
    tells = _tells_frames(medium) and medium.codec_name not in NOTHING_NEW and not interlaced
    withheld = shown - len(given) if tells else 0
    return FrameList(
        times.pts,
        [],
        full_decode=True,
        times_estimated=times.estimated,
        damaged_packets=max(medium.damaged, withheld),
    )
