"""Frames: brightness and colour as values one can trust."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from tests.vision.conftest import descriptor, no_progress, planned
from tests.vision.made_media import Recipe, moving_pictures, write_video
from worker.vision.crops import expand_range
from worker.vision.decode import decode_segment
from worker.vision.frames import Frame, reduced_size

FULL, LIMITED, UNSTATED = 2, 1, 0
BT601, BT709, BT2020 = 5, 1, 9


def flat_frame(
    pixel_format: str, planes: tuple[int, ...], *, color_range: int = UNSTATED, matrix: int = 2
) -> Frame:
    """A picture of 64 x 48 whose planes are all of one value."""
    picture = av.VideoFrame(64, 48, pixel_format)
    for plane, value in zip(picture.planes, planes, strict=True):
        wide = "10le" in pixel_format
        data = (
            np.full(plane.buffer_size // 2, value, "<u2")
            if wide
            else np.full(plane.buffer_size, value, np.uint8)
        )
        plane.update(data.tobytes())
    picture.color_range = color_range
    picture.colorspace = matrix
    return Frame(0, 0, picture, VideoReformatter())


def brightness(frame: Frame) -> float:
    """The frame's brightness at full range."""
    level = frame.luma[20:21, 20:21]
    return float((expand_range(level) if frame.limited_range else level)[0, 0])


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (flat_frame("yuv420p", (16, 128, 128)), 0),
        (flat_frame("yuv420p", (235, 128, 128)), 255),
        (flat_frame("yuv420p", (235, 128, 128), color_range=FULL), 235),
        (flat_frame("yuvj420p", (235, 128, 128)), 235),
        (flat_frame("yuv420p10le", (64, 512, 512)), 0),
        (flat_frame("yuv420p10le", (940, 512, 512), color_range=LIMITED), 255),
        (flat_frame("yuv420p10le", (940, 512, 512), color_range=FULL), 234),
        (flat_frame("gray", (200,)), 200),
        (flat_frame("rgb24", (200,)), 200),
        (flat_frame("rgb24", (200,), color_range=LIMITED), 200),
        (flat_frame("gbrp", (200, 200, 200)), 200),
        (flat_frame("nv12", (235, 128)), 255),
    ],
    ids=lambda value: getattr(getattr(value, "picture", None), "format", value),
)
def test_brightness_is_full_range_whatever_the_format(frame: Frame, expected: int) -> None:
    assert brightness(frame) == expected


RED = {BT601: (81, 90, 240), BT709: (63, 102, 240), BT2020: (74, 97, 240)}


@pytest.mark.parametrize("matrix", RED)
def test_red_is_red_by_each_matrix(matrix: int) -> None:
    frame = flat_frame("yuv420p", RED[matrix], matrix=matrix, color_range=LIMITED)

    red, green, blue = (int(value) for value in frame.rgb(640)[20, 20])

    assert red > 245
    assert green < 8
    assert blue < 8


def test_colour_pictures_are_red_green_blue_in_this_order() -> None:
    picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), (250, 100, 10), np.uint8), "rgb24")

    assert Frame(0, 0, picture, VideoReformatter()).rgb(640)[0, 0].tolist() == [250, 100, 10]


def test_luma_of_video_is_a_view_and_no_copy() -> None:
    frame = flat_frame("yuv420p", (100, 128, 128))
    plane = np.frombuffer(memoryview(frame.picture.planes[0]), np.uint8)

    assert np.shares_memory(frame.luma, plane)


def test_padding_at_the_end_of_the_rows_is_not_part_of_the_picture() -> None:
    picture = av.VideoFrame(50, 30, "yuv420p")
    assert picture.planes[0].line_size > 50

    assert Frame(0, 0, picture, VideoReformatter()).luma.shape == (30, 50)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), (640, 360)),
        ((640, 640), (640, 640)),
        ((30, 20), (30, 20)),
        ((9000, 3), (640, 1)),
    ],
    ids=str,
)
def test_detection_picture_keeps_proportions_and_is_never_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert reduced_size(*size, max_side=640) == expected


def test_gif_frames_have_brightness(tmp_path: Path) -> None:
    recipe = Recipe(codec="gif", pixel_format="rgb8")
    file = write_video(tmp_path / "moving.gif", moving_pictures(3), recipe)
    plan = planned(file)

    with descriptor(file) as fd:
        frames = list(decode_segment(fd, plan.media, plan.segments[0], progress=no_progress))

    assert [frame.limited_range for frame in frames] == [False] * 3
    assert all(frame.luma.std() > 20 for frame in frames)
