"""JPEGs that were cut off: FFmpeg makes up what is missing and says nothing of it."""

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


def is_cut_off(fd: int, limits: MediaLimits = DEFAULT_LIMITS) -> bool:
    """Tell whether a JPEG ends before its picture does.

    fd: an open descriptor of the file; stays open. A file without the marker of its end whose picture is whole is not cut off:
    some devices write none. Strict decoding tells the two apart; since it minds odd metadata too, it is not asked about files
    that have the marker, as which nothing in a picture can pass (ITU-T T.81, B.1.1.5). Raises MediumUnavailable.
    """
    try:
        if _last(fd, _END_OF_IMAGE) > _last(fd, _START_OF_SCAN):
            return False
    except OSError as error:
        raise unreadable_now(error.strerror) from error
    with open_medium(fd, limits) as medium:
        medium.stream.codec_context.options |= {"err_detect": "explode"}
        return not any(True for _ in medium.decode(medium.packets()))


def _last(fd: int, marker: bytes) -> int:
    """Return where a marker of two bytes stands last in a file; -1 if nowhere."""
    for start in reversed(range(0, os.fstat(fd).st_size, READ_BYTES)):
        found = os.pread(fd, READ_BYTES + 1, start).rfind(marker)
        if found >= 0:
            return start + found
    return -1
