"""What every face detector offers."""

from typing import Protocol

from worker.vision.boxes import FaceBoxes
from worker.vision.crops import CropSpec
from worker.vision.frames import Frame

DETECTION_SIDE = 640
"""Longer side of the picture faces are searched in, pixels: a larger one finds smaller faces at the square of the cost."""


class FaceDetector(Protocol):
    """Finds faces. A new detector is one module with one class and one line in `DETECTORS`."""

    framing: CropSpec
    """How this detector's boxes relate to the classifier's square: each draws its own."""

    def detect(self, frame: Frame) -> FaceBoxes:
        """Find the faces of a frame, in any order.

        Returns boxes in pixels of the full-size upright picture, scores in 0..1; no face gives FaceBoxes.empty().
        The same frame always gives the same boxes, whatever was detected before.
        """
        ...

    def detect_near(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        """Find faces about the expected boxes and of about their size, as `detect` would, but much cheaper.

        Returns any number of faces, in any order.
        """
        ...
