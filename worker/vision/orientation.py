"""How a decoded picture must be turned to stand upright: display matrices of videos, EXIF of photographs."""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

EXIF_SEARCHED_BYTES = 256 * 1024
"""EXIF is one of the first segments of a JPEG file, and a segment has at most 64 KiB."""
ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Orientation:
    """A mirroring, then quarter turns."""

    rotation: int  #: degrees counter-clockwise: 0, 90, 180 or 270
    mirrored: bool = False  #: left and right are swapped before turning

    def upright_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright picture, from those of the decoded one."""
        return (height, width) if self.rotation in (90, 270) else (width, height)

    def upright(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Turn a (height, width) or (height, width, channels) picture: a view, nothing is copied."""
        seen = picture[:, ::-1] if self.mirrored else picture
        return np.rot90(seen, k=self.rotation // 90)


UPRIGHT = Orientation(0)

MIRRORED_EXIF: dict[int, Orientation] = {
    2: Orientation(0, mirrored=True),
    4: Orientation(180, mirrored=True),
    5: Orientation(90, mirrored=True),
    7: Orientation(270, mirrored=True),
}
"""EXIF 2.32, tag 274: the values FFmpeg's bare angle cannot tell from a turn."""


def orientation_of(picture: VideoFrame) -> Orientation:
    """Read the turn that a stream's display matrix asks for; angles that are no quarter turns go to the nearest one.

    FFmpeg reduces mirrored orientations to a wrong angle: ask mirrored_jpeg about photographs first, and
    worker.vision.track_matrix about MP4 and MOV. Reading `side_data`, where FFmpeg keeps the matrix, is not safe: PyAV 18.1
    frees the metadata of side data twice and takes the process down (a PNG with EXIF and an ICC profile does it).
    """
    return Orientation(round(picture.rotation / 90) % 4 * 90)


def mirrored_jpeg(head: bytes) -> Orientation | None:
    """Read a mirrored EXIF orientation from the first EXIF_SEARCHED_BYTES of a JPEG file; None if it states none."""
    position = 2  # behind the start-of-image marker
    while head[position : position + 1] == b"\xff" and position + 10 <= len(head):
        marker, length = struct.unpack_from(">BH", head, position + 1)
        if marker == 0xE1 and head[position + 4 : position + 10] == b"Exif\0\0":
            return MIRRORED_EXIF.get(_exif_orientation(head[position + 10 : position + 2 + length]))
        position += 2 + length
    return None


def _exif_orientation(tiff: bytes) -> int:
    """The orientation in the first directory of an EXIF block (TIFF 6.0, section 2), 1 if it states none."""
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (offset,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, offset)
        for entry in range(count):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, offset + 2 + 12 * entry)
            if tag == ORIENTATION_TAG:
                return int(value)
    except struct.error:  # a damaged block says nothing
        pass
    return 1
