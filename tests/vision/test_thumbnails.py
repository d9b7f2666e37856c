"""Thumbnails: the right frame, the right part of it, and small."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from tests.vision.conftest import descriptor, no_progress, planned
from tests.vision.made_media import Picture, Recipe, write_video
from worker.regions import Region, around_face
from worker.vision.thumbnails import THUMBNAIL_SIDE, cut_thumbnails

WIDTH, HEIGHT = 640, 360


def numbered(count: int) -> list[Picture]:
    """Pictures whose left half has a gray that tells their number, and whose right half is red."""
    pictures = []
    for number in range(count):
        picture = np.full((HEIGHT, WIDTH, 3), 8 * number, np.uint8)
        picture[:, WIDTH // 2 :] = (250, 0, 0)
        pictures.append(picture)
    return pictures


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "a.mp4", numbered(30), Recipe())


def cut(clip: Path, regions: list[Region], *, segment: int = 0) -> list[Picture]:
    """Cut regions out of one of three segments of the clip."""
    plan = planned(clip, segment_target_us=300_000)
    with descriptor(clip) as medium:
        jpegs = cut_thumbnails(
            medium, plan.media, plan.segments[segment], regions, progress=no_progress
        )
    return [decoded(jpeg) for jpeg in jpegs]


def decoded(jpeg: bytes) -> Picture:
    with av.open(io.BytesIO(jpeg)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_each_region_comes_from_its_own_frame_in_the_order_asked(clip: Path) -> None:
    plan = planned(clip, segment_target_us=300_000)
    first = plan.segments[1].first_frame
    frames = [first + 5, first, first + 2]

    cuts = cut(clip, [Region(frame, 0, 0, 100, 100) for frame in frames], segment=1)

    assert first > 0
    assert [float(picture.mean()) for picture in cuts] == pytest.approx(
        [8 * f for f in frames], abs=3
    )


def test_a_whole_picture_is_made_small(clip: Path) -> None:
    (picture,) = cut(clip, [Region(0, 0, 0, WIDTH, HEIGHT)])

    assert picture.shape == (90, THUMBNAIL_SIDE, 3)
    assert picture[:, 100:].mean(axis=(0, 1)) == pytest.approx([250, 0, 0], abs=12)


def test_a_small_region_keeps_its_size_and_its_place(clip: Path) -> None:
    """Half of it is left of the middle, half of it right."""
    (picture,) = cut(clip, [Region(10, WIDTH // 2 - 20, 100, 40, 30)])

    assert picture.shape == (30, 40, 3)
    assert picture[:, :16].mean(axis=(0, 1)) == pytest.approx([80, 80, 80], abs=12)
    assert picture[:, 24:].mean(axis=(0, 1)) == pytest.approx([250, 0, 0], abs=25)


def test_what_reaches_beyond_the_picture_is_left_out(clip: Path) -> None:
    (picture,) = cut(clip, [Region(0, -50, -30, 150, 130)])

    assert picture.shape == (100, 100, 3)


def test_a_face_is_shown_with_its_head() -> None:
    assert around_face(7, (100, 50, 40, 60)) == Region(7, 75, 35, 90, 90)
