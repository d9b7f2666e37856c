"""EXIF orientations of photographs, in files made of headers alone."""

import struct

import pytest

from tests.vision.conftest import holding
from worker.vision import exif
from worker.vision.exif import is_mirrored_photograph

MIRRORED, TURNED = 5, 6


def read(content: bytes, format_name: str) -> bool:
    with holding(content) as fd:
        return is_mirrored_photograph(fd, format_name)


def tiff(orientation: int, *, before: int = 0) -> bytes:
    """A block whose directory lies `before` bytes behind its header and has another entry first."""
    entries = struct.pack("<HHII", 0x0100, 4, 1, 64) + struct.pack(
        "<HHIHH", 0x0112, 3, 1, orientation, 0
    )
    return b"II*\0" + struct.pack("<I", 8 + before) + bytes(before) + b"\2\0" + entries + bytes(4)


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xda" + bytes(200)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + bytes(4)


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def webp_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def webp(*chunks: bytes) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBP" + b"".join(chunks)


def made(orientation: int) -> dict[str, bytes]:
    """A file of each format, whose block comes after other things."""
    block = tiff(orientation)
    return {
        "jpeg_pipe": jpeg(
            segment(0xE0, b"JFIF\0"),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
            segment(0xE1, b"Exif\0\0" + block),
        ),
        "png_pipe": png(png_chunk(b"IDAT", bytes(300)), png_chunk(b"eXIf", block)),
        "webp_pipe": webp(webp_chunk(b"VP8 ", bytes(301)), webp_chunk(b"EXIF", block)),
        "tiff_pipe": tiff(orientation, before=5_000),
    }


@pytest.mark.parametrize("format_name", made(1))
def test_the_orientation_is_found_behind_other_parts(format_name: str) -> None:
    assert read(made(MIRRORED)[format_name], format_name)
    assert not read(made(TURNED)[format_name], format_name)


def test_the_mark_that_some_programs_write_into_webp_is_stepped_over() -> None:
    assert read(webp(webp_chunk(b"EXIF", b"Exif\0\0" + tiff(MIRRORED))), "webp_pipe")


def test_other_formats_have_no_exif() -> None:
    assert not read(tiff(MIRRORED), "bmp_pipe")


@pytest.mark.parametrize("format_name", made(1))
def test_a_file_cut_off_anywhere_is_not_mirrored_where_the_whole_is_not(format_name: str) -> None:
    whole = made(TURNED)[format_name]

    assert not any(read(whole[:length], format_name) for length in range(len(whole)))


@pytest.mark.parametrize("format_name", ["jpeg_pipe", "png_pipe", "webp_pipe"])
def test_countless_parts_are_not_walked(format_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exif, "MAX_PARTS", 1)

    assert not read(made(MIRRORED)[format_name], format_name)


def test_a_directory_that_lies_nowhere_says_nothing() -> None:
    assert not read(b"II*\0" + b"\xff" * 4, "tiff_pipe")
    assert not read(b"II*\0" + struct.pack("<I", 8) + b"\xff" * 40, "tiff_pipe")
