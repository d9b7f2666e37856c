"""Small colour pictures out of the decoder's planes: the colours that were stored, whatever matrix, range and sampling."""

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from tests.vision.made_media import Picture, astronaut
from tests.vision.test_frames import BT601, BT709, BT2020, FULL, LIMITED, RED, flat_frame
from worker.vision.frames import Frame, reduced_size
from worker.vision.planes import PLANAR, has_planes

MATRICES = {BT601: Colorspace.ITU601, BT709: Colorspace.ITU709, BT2020: Colorspace.BT2020}
RANGES = {LIMITED: ColorRange.MPEG, FULL: ColorRange.JPEG}


@pytest.fixture(scope="module")
def portrait() -> Picture:
    """500 x 400: a size that no reduction below divides without remainder."""
    return np.ascontiguousarray(astronaut()[:400, :500])


def stored(picture: Picture, pixel_format: str, *, matrix: int, color_range: int) -> VideoFrame:
    """A decoded frame of these colours, which says by which matrix and range it was made."""
    frame = VideoReformatter().reformat(
        av.VideoFrame.from_ndarray(picture, "rgb24"),
        format=pixel_format,
        src_colorspace=Colorspace.ITU601,
        dst_colorspace=MATRICES[matrix],
        src_color_range=ColorRange.JPEG,
        dst_color_range=RANGES[color_range],
    )
    frame.colorspace, frame.color_range = matrix, color_range
    return frame


def difference(one: Picture, other: Picture) -> float:
    return float(np.abs(one.astype(np.float32) - other).mean())


@pytest.mark.parametrize("side", [250, 170, 320])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("color_range", RANGES, ids=["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES, ids=["bt601", "bt709", "bt2020"])
def test_reduced_planes_show_the_colours_that_were_stored(
    matrix: int, color_range: int, pixel_format: str, side: int, portrait: Picture
) -> None:
    picture = stored(portrait, pixel_format, matrix=matrix, color_range=color_range)
    frame = Frame(0, 0, picture, VideoReformatter())
    size = reduced_size(500, 400, max_side=side)

    small = frame.rgb(side)

    by_swscale = frame._scaled_rgb(*size)
    assert has_planes(picture)
    assert difference(small, cv2.resize(portrait, size, interpolation=cv2.INTER_AREA)) < 3
    assert difference(small, by_swscale) < 3.5


@pytest.mark.parametrize("matrix", RED)
def test_red_stays_red_by_each_matrix_in_a_reduced_picture(matrix: int) -> None:
    frame = flat_frame("yuv420p", RED[matrix], matrix=matrix, color_range=LIMITED)

    red, green, blue = (int(value) for value in frame.rgb(32)[10, 10])

    assert red > 250
    assert green < 5
    assert blue < 5


@pytest.mark.parametrize(
    ("planes", "color_range", "level"),
    [
        ((16, 128, 128), LIMITED, 0),
        ((126, 128, 128), LIMITED, 128),
        ((235, 128, 128), LIMITED, 255),
        ((0, 128, 128), FULL, 0),
        ((128, 128, 128), FULL, 128),
        ((255, 128, 128), FULL, 255),
    ],
)
def test_reduced_grays_have_their_full_range(
    planes: tuple[int, int, int], color_range: int, level: int
) -> None:
    frame = flat_frame("yuv420p", planes, color_range=color_range)

    assert frame.rgb(32)[10, 10].tolist() == [level] * 3


@pytest.mark.parametrize(
    ("size", "planes"),
    [((1280, 720), RED[BT709]), ((1024, 400), RED[BT601])],
    ids=["hd_is_bt709", "smaller_is_bt601"],
)
def test_unstated_matrix_is_taken_from_the_size(
    size: tuple[int, int], planes: tuple[int, int, int]
) -> None:
    picture = av.VideoFrame(*size, "yuv420p")
    for plane, value in zip(picture.planes, planes, strict=True):
        plane.update(np.full(plane.buffer_size, value, np.uint8).tobytes())

    red, green, blue = Frame(0, 0, picture, VideoReformatter()).rgb(640)[100, 100].tolist()

    assert (red > 250, green < 5, blue < 5) == (True, True, True)


def test_padding_is_not_part_of_a_reduced_picture() -> None:
    picture = av.VideoFrame(1001, 563, "yuv420p")
    for plane, value in zip(picture.planes, (126, 128, 128), strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = value
        plane.update(rows.tobytes())

    small = Frame(0, 0, picture, VideoReformatter()).rgb(640)

    assert small.shape == (360, 640, 3)
    assert (small == 128).all()


@pytest.mark.parametrize("pixel_format", ["nv12", "yuv420p10le", "rgb24", "gray", "yuva420p"])
def test_other_formats_are_left_to_swscale(pixel_format: str, portrait: Picture) -> None:
    picture = av.VideoFrame.from_ndarray(portrait, "rgb24").reformat(format=pixel_format)
    frame = Frame(0, 0, picture, VideoReformatter())

    assert not has_planes(picture)
    assert frame.rgb(250).shape == (200, 250, 3)


def test_every_planar_format_has_three_planes_of_eight_bits() -> None:
    for name in PLANAR:
        components = av.VideoFormat(name).components
        assert [(part.plane, part.bits) for part in components] == [(0, 8), (1, 8), (2, 8)]
