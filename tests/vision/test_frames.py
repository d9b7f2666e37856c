"""Frames: brightness, colour and orientation as values one can trust."""

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from tests.vision.conftest import descriptor, no_progress, planned
from tests.vision.made_media import Recipe, moving_pictures, oriented_picture, write_video
from worker.vision.crops import expand_range
from worker.vision.decode import decode_segment
from worker.vision.frames import Frame, reduced_size
from worker.vision.orientation import Orientation

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


def corner_file(folder: Path) -> Path:
    """A video whose left upper corner is white."""
    picture = np.full((64, 96, 3), 40, np.uint8)
    picture[:24, :32] = 250
    recipe = Recipe(codec="mpeg4", options={"qscale": "2"})
    return write_video(folder / "corner.mov", [picture] * 3, recipe)


def show_turned(file: Path, matrix: tuple[float, float, float, float]) -> None:
    """Patch the display matrix (a, b, c, d) of a track header (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(file.read_bytes())
    a, b, c, d = (int(value * 65536) for value in matrix)
    position = data.index(b"tkhd") + 4 + 40
    struct.pack_into(">9i", data, position, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("matrix", "rotation", "size", "corner"),
    [
        ((1, 0, 0, 1), 0, (96, 64), "left top"),
        ((0, 1, -1, 0), 270, (64, 96), "right top"),
        ((-1, 0, 0, -1), 180, (96, 64), "right bottom"),
        ((0, -1, 1, 0), 90, (64, 96), "left bottom"),
        ((-1, 0, 0, 1), 0, (96, 64), "right top"),
        ((1, 0, 0, -1), 180, (96, 64), "left bottom"),
        ((0, 1, 1, 0), 90, (64, 96), "left top"),
        ((0, -1, -1, 0), 270, (64, 96), "right bottom"),
    ],
    ids=["upright", "cw", "half", "ccw", "mirror", "flip", "transpose", "transverse"],
)
def test_display_matrix_turns_luma_and_colour_alike(
    matrix: tuple[float, float, float, float],
    rotation: int,
    size: tuple[int, int],
    corner: str,
    tmp_path: Path,
) -> None:
    file = corner_file(tmp_path)
    show_turned(file, matrix)
    plan = planned(file)

    with descriptor(file) as fd:
        frame = next(decode_segment(fd, plan.media, plan.segments[0], progress=no_progress))

    assert (plan.media.rotation, plan.media.width, plan.media.height) == (rotation, *size)
    assert white_corner(frame.luma) == corner
    assert white_corner(frame.rgb(640)[:, :, 1]) == corner
    assert white_corner(frame.rgb(64)[:, :, 1]) == corner
    assert (frame.width, frame.height) == frame.luma.shape[::-1] == size


def white_corner(picture: np.ndarray) -> str:
    corners = {
        "left top": picture[8, 8],
        "right top": picture[8, -8],
        "left bottom": picture[-8, 8],
        "right bottom": picture[-8, -8],
    }
    return max(corners, key=lambda name: corners[name])


def exif_photograph(folder: Path, orientation: int, *, order: str) -> Path:
    """A JPEG whose left upper corner is white, with an EXIF block that states an orientation."""
    picture = np.full((64, 96, 3), 40, np.uint8)
    picture[:24, :32] = 250
    recipe = Recipe(codec="mjpeg", container="image2", pixel_format="yuvj420p")
    file = write_video(folder / "photograph.jpg", [picture], recipe)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tiff = mark + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    block = b"Exif\0\0" + tiff
    jpeg = file.read_bytes()
    file.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:])
    return file


CORNERS = {
    1: "left top",
    2: "right top",
    3: "right bottom",
    4: "left bottom",
    5: "left top",
    6: "right top",
    7: "right bottom",
    8: "left bottom",
}
"""Where a corner that is stored as left top is seen, by EXIF orientation."""


@pytest.mark.parametrize("order", ["<", ">"], ids=["little_endian", "big_endian"])
@pytest.mark.parametrize(("orientation", "corner"), CORNERS.items())
def test_photograph_stands_as_its_exif_says(
    orientation: int, corner: str, order: str, tmp_path: Path
) -> None:
    file = exif_photograph(tmp_path, orientation, order=order)
    plan = planned(file)

    with descriptor(file) as fd:
        frame = next(decode_segment(fd, plan.media, plan.segments[0], progress=no_progress))

    assert white_corner(frame.luma) == corner
    assert (plan.media.width > plan.media.height) == (orientation < 5)


@pytest.mark.parametrize("ending", ["png", "webp", "tif", "avif"])
@pytest.mark.parametrize(("orientation", "corner"), CORNERS.items())
def test_pictures_of_every_format_stand_as_their_orientation_says(
    orientation: int, corner: str, ending: str, tmp_path: Path
) -> None:
    file = oriented_picture(tmp_path / f"picture.{ending}", orientation)
    plan = planned(file)

    with descriptor(file) as fd:
        frame = next(decode_segment(fd, plan.media, plan.segments[0], progress=no_progress))

    assert white_corner(frame.luma) == corner
    assert white_corner(frame.rgb(640)[:, :, 1]) == corner
    assert (plan.media.width > plan.media.height) == (orientation < 5)
    assert plan.media.mirrored == (orientation in (2, 4, 5, 7))


def test_picture_with_exif_and_colour_profile_does_not_crash(
    shared: Callable[[str], Path],
) -> None:
    """PyAV frees the metadata of such side data twice as soon as anybody looks at it."""
    file = shared("media/stills/Image_with_alpha.png")
    plan = planned(file)

    with descriptor(file) as fd:
        for frame in decode_segment(fd, plan.media, plan.segments[0], progress=no_progress):
            assert frame.luma.shape == (1036, 1524)


def test_every_orientation_differs_from_the_others() -> None:
    numbers = np.arange(6, dtype=np.uint8).reshape(2, 3)
    turns = [
        Orientation(angle, mirrored) for angle in (0, 90, 180, 270) for mirrored in (False, True)
    ]
    seen = [turn.upright(numbers) for turn in turns]

    assert len({picture.tobytes() + bytes(picture.shape) for picture in seen}) == 8


def test_gif_frames_have_brightness(tmp_path: Path) -> None:
    recipe = Recipe(codec="gif", pixel_format="rgb8")
    file = write_video(tmp_path / "moving.gif", moving_pictures(3), recipe)
    plan = planned(file)

    with descriptor(file) as fd:
        frames = list(decode_segment(fd, plan.media, plan.segments[0], progress=no_progress))

    assert [frame.limited_range for frame in frames] == [False] * 3
    assert all(frame.luma.std() > 20 for frame in frames)
