"""What a detector and a camera do to a face, one thing at a time and by a measured amount.

Every function takes and returns grey pictures (n, 48, 48) uint8 and repeats exactly. The 48 by 48
picture is all there is: where a shifted, larger or turned box would look beyond it, the edge is
repeated, which a real picture would not do. Seen so, large shifts are a little too hard.
"""

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from model_training.faces import FACE_SIZE

Pictures = npt.NDArray[np.uint8]

READ_NOISE = 4.0
"""Standard deviation, in grey levels, of what a sensor adds in the dark, before rounding."""


def shift_right(faces: Pictures, share: float) -> Pictures:
    """Move the box to the right by a share of its width; the face moves to the left in it."""
    return _seen_through(faces, right=share * FACE_SIZE)


def shift_down(faces: Pictures, share: float) -> Pictures:
    """Move the box down by a share of its height."""
    return _seen_through(faces, down=share * FACE_SIZE)


def enlarge(faces: Pictures, share: float) -> Pictures:
    """Make the box larger by a share of its side, about its centre; negative cuts the face."""
    return _seen_through(faces, scale=1 + share)


def turn(faces: Pictures, degrees: float) -> Pictures:
    """Turn the face in its box, counter-clockwise."""
    return _seen_through(faces, degrees=degrees)


def blur(faces: Pictures, sigma: float) -> Pictures:
    """Blur by a Gaussian with a standard deviation of so many pixels."""
    return _each(faces, lambda face: cv2.GaussianBlur(face, (0, 0), sigma)) if sigma else faces


def compress(faces: Pictures, quality: float) -> Pictures:
    """Write as JPEG of a quality from 1 to 100 and read back."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    return _each(
        faces, lambda face: cv2.imdecode(cv2.imencode(".jpg", face, flags)[1], cv2.IMREAD_GRAYSCALE)
    )


def darken(faces: Pictures, light: float) -> Pictures:
    """Leave a share of the light and add a sensor's noise, the same for the same place in the set."""
    noise = np.random.default_rng(0).normal(0, READ_NOISE, faces.shape)
    return np.clip(np.rint(faces * light + noise), 0, 255).astype(np.uint8)


def shrink(faces: Pictures, pixels: float) -> Pictures:
    """Make each face so many pixels wide, and as large as it was again, as serving enlarges small faces."""
    size, full = (int(pixels), int(pixels)), (FACE_SIZE, FACE_SIZE)
    return _each(
        faces,
        lambda face: cv2.resize(
            cv2.resize(face, size, interpolation=cv2.INTER_AREA),
            full,
            interpolation=cv2.INTER_CUBIC,
        ),
    )


def _seen_through(
    faces: Pictures,
    *,
    right: float = 0.0,
    down: float = 0.0,
    scale: float = 1.0,
    degrees: float = 0.0,
) -> Pictures:
    """Look at each face through a box that was moved (pixels), scaled and turned about its centre."""
    centre = (FACE_SIZE - 1) / 2
    cosine, sine = (scale * function(math.radians(degrees)) for function in (math.cos, math.sin))
    # Rows say where in the picture each pixel of the result is read; y points down.
    look_up = np.array(
        [
            [cosine, -sine, centre + right - centre * (cosine - sine)],
            [sine, cosine, centre + down - centre * (sine + cosine)],
        ]
    )
    return _each(
        faces,
        lambda face: cv2.warpAffine(
            face,
            look_up,
            (FACE_SIZE, FACE_SIZE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
    )


def _each(faces: Pictures, change: Callable[[Pictures], Any]) -> Pictures:
    """Return what a change makes of every face; no faces give none. OpenCV's types promise no uint8."""
    changed = np.empty_like(faces)
    for place, face in enumerate(faces):
        changed[place] = change(face)
    return changed
