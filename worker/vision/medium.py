"""Opening a medium out of a descriptor, and reading packets and pictures from it: the only module that wraps FFmpeg's errors.

The file is opened as `fd:` with that one protocol allowed, so that no content of it can make FFmpeg open a path or an
address. One thread, one decoder per opening: frame threads cost up to 32 % more CPU for the same pictures.
"""

from __future__ import annotations  # PyAV's Packet[...] exists for type checkers only

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.error
import av.logging
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from storage.errors import (
    CorruptMedia,
    EmptyFile,
    InputError,
    MediumUnavailable,
    NoVideo,
    TooLarge,
    UnsupportedMedia,
)
from worker.intake import EXPECTED_MEDIA, HEAD_BYTES, looks_like_media
from worker.vision import formats

av.logging.set_level(None)  # a hostile file writes megabytes of complaints to stderr
SIZE_COMPLAINT = "max pixel count"
"""Part of what FFmpeg logs when a picture exceeds `max_pixels`; its error code alone says only "invalid"."""
Progress = Callable[[int, int], None]
"""Called as progress(frames done, frames in all or 0 while unknown): display and heartbeat in one."""
FALLBACK_TIME_BASE = Fraction(1, 1_000_000)
NOT_OF_THE_FILE = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT})
"""What reading fails with when a disk, a network share or its server does. Demuxers say EIO too where a file was cut off."""
READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class MediaLimits:
    """What one file may ask of this machine; beyond it the file is refused as too large."""

    max_frames: int = 2_000_000
    """9 hours at 60 frames per second; a 7.8 MB MP4 can claim 600,000 frames."""
    max_duration_s: int = 86_400
    """A day: longer spans are broken timestamps or belong into several files."""
    max_pixels: int = 100_000_000
    """Per picture: above 8K video (33 million) and most photographs; keeps one decoded picture below 800 MB."""
    max_total_pixels: int = 10_000_000_000_000
    """Over all frames: 5 hours of 4K at 60 frames per second; bounds what a small bomb can make us decode."""


@dataclass
class Medium:
    """An open file and its chosen video stream."""

    container: InputContainer
    stream: VideoStream
    limits: MediaLimits
    fd: int
    damaged: int = field(default=0)
    """Packets that could not be decoded so far; they are skipped. An end that can't be read counts as one."""

    @property
    def format_name(self) -> str:
        return self.container.format.name

    @property
    def codec_name(self) -> str:
        return self.stream.codec_context.name

    @property
    def time_base(self) -> Fraction:
        base = self.stream.time_base or FALLBACK_TIME_BASE
        return Fraction(base.numerator, base.denominator)  # PyAV 19 has its own type here

    @property
    def is_picture(self) -> bool:
        """Whether the format holds one picture without a clock."""
        brand = self.container.metadata.get("major_brand", "").strip()
        return formats.is_picture_format(self.format_name, brand)

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Read the stream's packets on from here; a file that breaks off simply ends. The last one is empty: it flushes.

        Raises TooLarge after `limits.max_frames` packets, or if memory runs out; MediumUnavailable if reading fails.
        """
        count = 0
        try:
            for packet in self.container.demux(self.stream):
                if packet.size == 0 and packet.dts is None:
                    break
                yield packet
                count += 1
                if count > self.limits.max_frames:
                    raise too_many_frames(self.limits)
        except av.error.MemoryError as error:
            raise out_of_memory() from error
        except av.error.FFmpegError as error:
            if error.errno in NOT_OF_THE_FILE and not _read_to_its_end(self.fd):
                raise unreadable_now(error.strerror) from error
            self.damaged += 1  # the tail cannot be read: what came before it stands

    def decode(self, packets: Iterator[Packet[VideoStream]]) -> Iterator[VideoFrame]:
        """Decode packets in order, then flush. A packet that does not decode is skipped and counted in `damaged`.

        Use one call per opening or seek: PyAV keeps the B-frames that wait for reordering in the decoder.
        """
        for packet in packets:
            yield from self._decoded(packet)
        yield from self._decoded(None)

    def _decoded(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        try:
            return self.stream.codec_context.decode(packet)
        except av.error.MemoryError as error:
            raise out_of_memory() from error
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self.damaged += 1
            return []

    def seek(self, dts: int) -> bool:
        """Go to the last key packet at or before `dts`, in the stream's time base; False if the file cannot do that."""
        try:
            self.container.seek(dts, stream=self.stream, backward=True, any_frame=False)
        except av.error.FFmpegError:
            return False
        return True


def _read_to_its_end(fd: int) -> bool:
    return os.lseek(fd, 0, os.SEEK_CUR) >= os.fstat(fd).st_size


def unreadable_now(reason: str | None) -> MediumUnavailable:
    return MediumUnavailable(f"the file can't be read on at the moment: {reason}")


def out_of_memory() -> TooLarge:
    return TooLarge("decoding this file needs more memory than this installation allows")


def too_many_frames(limits: MediaLimits) -> TooLarge:
    return TooLarge(f"the video has more than {limits.max_frames} frames; cut it into parts")


DEFAULT_LIMITS = MediaLimits()


@contextmanager
def open_medium(fd: int, limits: MediaLimits = DEFAULT_LIMITS) -> Iterator[Medium]:
    """Open the file behind a descriptor and choose its video stream: the first with the disposition `default`, else the first.

    The descriptor stays open and is read from its beginning (FFmpeg works on a duplicate, which shares the file position:
    one opening at a time). Cover art, thumbnails and the tiles of a tiled HEIF do not count as video.
    Raises EmptyFile, UnsupportedMedia, NoVideo, CorruptMedia or TooLarge; MediumUnavailable if it can't be read at the moment.
    """
    if os.fstat(fd).st_size == 0:
        raise EmptyFile
    os.lseek(fd, 0, os.SEEK_SET)
    container = _open_container(fd, limits)
    try:
        stream = _choose_stream(container)
        context = stream.codec_context
        if context.width * context.height > limits.max_pixels:
            raise picture_too_large(limits)
        context.thread_type = "NONE"
        context.thread_count = 1
        context.options = {"max_pixels": str(limits.max_pixels)}
        yield Medium(container, stream, limits, fd)
    finally:
        container.close()


def picture_too_large(limits: MediaLimits) -> TooLarge:
    return TooLarge(f"the picture has more than {limits.max_pixels} pixels; make it smaller")


def _open_container(fd: int, limits: MediaLimits) -> InputContainer:
    container_options = {
        "fd": str(fd),
        "protocol_whitelist": "fd",
        "format_whitelist": formats.FORMAT_WHITELIST,
    }
    # As plain `options` they reach the probing of every stream known by then, and MPEG-TS, which knows none yet, still opens.
    probe_options = {
        "max_pixels": str(limits.max_pixels),
        "codec_whitelist": formats.CODEC_WHITELIST,
        "threads": "1",
    }
    try:
        return av.open("fd:", mode="r", options=probe_options, container_options=container_options)
    except av.error.MemoryError as error:
        raise out_of_memory() from error
    except av.error.FFmpegError as error:
        _check_readable(fd)
        raise _unreadable(fd) from error


def _check_readable(fd: int) -> None:
    """Read where FFmpeg read in vain: it does not tell why. Raises MediumUnavailable if that fails as well."""
    try:
        here, end = os.lseek(fd, 0, os.SEEK_CUR), os.fstat(fd).st_size
        for start in (0, here, max(0, end - READ_BYTES)):
            os.pread(fd, READ_BYTES, start)
    except OSError as error:
        raise unreadable_now(error.strerror) from error


def _unreadable(fd: int) -> UnsupportedMedia | CorruptMedia:
    """Say why FFmpeg can't open a file: another format, or one that begins well."""
    if looks_like_media(os.pread(fd, HEAD_BYTES, 0)):
        return CorruptMedia(
            "the file begins like an image or a video, but can't be read: it is damaged or cut off"
            " (an MP4 that was cut off has lost its index)"
        )
    return UnsupportedMedia(
        f"no supported format was recognised in the file; expected {EXPECTED_MEDIA}"
    )


def _choose_stream(container: InputContainer) -> VideoStream:
    disposition = av.stream.Disposition
    not_video = disposition.attached_pic | disposition.timed_thumbnails
    videos = [s for s in container.streams.video if not s.disposition & not_video]
    if not videos:
        kinds = sorted({s.type for s in container.streams})
        holds = f"holds {', '.join(kinds)} but no video" if kinds else "holds no stream"
        expected = "expected an image or a video with pictures"
        raise NoVideo(f"the file {holds}; {expected}")
    whole = [s for s in videos if not s.disposition & disposition.dependent]
    if not whole:
        raise UnsupportedMedia("the picture is stored in tiles (HEIF grid); send it as JPEG or PNG")
    stream = next((s for s in whole if s.disposition & disposition.default), whole[0])
    name = _decoder_name(stream)
    if name not in formats.VIDEO_DECODERS:
        known = ", ".join(sorted(formats.VIDEO_DECODERS))
        raise UnsupportedMedia(f"the video is encoded as {name}; expected one of: {known}")
    return stream


def _decoder_name(stream: VideoStream) -> str:
    context: Any = (
        stream.codec_context
    )  # None where FFmpeg has no decoder, whatever the annotation says
    return context.name if context is not None else "an unknown codec"


def undecodable(fd: int, limits: MediaLimits) -> InputError:
    """Say why not one picture of a file could be decoded: too large for `limits`, animated WebP, or damaged.

    Opens the file once more and listens to what FFmpeg logs, because its error code is the same for all.
    """
    if _is_animated_webp(fd):
        return UnsupportedMedia("the picture is an animated WebP; send it as GIF or as a video")
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as logs, open_medium(fd, limits) as medium:
            next(medium.decode(medium.packets()), None)
    except InputError as error:
        return error
    finally:
        av.logging.set_level(None)
    if any(SIZE_COMPLAINT in message for _, _, message in logs):
        return picture_too_large(limits)
    return CorruptMedia()


def _is_animated_webp(fd: int) -> bool:
    """Read the animation flag of the extended WebP header (RFC 9649, 2.7): FFmpeg decodes stills only."""
    head = os.pread(fd, 21, 0)
    return head[8:16] == b"WEBPVP8X" and len(head) == 21 and bool(head[20] & 0x02)
