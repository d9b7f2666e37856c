"""Rows packed in memory are the rows they were made of, and take little of it."""

import sys
from array import array

import pytest

from storage.packed import PackedFaces, PackedFrames
from storage.records import FaceRow, FrameRow

FRAMES = [FrameRow(7, -40_000, 2), FrameRow(8, 36_000_000_000, 0, cut=1)]
FACES = [
    FaceRow(7, 0, 10, 20, 30, 40, 9_000, 5_000, *range(7)),
    FaceRow(7, 1, 50, 60, 70, 80, 8_000, None, *range(7, 14)),
]


def test_packed_rows_are_the_rows_they_were_made_of() -> None:
    frames, faces = PackedFrames(), PackedFaces()
    frames.extend(FRAMES[:1])
    frames.extend(FRAMES[1:])
    faces.extend(iter(FACES))

    assert list(frames) == FRAMES
    assert (list(faces), len(faces)) == (FACES, 2)
    assert (faces[0], faces[-1], faces[1:]) == (FACES[0], FACES[1], FACES[1:])
    with pytest.raises(IndexError):
        faces[2]


def test_packed_rows_equal_any_sequence_of_the_same_rows_and_no_other() -> None:
    faces = PackedFaces()
    faces.extend(FACES)
    again = PackedFaces(array("i", faces.values))

    assert faces == FACES and faces == again and again == tuple(FACES)
    assert faces != FACES[:1] and faces != FACES[::-1] and faces != "ab" and faces != 2
    assert repr(faces) == f"PackedFaces({FACES})"
    assert PackedFaces() == []


def test_a_packed_face_takes_sixty_bytes() -> None:
    """Symptom: a recording that is one piece, with ten faces for hours, took gigabytes."""
    faces = PackedFaces()

    faces.extend(FACES * 2_500)

    assert 60 * 5_000 <= sys.getsizeof(faces.values) < 65 * 5_000


def test_what_are_no_whole_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="16 values do not make rows of 15"):
        PackedFaces(array("i", range(16)))
    with pytest.raises(TypeError, match="expected values 'q', got 'i'"):
        PackedFrames(array("i", range(4)))
