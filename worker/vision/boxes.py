"""Faces of one frame, columnar, and the few box operations detectors share."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FaceBoxes:
    """Where the faces of one frame are, in pixels of the full-size upright picture."""

    xyxy: Floats  #: (n, 4): left, top, right, bottom; may reach beyond the picture
    scores: Floats  #: (n,) in 0..1: how sure the detector is
    landmarks: Floats | None = None
    """(n, 5, 2) x and y of left eye, right eye, nose, left and right mouth corner as seen; None if the detector has none."""

    def __post_init__(self) -> None:
        count = len(self.xyxy)
        if self.xyxy.shape != (count, 4) or self.scores.shape != (count,):
            raise ValueError(
                f"expected (n, 4) and (n,), got {self.xyxy.shape}, {self.scores.shape}"
            )

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Self:
        """Choose faces by a mask or an array of indices."""
        landmarks = None if self.landmarks is None else self.landmarks[chosen]
        return type(self)(self.xyxy[chosen], self.scores[chosen], landmarks)

    @classmethod
    def empty(cls) -> Self:
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


def pixel_boxes(xyxy: Floats, *, width: int, height: int) -> npt.NDArray[np.int64]:
    """Round boxes half up to whole pixels and clip them to the picture.

    xyxy: (n, 4).  Returns (n, 4) int64 of x, y, width, height; width and height are at least 1.
    """
    rounded = np.floor(np.nan_to_num(xyxy).astype(np.float64) + 0.5)
    left = np.clip(rounded[:, 0], 0, width - 1)
    top = np.clip(rounded[:, 1], 0, height - 1)
    right = np.clip(rounded[:, 2], left + 1, width)
    bottom = np.clip(rounded[:, 3], top + 1, height)
    return np.stack([left, top, right - left, bottom - top], axis=1).astype(np.int64)


def reading_order(xywh: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Indices that sort boxes left to right, then top to bottom, then by width and height."""
    return np.lexsort((xywh[:, 3], xywh[:, 2], xywh[:, 1], xywh[:, 0]))
