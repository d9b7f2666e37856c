"""A decoded frame as a value: exact time, upright luma without a copy, a small colour picture when asked for."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from worker.vision.orientation import UPRIGHT, Orientation
from worker.vision.planes import has_planes, reduced_rgb

LUMA_FIRST: frozenset[str] = frozenset(
    {
        "gray",
        "nv12",
        "nv16",
        "nv21",
        "yuv410p",
        "yuv411p",
        "yuv420p",
        "yuv422p",
        "yuv440p",
        "yuv444p",
        "yuva420p",
        "yuva422p",
        "yuva444p",
        "yuvj411p",
        "yuvj420p",
        "yuvj422p",
        "yuvj440p",
        "yuvj444p",
    }
)
"""Pixel formats whose first plane is luma of eight bits; all others are converted."""

HD_WIDTH = 1280
HD_HEIGHT = 577
"""A stream without a stated matrix is taken for BT.709 from this size on, else for BT.601 (mpv's rule, vf_format)."""

COLORSPACES: dict[int, Colorspace] = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""swscale's name for each matrix of ITU-T H.273, table 4."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One looked-at picture, upright. It keeps the decoder's buffers alive: use it, then let it go.

    Coordinates are pixels of the stored picture, turned upright; a pixel aspect ratio other than 1 is not applied.
    """

    index: int  #: 0-based within the stream, all frames counted
    time_us: int  #: whole microseconds since the first frame
    picture: VideoFrame = field(repr=False)
    scaler: VideoReformatter = field(repr=False)
    """Shared by the frames of one decode, because it keeps its tables."""
    orientation: Orientation = UPRIGHT

    @property
    def width(self) -> int:
        return self.orientation.upright_size(self.picture.width, self.picture.height)[0]

    @property
    def height(self) -> int:
        return self.orientation.upright_size(self.picture.width, self.picture.height)[1]

    @property
    def limited_range(self) -> bool:
        """Whether `luma` runs from 16 (black) to 235 (white), as in nearly all video, rather than 0 to 255."""
        name = self.picture.format.name
        stated = self.picture.color_range
        if name not in LUMA_FIRST or name.startswith("yuvj"):
            return False
        return stated == ColorRange.MPEG if name == "gray" else stated != ColorRange.JPEG

    @cached_property
    def luma(self) -> npt.NDArray[np.uint8]:
        """The full-size brightness, (height, width) uint8: a view into the decoder's buffer where the format allows it.

        Read `limited_range` for its range. Formats without eight-bit luma (10 bit, RGB, palettes) are converted.
        """
        picture = self.picture
        if picture.format.name not in LUMA_FIRST or picture.planes[0].line_size < 0:
            picture = self._scaled(picture.width, picture.height, "gray")
        plane = picture.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(picture.height, plane.line_size)
        return self.orientation.upright(rows[:, : picture.width])

    def rgb(self, max_side: int) -> npt.NDArray[np.uint8]:
        """Make a colour picture whose longer side is at most `max_side`: (height, width, 3) uint8, R G B, full range.

        A picture that is smaller already keeps its size. The stream's own matrix and range are applied; guessing them wrong
        costs 9 % of the faces.
        """
        picture = self.picture
        width, height = reduced_size(picture.width, picture.height, max_side=max_side)
        if has_planes(picture) and (width, height) != (picture.width, picture.height):
            pixels = reduced_rgb(
                picture,
                width,
                height,
                colorspace=_matrix(picture),
                limited_range=_full_or_limited(picture) == ColorRange.MPEG,
            )
        else:
            pixels = self._scaled_rgb(width, height)
        return np.ascontiguousarray(self.orientation.upright(pixels))

    def _scaled_rgb(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """Any format's colours by swscale, not turned: (height, width, 3) uint8."""
        plane = self._scaled(width, height, "rgb24").planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        return rows[:, : width * 3].reshape(height, width, 3)

    def _scaled(self, width: int, height: int, pixel_format: str) -> VideoFrame:
        picture = self.picture
        shrinks = width < picture.width
        return self.scaler.reformat(
            picture,
            width=width,
            height=height,
            format=pixel_format,
            src_colorspace=_matrix(picture),
            dst_colorspace=Colorspace.ITU601,
            src_color_range=_full_or_limited(picture),
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR,
            threads=1,
        )


def reduced_size(width: int, height: int, *, max_side: int) -> tuple[int, int]:
    """Size with the same proportions whose longer side is at most `max_side`; never enlarged, at least one pixel."""
    longer = max(width, height)
    if longer <= max_side:
        return width, height
    return max(1, round(width * max_side / longer)), max(1, round(height * max_side / longer))


def _matrix(picture: VideoFrame) -> Colorspace:
    stated = COLORSPACES.get(int(picture.colorspace))
    if stated is not None:
        return stated
    hd = picture.width >= HD_WIDTH or picture.height >= HD_HEIGHT
    return Colorspace.ITU709 if hd else Colorspace.ITU601


def _full_or_limited(picture: VideoFrame) -> ColorRange:
    pixel_format = picture.format
    if picture.color_range == ColorRange.UNSPECIFIED:
        full = (
            pixel_format.name.startswith(("yuvj", "gray", "pal"))
            or pixel_format.is_rgb
            or pixel_format.has_palette
        )
        return ColorRange.JPEG if full else ColorRange.MPEG
    return ColorRange(picture.color_range)
