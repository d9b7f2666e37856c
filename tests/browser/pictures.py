"""Pictures and films a browser can show, made on the spot."""

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.vision.made_media import Recipe, talking_head, write_video

DIGIT_PIXELS = 40
DIGITS = 8
WIDTH, HEIGHT = DIGITS * DIGIT_PIXELS, 240  # as made-up jobs have it
FRAMES_PER_SECOND = 25


def png(width: int, height: int) -> bytes:
    """Make a PNG of one grey."""
    rows = (b"\0" + b"\x90" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def numbered_film(
    file: Path, *, frames: int, first_tick: int = 0, pixel_shape: str = "1/1"
) -> Path:
    """Write a video, 25 frames per second, whose pictures show their own numbers as eight black or white fields.

    first_tick: the first picture's time, in pictures.
    pixel_shape: how wide a pixel is, by how high.
    """
    ticks = range(first_tick, first_tick + frames)
    shape = {"x264-params": f"sar={pixel_shape}"}
    recipe = Recipe(rate=Fraction(FRAMES_PER_SECOND), keyframe_every=25, options=shape)
    return write_video(file, _numbered(frames), recipe, ticks=ticks)


def _numbered(frames: int) -> Iterator[npt.NDArray[np.uint8]]:
    for number in range(frames):
        picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        for digit in range(DIGITS):
            left = digit * DIGIT_PIXELS
            picture[: HEIGHT // 4, left : left + DIGIT_PIXELS] = 255 * (number >> digit & 1)
        yield picture


READ_NUMBER = f"""(video) => {{
    const seen = new OffscreenCanvas({WIDTH}, {HEIGHT}).getContext("2d");
    seen.drawImage(video, 0, 0, {WIDTH}, {HEIGHT});
    const lit = (digit) => seen.getImageData(digit * {DIGIT_PIXELS} + {DIGIT_PIXELS // 2}, 20, 1, 1).data[0] > 127;
    return Array.from({{ length: {DIGITS} }}, (_, digit) => (lit(digit) ? 2 ** digit : 0)).reduce((a, b) => a + b);
}}"""
"""A function of JavaScript that reads the number of the picture a video shows."""


def camera_film(file: Path) -> Path:
    """Write a talking head of 640 x 480 as the motion JPEG that Chromium's fake camera takes."""
    heads = (np.kron(p[:120, :160], np.ones((4, 4, 1), np.uint8)) for p in talking_head(50))
    recipe = Recipe(
        codec="mjpeg", container="mjpeg", pixel_format="yuvj420p", options={"qscale": "3"}
    )
    return write_video(file, heads, recipe)
