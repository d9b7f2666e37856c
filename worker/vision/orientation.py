"""How a decoded picture must be turned to stand upright."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame


@dataclass(frozen=True)
class Orientation:
    """A mirroring, then quarter turns."""

    rotation: int  #: degrees counter-clockwise: 0, 90, 180 or 270
    mirrored: bool = False  #: left and right are swapped before turning

    def upright_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright picture, from those of the decoded one."""
        return (height, width) if self.rotation in (90, 270) else (width, height)

    def upright(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Turn a (height, width) or (height, width, channels) picture: a view, nothing is copied."""
        seen = picture[:, ::-1] if self.mirrored else picture
        return np.rot90(seen, k=self.rotation // 90)


def orientation_of(picture: VideoFrame) -> Orientation:
    """Read the turn that a stream's display matrix or a photograph's EXIF orientation asks for.

    FFmpeg states it in degrees counter-clockwise; angles that are no quarter turns are rounded to the next one.
    """
    return Orientation(rotation=round(picture.rotation / 90) % 4 * 90)
