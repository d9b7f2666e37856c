"""Whether a track of an MP4 or MOV file, or the picture of a HEIF or AVIF file, is mirrored: read from the file's boxes.

FFmpeg's bare angle cannot tell a mirroring from a turn, and PyAV's side data, where it keeps the whole matrix, cannot be read
safely (worker.vision.orientation). Boxes and offsets: ISO/IEC 14496-12, 4.2 (boxes), 8.2.2 (mvhd), 8.3.2 (tkhd), 8.11.4 (pitm);
ISO/IEC 23008-12, 6.5.12 (imir), 9.3 (iprp, ipco, ipma).
"""

import os
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

MAX_BOXES = 10_000
"""Looked at among siblings: a real file has dozens, a hostile one could have a billion of eight bytes each."""
_MATRIX_AT = {b"mvhd": (36, 48), b"tkhd": (40, 52)}
"""Where the matrix stands in a header's payload, of version 0 and 1."""
_TRACK_ID_AT = (12, 20)
_FULL_BOX = 4
"""Bytes of version and flags, with which the payload of many boxes begins."""

Span = tuple[int, int]
"""Where a box's payload begins and ends, bytes of the file."""


def is_mirrored_track(fd: int, track_id: int) -> bool:
    """Tell whether a track's display matrix swaps left and right; False if nothing can be read of it."""
    for moov in _children(fd, _whole(fd), b"moov"):
        for track in _children(fd, moov, b"trak"):
            for header in _children(fd, track, b"tkhd"):
                if _integer(fd, header, _TRACK_ID_AT) == track_id:
                    movies = [_matrix(fd, span, b"mvhd") for span in _children(fd, moov, b"mvhd")]
                    matrix = _matrix(fd, header, b"tkhd") @ (movies or [np.eye(2)])[0]
                    return bool(np.linalg.det(matrix) < 0)
    return False


def is_mirrored_picture(fd: int) -> bool:
    """Tell whether the primary picture of a HEIF or AVIF file is to be mirrored; False if nothing can be read of it."""
    for meta, end in _children(fd, _whole(fd), b"meta"):
        inside = (meta + _FULL_BOX, end)
        for primary in _children(fd, inside, b"pitm"):
            item = _integer(fd, primary, (_FULL_BOX, _FULL_BOX), sizes=(2, 4))
            for properties in _children(fd, inside, b"iprp"):
                return _mirrorings(fd, properties, item) % 2 == 1
    return False


def _mirrorings(fd: int, properties: Span, item: int) -> int:
    """How many mirrorings are among an item's properties."""
    kinds = [
        kind
        for container in _children(fd, properties, b"ipco")
        for kind, _ in _boxes(fd, container)
    ]
    indices = [
        index
        for associations in _children(fd, properties, b"ipma")
        for index in _properties_of(fd, associations, item)
    ]
    return sum(1 <= index <= len(kinds) and kinds[index - 1] == b"imir" for index in indices)


def _properties_of(fd: int, span: Span, item: int) -> list[int]:
    """The numbers, from 1 on, of an item's properties; none if the associations are cut off."""
    begin, end = span
    data = os.pread(fd, min(end - begin, 8 * MAX_BOXES), begin)
    if len(data) < _FULL_BOX + 4:
        return []
    number, width = ("I" if data[0] else "H"), (2 if data[3] & 1 else 1)
    position = _FULL_BOX + 4  # behind the number of entries
    head = struct.Struct(">" + number + "B")
    while position + head.size <= len(data):
        owner, count = head.unpack_from(data, position)
        position += head.size
        if owner == item:
            places = range(position, min(position + count * width, len(data)), width)
            mask = (1 << 8 * width - 1) - 1  # the highest bit says whether it is essential
            return [int.from_bytes(data[place : place + width]) & mask for place in places]
        position += count * width
    return []


def _whole(fd: int) -> Span:
    return 0, os.fstat(fd).st_size


def _children(fd: int, parent: Span, kind: bytes) -> Iterator[Span]:
    """Payloads of the boxes of one kind that lie directly in another box."""
    return (span for found, span in _boxes(fd, parent) if found == kind)


def _boxes(fd: int, parent: Span) -> Iterator[tuple[bytes, Span]]:
    """Kind and payload of the boxes that lie directly in another box."""
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
        yield head[4:8], (position + header, min(position + size, end))
        position += size


def _matrix(fd: int, header: Span, kind: bytes) -> npt.NDArray[np.float64]:
    """[[a, b], [c, d]] of a header's matrix (16.16 fixed point); unity if it is cut off."""
    data = os.pread(fd, 20, header[0] + _MATRIX_AT[kind][_version(fd, header)])
    if len(data) < 20:
        return np.eye(2)
    a, b, _, c, d = struct.unpack(">5i", data)
    return np.array([[a, b], [c, d]]) / 65536


def _integer(
    fd: int, span: Span, offsets: tuple[int, int], *, sizes: tuple[int, int] = (4, 4)
) -> int:
    """A number of a box, whose place and size in bytes depend on its version."""
    version = _version(fd, span)
    return int.from_bytes(os.pread(fd, sizes[version], span[0] + offsets[version]))


def _version(fd: int, header: Span) -> int:
    """0, or 1 whose numbers are wider."""
    return int(os.pread(fd, 1, header[0]) == b"\x01")
