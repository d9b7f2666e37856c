"""Whether a photograph's EXIF orientation mirrors it, read from the file itself.

FFmpeg's bare angle cannot tell a mirroring from a turn (worker.vision.orientation). Places: JPEG: EXIF 2.32, 4.5.4; PNG 3,
11.3.3.7; WebP: RFC 9649, 2.7.1.5; a TIFF file is such a block itself.
"""

import os
import struct
from collections.abc import Callable

ORIENTATION_TAG = 0x0112
MIRRORED = frozenset({2, 4, 5, 7})
"""EXIF 2.32, tag 274: the values that swap left and right."""
MAX_PARTS = 10_000
"""Looked at in one file: a real one has dozens, a hostile one could have a billion."""
_JPEG_MARK = b"Exif\0\0"  # which some programs write into WebP too
_APP1 = 0xE1


def is_mirrored_photograph(fd: int, format_name: str) -> bool:
    """Tell whether a photograph is to be mirrored; False if its format, or nothing that can be read of it, says so.

    format_name: FFmpeg's name of the container.
    """
    find = _BLOCK_OF.get(format_name)
    begin = find(fd) if find else None
    return begin is not None and _orientation(fd, begin) in MIRRORED


def _in_jpeg(fd: int) -> int | None:
    """Where the block begins: one of the segments before the picture."""
    position = 2  # behind the start-of-image marker
    for _ in range(MAX_PARTS):
        head = os.pread(fd, 10, position)
        if len(head) < 10 or head[0] != 0xFF:
            return None
        if head[1] == _APP1 and head[4:] == _JPEG_MARK:
            return position + 10
        position += 2 + int.from_bytes(head[2:4])
    return None


def _in_png(fd: int) -> int | None:
    position = 8  # behind the signature
    for _ in range(MAX_PARTS):
        head = os.pread(fd, 8, position)
        if len(head) < 8:
            return None
        if head[4:] == b"eXIf":
            return position + 8
        position += 12 + int.from_bytes(head[:4])  # length, name and checksum have four bytes each
    return None


def _in_webp(fd: int) -> int | None:
    position = 12  # behind RIFF, its size, WEBP
    for _ in range(MAX_PARTS):
        head = os.pread(fd, 14, position)
        if len(head) < 14:
            return None
        if head[:4] == b"EXIF":
            return position + (14 if head[8:] == _JPEG_MARK else 8)
        size = int.from_bytes(head[4:8], "little")
        position += 8 + size + size % 2
    return None


def _in_tiff(fd: int) -> int:
    return 0


_BLOCK_OF: dict[str, Callable[[int], int | None]] = {
    "jpeg_pipe": _in_jpeg,
    "png_pipe": _in_png,
    "webp_pipe": _in_webp,
    "tiff_pipe": _in_tiff,
}


def _orientation(fd: int, begin: int) -> int:
    """The orientation in the first directory of a block (TIFF 6.0, section 2), 1 if it states none."""
    order = "<" if os.pread(fd, 2, begin) == b"II" else ">"
    try:
        (offset,) = struct.unpack(order + "I", os.pread(fd, 4, begin + 4))
        (count,) = struct.unpack(order + "H", os.pread(fd, 2, begin + offset))
        entries = os.pread(fd, 12 * count, begin + offset + 2)
        for position in range(0, len(entries), 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", entries, position)
            if tag == ORIENTATION_TAG:
                return int(value)
    except struct.error:  # a damaged block says nothing
        pass
    return 1
