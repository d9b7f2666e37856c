"""JPEGs and animations whose end is missing."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.vision.conftest import planned
from tests.vision.made_media import Recipe, write_video
from worker.vision.cut_off import is_cut_off

BASELINE = ()
PROGRESSIVE = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
RESTARTS = (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)

GIF = Recipe(codec="gif", pixel_format="rgb8")
APNG = Recipe(codec="apng", pixel_format="rgb24")


def jpeg(options: tuple[int, ...] = BASELINE, *, side: int = 160) -> bytes:
    """A JPEG of noise, which is nearly all picture and little header."""
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", picture, options)[1].tobytes()


def with_thumbnail(content: bytes) -> bytes:
    """Put another JPEG, whole, into metadata before the picture (APP1)."""
    inside = jpeg(side=32)
    return content[:2] + b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside + content[2:]


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (lambda whole: whole, False),
        (lambda whole: whole + b"\0" * 100, False),
        (lambda whole: whole[:-2], False),  # the marker of the end alone
        (lambda whole: whole[: len(whole) * 9 // 10], True),
        (lambda whole: whole[: len(whole) // 2], True),
    ],
    ids=["whole", "with padding", "without its marker", "nine tenths", "half"],
)
@pytest.mark.parametrize(
    "content",
    [jpeg(), jpeg(PROGRESSIVE), jpeg(RESTARTS), with_thumbnail(jpeg())],
    ids=["baseline", "progressive", "restarts", "thumbnail"],
)
def test_a_jpeg_is_cut_off_where_a_part_of_its_picture_is_missing(
    tmp_path: Path, content: bytes, cut: Callable[[bytes], bytes], expected: bool
) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(cut(content))

    with file.open("rb") as opened:
        assert is_cut_off(opened.fileno(), "jpeg_pipe") is expected


@pytest.mark.parametrize(
    ("cut", "frames", "damaged"),
    [
        (lambda whole, end: whole, 10, 0),
        (lambda whole, end: whole + b"\0" * 100, 10, 0),
        (lambda whole, end: whole[:-end], 10, 0),
        (lambda whole, end: whole[: -end - 40], 10, 1),
        (lambda whole, end: whole[: len(whole) * 65 // 100], 7, 1),
    ],
    ids=["whole", "with padding", "without its end's mark", "last picture's end", "two thirds"],
)
@pytest.mark.parametrize(("name", "recipe", "end"), [("a.gif", GIF, 1), ("a.apng", APNG, 12)])
def test_an_animation_that_was_cut_off_counts_one_damaged_packet(
    tmp_path: Path,
    name: str,
    recipe: Recipe,
    end: int,
    cut: Callable[[bytes, int], bytes],
    frames: int,
    damaged: int,
) -> None:
    """Symptom: a download that had broken off was annotated as if it were whole."""
    noise = np.random.default_rng(0).integers(0, 256, (10, 96, 128, 3), dtype=np.uint8)
    file = write_video(tmp_path / name, noise, recipe)
    file.write_bytes(cut(file.read_bytes(), end))

    media = planned(file).media

    assert (media.frame_count, media.damaged_packets) == (frames, damaged)
