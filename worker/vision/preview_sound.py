"""The sound of a medium, decoded and made even, for its preview."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from worker.vision.medium import Medium, open_medium

RATE = 48_000
"""Samples per second of the preview."""
LAYOUT = "stereo"
FRAME_SAMPLES = 1024
"""Of one AAC frame (ISO/IEC 14496-3)."""
SOUND_DECODERS = frozenset(
    {
        "aac",
        "ac3",
        "alac",
        "amrnb",
        "eac3",
        "flac",
        "mp2",
        "mp2float",
        "mp3",
        "mp3float",
        "opus",
        "libopus",
        "pcm_s16be",
        "pcm_s16le",
        "pcm_s24le",
        "pcm_u8",
        "vorbis",
        "wmav1",
        "wmav2",
    }
)
"""A closed list, as in worker.vision.formats: a medium with any other sound gets a silent preview."""


@contextmanager
def opened_sound(fd: int, *, start_s: Fraction) -> Iterator[Iterator[AudioFrame] | None]:
    """Open a medium's first sound stream; None if there is none that is known.

    start_s: of the first picture, on the container's clock.  Yields an iterator of frames of FRAME_SAMPLES stereo samples at
    RATE, whose pts counts samples from the first picture. Sound before it is left out; damaged sound is skipped.
    Raises what open_medium raises.
    """
    with open_medium(fd) as medium:
        stream = next((s for s in medium.container.streams.audio if _is_known(s)), None)
        if stream is None:
            yield None
            return
        first = round(start_s * RATE)
        yield _in_order(_resampled(_decoded(medium, stream)), first=first)


def _is_known(stream: AudioStream) -> bool:
    context = stream.codec_context
    return context is not None and context.name in SOUND_DECODERS


def _decoded(medium: Medium, stream: AudioStream) -> Iterator[AudioFrame]:
    try:
        for packet in medium.container.demux(stream):
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                continue
    except av.error.FFmpegError:  # the tail cannot be read: what came before it stands
        return


def _resampled(decoded: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    resampler = AudioResampler("fltp", LAYOUT, RATE, frame_size=FRAME_SAMPLES)
    try:
        for frame in decoded:
            yield from resampler.resample(frame)
        yield from resampler.resample(None)
    except (av.error.FFmpegError, ValueError):  # the stream changed its form half-way
        return


def _in_order(frames: Iterator[AudioFrame], *, first: int) -> Iterator[AudioFrame]:
    """Number the samples from the first picture's time on, and leave out what comes before that or twice.

    Times are rounded in many formats, to milliseconds in Matroska and FLV: what begins near the end of the frame before it
    follows on it.
    """
    following = 0
    for frame in frames:
        if frame.pts is None or frame.time_base is None:
            continue
        at = round(frame.pts * frame.time_base * RATE) - first
        if abs(at - following) < FRAME_SAMPLES // 2:
            at = following
        if at >= following:
            frame.pts, frame.time_base = at, Fraction(1, RATE)
            following = at + frame.samples
            yield frame
