"""Previews: a medium in a format that browsers show, H.264 in MP4 or JPEG.

Frame n of a preview is frame n of the medium, upright, at its exact time since the first frame: a preview has no start offset,
whatever the medium has. Its sound is kept in step.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from storage.records import MediaInfo, SegmentSlice
from worker.vision.decode import decode_segment
from worker.vision.frame_times import FALLBACK_RATE
from worker.vision.frames import Frame
from worker.vision.jpegs import to_jpeg
from worker.vision.medium import Progress
from worker.vision.preview_sound import LAYOUT, RATE, opened_sound

MAX_HEIGHT = 720
MAX_STILL_SIDE = 2048
"""Pixels: more than most screens have."""
ENCODER_OPTIONS = {
    "preset": "veryfast",
    "crf": "23",
    "maxrate": "4M",  # so that noise can't fill the disk
    "bufsize": "8M",
    "bf": "0",  # without B-frames pictures are stored as they are shown, and the first one's time is 0
}
BT709 = 1
"""ITU-T H.273: the number of its matrix, primaries and transfer."""


def write_still_preview(fd: int, file: int, media: MediaInfo, *, progress: Progress) -> None:
    """Write a still picture as a JPEG of at most MAX_STILL_SIDE pixels each way.

    fd: the medium, open for reading.  file: empty, open for writing. Raises what decode_segment raises.
    """
    (frame,) = decode_segment(fd, media, _whole((media.first_pts,)), progress=progress)
    with os.fdopen(os.dup(file), "wb") as output:
        output.write(to_jpeg(frame.rgb(MAX_STILL_SIDE)))


def write_video_preview(
    fd: int,
    file: int,
    media: MediaInfo,
    pts: tuple[int, ...],
    *,
    sound_fd: int,
    progress: Progress,
) -> None:
    """Write a video as H.264 and AAC in an MP4 that begins to play before it is loaded, at most MAX_HEIGHT pixels high.

    fd, sound_fd: the medium, opened twice for reading.  file: empty, open for reading and writing.  pts: of all its frames,
    in its time base.  progress(done, total) counts frames. Raises what decode_segment raises.
    """
    frames = decode_segment(fd, media, _whole(pts), progress=progress)
    start_s = media.first_pts * media.time_base
    with opened_sound(sound_fd, start_s=start_s) as sound, _opened_mp4(file) as container:
        pictures = _add_pictures(container, media)
        sounds = _Sounds(container, sound)
        for frame in frames:
            picture = _fitted(frame, pictures)
            picture.pts, picture.time_base = pts[frame.index] - media.first_pts, media.time_base
            sounds.mux_until(picture.pts * picture.time_base)
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
        sounds.mux_until(None)


def _whole(pts: tuple[int, ...]) -> SegmentSlice:
    """All frames of a medium, decoded from its start, all wanted."""
    return SegmentSlice(first_frame=0, pts=pts, look=tuple(range(len(pts))), entries=())


@contextmanager
def _opened_mp4(file: int) -> Iterator[OutputContainer]:
    """Open an empty file to be an MP4 whose index comes first, for which FFmpeg reads back what it has written."""

    def reopened(_name: str, _flags: int, _options: object) -> BinaryIO:
        return Path(f"/proc/self/fd/{file}").open("rb")

    options = {"movflags": "+faststart"}
    with (
        os.fdopen(os.dup(file), "wb") as output,
        av.open(output, "w", format="mp4", options=options, io_open=reopened) as container,
    ):
        yield container


def _add_pictures(container: OutputContainer, media: MediaInfo) -> VideoStream:
    rate = _nominal_rate(media)
    stream = container.add_stream("libx264", rate=rate, options=ENCODER_OPTIONS)
    scale = min(1.0, MAX_HEIGHT / media.height)
    stream.width, stream.height = _even(media.width * scale), _even(media.height * scale)
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = media.time_base
    context.gop_size = max(1, round(rate))  # pages seek by frames: at most a second to decode
    context.thread_count = 1
    context.color_range = ColorRange.MPEG
    context.colorspace = context.color_primaries = context.color_trc = BT709
    return stream


def _nominal_rate(media: MediaInfo) -> Fraction:
    if media.duration_us == 0:
        return FALLBACK_RATE
    rate = Fraction((media.frame_count - 1) * 1_000_000, media.duration_us)
    return min(max(rate, Fraction(1)), Fraction(240)).limit_denominator(1001)


def _even(pixels: float) -> int:
    """The next even number of pixels, which 4:2:0 needs."""
    return max(2, round(pixels / 2) * 2)


def _fitted(frame: Frame, stream: VideoStream) -> VideoFrame:
    """The upright picture in the preview's size and colours."""
    rgb = frame.rgb(max(stream.width, stream.height))
    return VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        width=stream.width,
        height=stream.height,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
    )


class _Sounds:
    """Writes sound between the pictures, in step with them."""

    def __init__(self, container: OutputContainer, frames: Iterator[AudioFrame] | None) -> None:
        self._container = container
        self._frames = frames or iter(())
        self._next = next(self._frames, None)
        self._stream: AudioStream | None = None
        if self._next is not None:
            self._stream = container.add_stream("aac", rate=RATE, layout=LAYOUT)

    def mux_until(self, time_s: Fraction | None) -> None:
        """Write what sounds before that time; None: all that is left."""
        while self._next is not None and self._stream is not None:
            if time_s is not None and Fraction(self._next.pts or 0, RATE) >= time_s:
                return
            self._container.mux(self._stream.encode(self._next))
            self._next = next(self._frames, None)
        if time_s is None and self._stream is not None:
            self._container.mux(self._stream.encode(None))
