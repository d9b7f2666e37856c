"""JPEGs that were cut off: FFmpeg makes up what is missing and says nothing of it."""

import mmap

from worker.vision.medium import DEFAULT_LIMITS, MediaLimits, open_medium

_START_OF_SCAN = b"\xff\xda"
_END_OF_IMAGE = b"\xff\xd9"


def is_cut_off(fd: int, limits: MediaLimits = DEFAULT_LIMITS) -> bool:
    """Tell whether a JPEG ends before its picture does.

    fd: an open descriptor of the file; stays open. A file without the marker of its end whose picture is whole is not cut off:
    some devices write none. Strict decoding tells the two apart; since it minds odd metadata too, it is not asked about files
    that have the marker, as which nothing in a picture can pass (ITU-T T.81, B.1.1.5).
    """
    with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as content:
        if content.rfind(_END_OF_IMAGE) > content.rfind(_START_OF_SCAN):
            return False
    with open_medium(fd, limits) as medium:
        medium.stream.codec_context.options |= {"err_detect": "explode"}
        return not any(True for _ in medium.decode(medium.packets()))
