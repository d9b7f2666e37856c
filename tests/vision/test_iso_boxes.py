"""Display matrices of MP4 tracks and mirrorings of HEIF pictures, in files made of headers alone."""

import struct

import pytest

from tests.vision.conftest import holding
from worker.vision import iso_boxes
from worker.vision.iso_boxes import is_mirrored_picture, is_mirrored_track

MIRROR, FLIP, QUARTER, NONE = (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, -1, 0), (1, 0, 0, 1)
Matrix = tuple[int, int, int, int]


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


def read(content: bytes, number: int) -> bool:
    with holding(content) as fd:
        return is_mirrored_track(fd, number)


def look(content: bytes) -> bool:
    with holding(content) as fd:
        return is_mirrored_picture(fd)


@pytest.mark.parametrize("version", [0, 1])
def test_headers_of_both_versions_are_read(version: int) -> None:
    file = movie(movie_header(NONE, version=version), track(1, FLIP, version=version))

    assert read(file, 1)


def test_each_track_has_its_own_matrix() -> None:
    file = movie(movie_header(NONE), track(1, NONE), track(2, MIRROR), track(3, QUARTER))

    assert [read(file, number) for number in (1, 2, 3, 4)] == [
        False,
        True,
        False,
        False,
    ]


def test_the_movie_may_turn_what_its_track_mirrors() -> None:
    assert read(movie(movie_header(QUARTER), track(1, MIRROR)), 1)


def test_the_movie_may_mirror_what_its_track_does_not() -> None:
    assert read(movie(movie_header(MIRROR), track(1, QUARTER)), 1)


def test_two_mirrorings_are_none() -> None:
    assert not read(movie(movie_header(FLIP), track(1, MIRROR)), 1)


def test_a_movie_without_a_header_has_no_matrix_of_its_own() -> None:
    assert read(movie(track(1, MIRROR)), 1)


def test_boxes_of_more_than_four_gigabytes_and_to_the_end_are_stepped_over() -> None:
    moov = movie_header(NONE) + track(1, MIRROR)
    unending = struct.pack(">I", 0) + b"moov" + moov

    assert read(large_box(b"mdat", bytes(64)) + unending, 1)


def test_a_file_cut_off_anywhere_is_not_mirrored_where_the_whole_is_not() -> None:
    file = movie(movie_header(NONE), track(1, QUARTER))

    for length in range(len(file)):
        assert not read(file[:length], 1)


def test_sizes_that_lead_nowhere_end_the_search() -> None:
    for size in (2, 7, 2**32 - 1):
        assert not read(struct.pack(">I", size) + b"free" + movie(track(1, MIRROR)), 1)


def test_a_size_beyond_any_file_ends_the_search() -> None:
    """Symptom: such a box behind a good picture brought the analyser down."""
    endless = struct.pack(">I", 1) + b"free" + struct.pack(">Q", 2**64 - 1)

    assert not read(endless + movie(track(1, MIRROR)), 1)


def test_countless_boxes_are_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iso_boxes, "MAX_BOXES", 50)

    assert not read(box(b"free", b"") * 50 + movie(track(1, MIRROR)), 1)
    assert read(box(b"free", b"") * 30 + movie(track(1, MIRROR)), 1)


def picture(
    *properties: bytes, owned: dict[int, list[int]], primary: int = 1, wide: bool = False
) -> bytes:
    """The headers of a HEIF file; `owned` are the numbers of each item's properties, from 1 on; wide: the larger fields."""
    version, number = (bytes([1, 0, 0, 1]), ">I") if wide else (bytes(4), ">H")
    entries = b""
    for item, indices in owned.items():
        essential = [
            (index | 0x8000).to_bytes(2) if wide else bytes([index | 0x80]) for index in indices
        ]
        entries += struct.pack(number, item) + bytes([len(indices)]) + b"".join(essential)
    associations = box(b"ipma", version + struct.pack(">I", len(owned)) + entries)
    container = box(b"ipco", b"".join(box(name, b"\0") for name in properties))
    item_box = box(b"pitm", bytes([int(wide), 0, 0, 0]) + struct.pack(number, primary))
    meta = box(b"meta", bytes(4) + item_box + box(b"iprp", container + associations))
    return box(b"ftyp", b"heic") + meta + box(b"mdat", bytes(100))


@pytest.mark.parametrize("wide", [False, True])
def test_a_picture_is_mirrored_if_its_own_properties_say_so(wide: bool) -> None:
    kinds = (b"ispe", b"irot", b"imir")

    assert look(picture(*kinds, owned={1: [1, 2, 3]}, wide=wide))
    assert not look(picture(*kinds, owned={1: [1, 2]}, wide=wide))


def test_the_mirroring_of_another_item_is_not_the_pictures() -> None:
    owned = {1: [2, 3], 2: [3, 1]}

    assert look(picture(b"imir", b"irot", b"ispe", owned=owned, primary=2))
    assert not look(picture(b"imir", b"irot", b"ispe", owned=owned, primary=1))


def test_a_property_that_does_not_exist_is_none() -> None:
    assert not look(picture(b"imir", owned={1: [0, 2, 127]}))


def test_a_picture_cut_off_anywhere_says_nothing_or_the_truth() -> None:
    upright = picture(b"ispe", b"irot", b"imir", owned={1: [1, 2], 2: [1, 2, 3]})
    mirrored = picture(b"ispe", b"irot", b"imir", owned={2: [1, 2], 1: [1, 2, 3]})

    assert not any(look(upright[:length]) for length in range(len(upright)))
    assert look(mirrored)
    for length in range(len(mirrored)):
        look(mirrored[:length])
