"""Cutting faces out of a frame the way the classifier's training pictures are framed."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from worker.vision.boxes import Floats

Luma = npt.NDArray[np.uint8]


class ShapeError(ValueError):
    """An array has another shape than the function takes."""


@dataclass(frozen=True)
class CropSpec:
    """How a detector's box becomes the classifier's square.

    The square stands about the box's centre; its side is `scale` x the box's height. Calibrated by running each detector over
    the 2,845 FER-2013 pictures (Goodfellow et al. 2013) that training held back, at 48 to 200 pixels: the likelihood of their
    labels is highest with it, or as high as anywhere.
    """

    scale: float
    size: int = 48  #: pixels of the classifier's input


def expand_range(values: npt.NDArray[np.uint8]) -> Floats:
    """Map limited-range luma 16..235 to 0..255 as float32, clipped (ITU-R BT.601-7, section 2.5.3)."""
    return EXPANDED[values]


EXPANDED: Floats = np.clip((np.arange(256) - 16.0) * (255.0 / 219.0), 0.0, 255.0).astype(np.float32)


def crop_faces(luma: Luma, xyxy: Floats, spec: CropSpec, *, limited_range: bool = False) -> Floats:
    """Cut, square and scale each face to the classifier's input.

    luma: (height, width) uint8, upright.  xyxy: (n, 4) pixels; may touch or leave the picture, whose border is replicated.
    limited_range: luma runs 16..235 and is expanded here, on the crops alone.
    Returns (n, spec.size, spec.size, 1) float32 in 0..255; n = 0 gives an empty array, not an error.
    Raises ShapeError if luma is not a two-dimensional uint8 picture with at least one pixel.
    """
    if luma.ndim != 2 or luma.dtype != np.uint8 or luma.size == 0:
        raise ShapeError(f"expected (height, width) uint8, got {luma.shape} {luma.dtype}")
    crops = np.empty((len(xyxy), spec.size, spec.size, 1), np.float32)
    for crop, box in zip(crops, xyxy, strict=True):
        left, top, side = _square(box, spec, limit=2 * max(luma.shape))
        face = _resized(_cut(luma, left, top, side), spec.size)
        crop[:, :, 0] = expand_range(face) if limited_range else face
    return crops


def square_sides(xyxy: Floats, spec: CropSpec) -> Floats:
    """Sides of the squares that crop_faces cuts, before they are rounded: (n, 4) gives (n,), pixels, at least 1."""
    return np.maximum(np.float32(spec.scale) * (xyxy[:, 3] - xyxy[:, 1]), np.float32(1))


def _square(box: Floats, spec: CropSpec, *, limit: int) -> tuple[int, int, int]:
    """Left, top and side of the square in whole pixels; the side is 1 to `limit`."""
    left, top, right, bottom = (float(value) for value in box)
    side = min(max(spec.scale * (bottom - top), 1.0), float(limit))
    whole_side = max(1, round(side))
    return (
        round((left + right - whole_side) / 2),
        round((top + bottom - whole_side) / 2),
        whole_side,
    )


def _cut(luma: Luma, left: int, top: int, side: int) -> Luma:
    """The square's pixels, contiguous; those beyond the picture repeat its border."""
    height, width = luma.shape
    # A square wholly outside still gets the nearest row and column.
    x0, x1 = min(max(left, 0), width - 1), max(min(left + side, width), 1)
    y0, y1 = min(max(top, 0), height - 1), max(min(top + side, height), 1)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    inside = np.ascontiguousarray(luma[y0:y1, x0:x1])
    if inside.shape == (side, side):
        return inside
    above, before = (
        min(max(y0 - top, 0), side - (y1 - y0)),
        min(max(x0 - left, 0), side - (x1 - x0)),
    )
    below, after = side - (y1 - y0) - above, side - (x1 - x0) - before
    bordered = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)
    return np.asarray(bordered, np.uint8)


def _resized(face: Luma, size: int) -> Luma:
    shrinks = face.shape[0] > size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(face, (size, size), interpolation=interpolation), np.uint8)
