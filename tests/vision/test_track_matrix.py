"""Display matrices of MP4 tracks, in files made of headers alone."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vision.conftest import descriptor
from worker.vision import track_matrix
from worker.vision.orientation import Orientation
from worker.vision.track_matrix import mirrored_track

MIRROR, FLIP, QUARTER, NONE = (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, -1, 0), (1, 0, 0, 1)
Matrix = tuple[int, int, int, int]
Read = Callable[[bytes, int], Orientation | None]


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", 8 + len(payload)) + kind + payload


def large_box(kind: bytes, payload: bytes) -> bytes:
    """The same, with its size in eight bytes."""
    return struct.pack(">I", 1) + kind + struct.pack(">Q", 16 + len(payload)) + payload


def packed(matrix: Matrix) -> bytes:
    a, b, c, d = (value * 65536 for value in matrix)
    return struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


def movie_header(matrix: Matrix, *, version: int = 0) -> bytes:
    before = bytes(100)[: 32 if version == 0 else 44]
    return box(b"mvhd", bytes([version, 0, 0, 0]) + before + packed(matrix))


def track(number: int, matrix: Matrix, *, version: int = 0) -> bytes:
    times = bytes(8 if version == 0 else 16)
    before = struct.pack(">II", number, 0) + bytes(4 if version == 0 else 8) + bytes(16)
    header = bytes([version, 0, 0, 7]) + times + before + packed(matrix)
    return box(b"trak", box(b"edts", b"") + box(b"tkhd", header))


def movie(*parts: bytes) -> bytes:
    return box(b"ftyp", b"isom") + box(b"mdat", bytes(500)) + box(b"moov", b"".join(parts))


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def mirrored(content: bytes, number: int) -> Orientation | None:
        file = tmp_path / "made.mp4"
        file.write_bytes(content)
        with descriptor(file) as fd:
            return mirrored_track(fd, number)

    return mirrored


@pytest.mark.parametrize("version", [0, 1])
def test_headers_of_both_versions_are_read(read: Read, version: int) -> None:
    file = movie(movie_header(NONE, version=version), track(1, FLIP, version=version))

    assert read(file, 1) == Orientation(180, mirrored=True)


def test_each_track_has_its_own_matrix(read: Read) -> None:
    file = movie(movie_header(NONE), track(1, NONE), track(2, MIRROR), track(3, QUARTER))

    assert [read(file, number) for number in (1, 2, 3, 4)] == [
        None,
        Orientation(0, mirrored=True),
        None,
        None,
    ]


def test_the_movie_may_turn_what_its_track_mirrors(read: Read) -> None:
    file = movie(movie_header(QUARTER), track(1, MIRROR))

    assert read(file, 1) == Orientation(270, mirrored=True)


def test_two_mirrorings_are_none(read: Read) -> None:
    assert read(movie(movie_header(FLIP), track(1, MIRROR)), 1) is None


def test_a_movie_without_a_header_has_no_matrix_of_its_own(read: Read) -> None:
    assert read(movie(track(1, MIRROR)), 1) == Orientation(0, mirrored=True)


def test_boxes_of_more_than_four_gigabytes_and_to_the_end_are_stepped_over(read: Read) -> None:
    moov = movie_header(NONE) + track(1, MIRROR)
    unending = struct.pack(">I", 0) + b"moov" + moov

    assert read(large_box(b"mdat", bytes(64)) + unending, 1) == Orientation(0, mirrored=True)


def test_a_file_cut_off_anywhere_says_nothing_or_the_truth(read: Read) -> None:
    file = movie(movie_header(NONE), track(1, MIRROR))

    for length in range(len(file)):
        assert read(file[:length], 1) in (None, Orientation(0, mirrored=True))


def test_sizes_that_lead_nowhere_end_the_search(read: Read) -> None:
    for size in (2, 7, 2**32 - 1):
        assert read(struct.pack(">I", size) + b"free" + movie(track(1, MIRROR)), 1) is None


def test_a_size_beyond_any_file_ends_the_search(read: Read) -> None:
    """Symptom: such a box behind a good picture brought the analyser down."""
    endless = struct.pack(">I", 1) + b"free" + struct.pack(">Q", 2**64 - 1)

    assert read(endless + movie(track(1, MIRROR)), 1) is None


def test_countless_boxes_are_not_walked(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_matrix, "MAX_BOXES", 50)

    assert read(box(b"free", b"") * 50 + movie(track(1, MIRROR)), 1) is None
    assert read(box(b"free", b"") * 30 + movie(track(1, MIRROR)), 1) is not None
