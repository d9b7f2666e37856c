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


UPRIGHT = Orientation(0)


def orientation_of(picture: VideoFrame, *, mirrored: bool = False) -> Orientation:
    """Read the turn that a picture's display matrix asks for; angles that are no quarter turns go to the nearest one.

    mirrored: whether the matrix swaps left and right, which FFmpeg's bare angle does not tell: it is that of the first row
    of the matrix, whose sign the mirroring changed. Ask worker.vision.exif and worker.vision.iso_boxes. Reading
    `side_data`, where FFmpeg keeps the matrix, is not safe: PyAV 18.1 frees the metadata of side data twice and takes the
    process down (a PNG with EXIF and an ICC profile does it).
    """
    quarters = round(picture.rotation / 90) + (2 if mirrored else 0)
    return Orientation(quarters % 4 * 90, mirrored)
