"""How usable a face is for reading its expression: its size in the picture, the sharpness of its crop, the detector's score.

quality = size x sharpness x score, each 0..1. The two scales were set by the shipped classifier itself, on 1,200 faces of
FER-2013's public test made smaller or blurred: both are logarithmic because its accuracy falls about evenly with each
halving. It reads 68 % of them right as they are, 67 % at 32 pixels, 61 % at 20, 54 % at 16, 44 % at 12 and 34 % at 8; with
the sharpness measure's median at 0.06 66 %, at 0.02 60 %, at 0.01 51 % and at 0.004 35 %.
"""

import cv2
import numpy as np

from worker.vision.boxes import Floats

NO_SIDE, FULL_SIDE = 8.0, 32.0
"""Sides of a face's square, in pixels of the full-size picture, that rate 0 and 1."""
NO_SHARPNESS, FULL_SHARPNESS = 0.004, 0.064
"""Variances of the Laplacian that rate 0 and 1. Crops of real clips have 0.05 to 1.8."""
LEAST_CONTRAST = 1.0
"""Standard deviation of brightness, of 255, below which a crop is flat and its noise must not count as sharpness."""


def qualities(crops: Floats, sides: Floats, scores: Floats) -> Floats:
    """Rate faces.

    crops: (n, 48, 48, 1), gray in 0..255.  sides: (n,) of their squares before scaling, pixels.  scores: (n,) of the
    detector, 0..1.  Returns (n,) float32 in 0..1; n = 0 gives an empty array.
    """
    sharpness = np.array([_laplacian_variance(crop[:, :, 0]) for crop in crops], np.float32)
    size_part = _on_log_scale(sides, NO_SIDE, FULL_SIDE)
    sharp_part = _on_log_scale(sharpness, NO_SHARPNESS, FULL_SHARPNESS)
    return np.asarray(size_part * sharp_part * np.clip(scores, 0, 1), np.float32)


def _laplacian_variance(crop: Floats) -> float:
    """Sharpness of a crop brought to unit contrast, so that brightness and contrast do not matter.

    Source: J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR 2000.
    """
    deviation = max(float(crop.std()), LEAST_CONTRAST)
    return float(cv2.Laplacian(np.ascontiguousarray(crop), cv2.CV_32F).var()) / deviation**2


def _on_log_scale(values: Floats, zero: float, one: float) -> Floats:
    """Map `zero` to 0 and `one` to 1 by logarithm, clipped to 0..1."""
    parts = np.log(np.maximum(values, zero) / zero) / np.log(one / zero)
    return np.asarray(np.minimum(parts, 1), np.float32)
