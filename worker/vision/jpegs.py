"""Writing small pictures for people to look at."""

import cv2
import numpy as np
import numpy.typing as npt

JPEG_QUALITY = 85


def to_jpeg(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Encode a (height, width, 3) uint8 RGB picture; it carries no metadata."""
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(encoded)
