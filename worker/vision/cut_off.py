"""JPEGs and animations (GIF, PNG) that were cut off: FFmpeg makes up what is missing, or ends there, and says nothing of it."""

import os

from worker.vision.medium import (
    DEFAULT_LIMITS,
    READ_BYTES,
    MediaLimits,
    open_medium,
    unreadable_now,
)

_START_OF_SCAN = b"\xff\xda"
_END_OF_IMAGE = b"\xff\xd9"

_GIF_HEAD_BYTES = 13
_GIF_EXTENSION, _GIF_IMAGE = 0x21, 0x2C
_PNG_HEAD_BYTES = 8
_PNG_END = b"IEND"


def is_cut_off(fd: int, container: str, limits: MediaLimits = DEFAULT_LIMITS) -> bool:
    """Tell whether a JPEG, or an animation as GIF or PNG, ends before its pictures do; False of anything else.

    fd: an open descriptor of the file; stays open.  container: FFmpeg's name of its format.
    A file that lacks nothing but what marks its end is not cut off: some devices and programs write none.
    Raises MediumUnavailable.
    """
    try:
        match container:
            case "jpeg_pipe":
                return not _has_jpeg_end(fd) and not _decodes_strictly(fd, limits)
            case "gif":
                return _gif_ends_within_a_block(fd)
            case "apng":
                return _png_ends_within_a_chunk(fd)
    except OSError as error:
        raise unreadable_now(error.strerror) from error
    return False


def _has_jpeg_end(fd: int) -> bool:
    """Tell whether the marker of the end follows the last scan; nothing in a picture can pass as it (ITU-T T.81, B.1.1.5)."""
    return _last(fd, _END_OF_IMAGE) > _last(fd, _START_OF_SCAN)


def _decodes_strictly(fd: int, limits: MediaLimits) -> bool:
    """Tell whether a picture lacks nothing. Odd metadata don't pass either: only files without the marker are asked about."""
    with open_medium(fd, limits) as medium:
        medium.stream.codec_context.options |= {"err_detect": "explode"}
        return any(True for _ in medium.decode(medium.packets()))


def _last(fd: int, marker: bytes) -> int:
    """Return where a marker of two bytes stands last in a file; -1 if nowhere."""
    for start in reversed(range(0, os.fstat(fd).st_size, READ_BYTES)):
        found = os.pread(fd, READ_BYTES + 1, start).rfind(marker)
        if found >= 0:
            return start + found
    return -1


def _gif_ends_within_a_block(fd: int) -> bool:
    """Go through the blocks of a GIF (GIF89a specification, 1990) to its trailer, its end, or what is no block."""
    size = os.fstat(fd).st_size
    at = _GIF_HEAD_BYTES + _gif_colours(_byte(fd, 10))
    while at < size:
        kind = _byte(fd, at)
        if kind == _GIF_EXTENSION:
            at += 2
        elif kind == _GIF_IMAGE:
            at += 11 + _gif_colours(_byte(fd, at + 9))
        else:
            return False  # its trailer, or padding
        while length := _byte(fd, at):
            at += 1 + length
        at += 1
    return at > size


def _gif_colours(flags: int) -> int:
    """Return how many bytes a table of colours has, by the flags before it."""
    return 3 * 2 ** (flags % 8 + 1) if flags & 0x80 else 0


def _png_ends_within_a_chunk(fd: int) -> bool:
    """Go through the chunks of a PNG (its specification, section 5.3) to the last one or the end of the file."""
    size = os.fstat(fd).st_size
    at = _PNG_HEAD_BYTES
    while at < size:
        head = os.pread(fd, 8, at)
        at += 12 + int.from_bytes(head[:4], "big")  # length, name and check sum beside the content
        if head[4:] == _PNG_END:
            return False
    return at > size


def _byte(fd: int, at: int) -> int:
    """Return a byte of a file as a number; 0 beyond its end."""
    return int.from_bytes(os.pread(fd, 1, at), "big")
