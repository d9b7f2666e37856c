"""The first look at a medium: size and first bytes only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import EmptyFile, InputError, NoVideo, TooLarge, UnsupportedMedia
from worker.intake import HEAD_BYTES, beginning, check_head

MEDIA = {
    "JPEG": b"\xff\xd8\xff\xe0",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": b"GIF89a",
    "WebP": b"RIFF\x00\x00\x00\x00WEBP",
    "BMP": b"BM",
    "TIFF": b"II*\x00",
    "MP4": b"\x00\x00\x00\x20ftypisom",
    "MOV without ftyp": b"\x00\x00\x00\x08wide",
    "Matroska": b"\x1a\x45\xdf\xa3",
    "AVI": b"RIFF\x00\x00\x00\x00AVI LIST",
    "MPEG program stream": b"\x00\x00\x01\xba",
    "MPEG transport stream": b"\x47" + bytes(187) + b"\x47",
    "Blu-ray transport stream": bytes(4) + b"\x47" + bytes(191) + b"\x47",
    "H.264": b"\x00\x00\x00\x01\x67",
    "FLV": b"FLV\x01",
    "Ogg": b"OggS",
    "WMV": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
}
SOUND = {
    "MP3 with tags": b"ID3\x04",
    "MP3": b"\xff\xfb\x90",
    "AAC": b"\xff\xf1\x50",
    "WAV": b"RIFF\x00\x00\x00\x00WAVEfmt ",
    "FLAC": b"fLaC",
}
OTHER = {
    "text": b"Dear diary",
    "a playlist": b"#EXTM3U\nhttp://example.org/a.ts",
    "a list of files": b"ffconcat version 1.0\nfile /etc/passwd",
    "a program": b"\x7fELF",
    "a PDF": b"%PDF-1.7",
    "a zip": b"PK\x03\x04",
    "HTML": b"<!doctype html>",
    "one G": b"G",
    "zeros": bytes(HEAD_BYTES),
}


@pytest.mark.parametrize("head", MEDIA.values(), ids=MEDIA)
def test_images_and_videos_are_taken(head: bytes) -> None:
    check_head(head.ljust(HEAD_BYTES, b"\x01"), size_bytes=10_000)


@pytest.mark.parametrize("head", SOUND.values(), ids=SOUND)
def test_sound_is_refused_as_having_no_video(head: bytes) -> None:
    with pytest.raises(NoVideo, match="sound only"):
        check_head(head, size_bytes=10_000)


@pytest.mark.parametrize("head", OTHER.values(), ids=OTHER)
def test_anything_else_is_refused_with_what_is_expected(head: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match="expected an image"):
        check_head(head, size_bytes=10_000)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(EmptyFile):
        check_head(b"", size_bytes=0)


def test_the_largest_allowed_file_is_taken_and_one_byte_more_is_not() -> None:
    check_head(MEDIA["PNG"], size_bytes=1000, max_bytes=1000)

    with pytest.raises(TooLarge, match="1001 bytes; this installation accepts 1000"):
        check_head(MEDIA["PNG"], size_bytes=1001, max_bytes=1000)


@given(st.binary(max_size=HEAD_BYTES))
def test_no_bytes_raise_anything_but_a_refusal(head: bytes) -> None:
    try:
        check_head(head, size_bytes=max(1, len(head)))
    except InputError as error:
        assert error.message


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"hello\nworld", "'hello world'"),
        (b"%PDF-1.7", "'%PDF-1.7'"),
        ("Grüße, Zoé".encode(), "'Grüße, Zo'"),
        (b"\x7fELF\x02", "the bytes 7f 45 4c 46 02"),
        (b"caf\xe9", "the bytes 63 61 66 e9"),
        (b" \n", "the bytes 20 0a"),
    ],
    ids=["lines", "PDF", "half a character", "a program", "Latin-1", "white space"],
)
def test_a_beginning_is_shown_as_its_owner_would_write_it(head: bytes, told: str) -> None:
    """Symptom: the file begins with b'hello', as programmers of Python write it."""
    assert beginning(head) == told


def test_a_refused_file_is_told_how_it_begins() -> None:
    with pytest.raises(UnsupportedMedia, match=r"^the file begins with 'Dear diary', which no"):
        check_head(b"Dear diary", size_bytes=10)
