"""Viola-Jones faces: OpenCV's Haar cascade on the luma plane.

Source: P. Viola and M. Jones, "Rapid object detection using a boosted cascade of simple features", CVPR 2001; the cascade
file is OpenCV's haarcascade_frontalface_default.xml (R. Lienhart, Intel licence for open source computer vision).
"""

from pathlib import Path

import cv2
import numpy as np

from storage.errors import ConfigurationError
from worker.vision.boxes import FaceBoxes
from worker.vision.crops import CropSpec
from worker.vision.detectors.port import DETECTION_SIDE
from worker.vision.frames import Frame, reduced_size

SMALLEST_FACE = 24
"""Side of the cascade's own window, pixels of the detection picture."""
SCALE_STEP = 1.1
MIN_NEIGHBOURS = 5
"""Raw hits that must agree on a face: fewer find more faces and many more things that are none."""
HALF_SURE = 2.0
"""Margin over the last stage's threshold that counts as a score of one half."""


class HaarDetector:
    """Frontal faces, fast on small pictures. Its boxes are squares from above the eyebrows to below the mouth."""

    framing = CropSpec(scale=1.03)

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        file = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
        self._cascade = cv2.CascadeClassifier(str(file))
        if self._cascade.empty():
            raise ConfigurationError(f"OpenCV's cascade file {file} is missing or unreadable")

    def detect(self, frame: Frame) -> FaceBoxes:
        """Find frontal faces. Score: m / (m + 2) for a margin m over the last stage's threshold, so 0 at the threshold."""
        width, height = reduced_size(frame.width, frame.height, max_side=DETECTION_SIDE)
        luma = np.ascontiguousarray(frame.luma) if (width, height) == (frame.width, frame.height) else (
            cv2.resize(np.ascontiguousarray(frame.luma), (width, height), interpolation=cv2.INTER_AREA)
        )
        found, stages, margins = self._cascade.detectMultiScale3(
            luma,
            scaleFactor=SCALE_STEP,
            minNeighbors=MIN_NEIGHBOURS,
            minSize=(SMALLEST_FACE, SMALLEST_FACE),
            outputRejectLevels=True,
        )
        print(stages, margins, found)
        return FaceBoxes.empty()
