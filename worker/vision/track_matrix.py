"""Mirrored tracks of MP4 and MOV: the display matrix, read from the file itself.

FFmpeg's bare angle cannot tell a mirroring from a turn, and PyAV's side data, where it keeps the whole matrix, cannot be read
safely (worker.vision.orientation). Boxes and offsets: ISO/IEC 14496-12, 4.2 (boxes), 8.2.2 (mvhd), 8.3.2 (tkhd).
"""

import math
import os
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from worker.vision.orientation import Orientation

MAX_BOXES = 10_000
"""Looked at among siblings: a real file has dozens, a hostile one could have a billion of eight bytes each."""
_MATRIX_AT = {b"mvhd": (36, 48), b"tkhd": (40, 52)}
"""Where the matrix stands in a header's payload, of version 0 and 1."""
_TRACK_ID_AT = (12, 20)

Span = tuple[int, int]
"""Where a box's payload begins and ends, bytes of the file."""


def mirrored_track(fd: int, track_id: int) -> Orientation | None:
    """How a mirrored track of an MP4 or MOV file is turned; None if it isn't mirrored, or nothing can be read of it."""
    whole = (0, os.fstat(fd).st_size)
    for moov in _children(fd, whole, b"moov"):
        for track in _children(fd, moov, b"trak"):
            for header in _children(fd, track, b"tkhd"):
                if _integer(fd, header, _TRACK_ID_AT) == track_id:
                    movies = [_matrix(fd, span, b"mvhd") for span in _children(fd, moov, b"mvhd")]
                    return _mirrored(_matrix(fd, header, b"tkhd") @ (movies or [np.eye(2)])[0])
    return None


def _mirrored(matrix: npt.NDArray[np.float64]) -> Orientation | None:
    """The orientation a matrix [[a, b], [c, d]] for rows (x, y) asks for, if it swaps left and right."""
    if np.linalg.det(matrix) >= 0:
        return None
    (a, b), _ = matrix.tolist()
    quarters = round(math.degrees(-math.atan2(-b, -a)) / 90)  # of what is left once x is mirrored
    return Orientation(quarters % 4 * 90, mirrored=True)


def _children(fd: int, parent: Span, kind: bytes) -> Iterator[Span]:
    """Payloads of the boxes of one kind that lie directly in another box."""
    position, end = parent
    for _ in range(MAX_BOXES):
        if position + 8 > end:
            return
        head = os.pread(fd, 16, position)
        if len(head) < 8:
            return
        size, header = int.from_bytes(head[:4]), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16]), 16
        elif size == 0:
            size = end - position
        if size < header:
            return  # damaged
        if head[4:8] == kind:
            yield position + header, min(position + size, end)
        position += size


def _matrix(fd: int, header: Span, kind: bytes) -> npt.NDArray[np.float64]:
    """[[a, b], [c, d]] of a header's matrix (16.16 fixed point; what a turn needs is its signs); unity if it is cut off."""
    data = os.pread(fd, 20, header[0] + _MATRIX_AT[kind][_version(fd, header)])
    if len(data) < 20:
        return np.eye(2)
    a, b, _, c, d = struct.unpack(">5i", data)
    return np.array([[a, b], [c, d]]) / 65536


def _integer(fd: int, header: Span, offsets: tuple[int, int]) -> int:
    return int.from_bytes(os.pread(fd, 4, header[0] + offsets[_version(fd, header)]))


def _version(fd: int, header: Span) -> int:
    """0, or 1 whose times take eight bytes."""
    return int(os.pread(fd, 1, header[0]) == b"\x01")
