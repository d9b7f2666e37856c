"""What every face detector offers."""

from typing import Protocol

from worker.vision.boxes import FaceBoxes
from worker.vision.crops import CropSpec
from worker.vision.frames import Frame

DETECTION_SIDE = 640
"""Longer side of the picture faces are searched in, pixels: a larger one finds smaller faces at the square of the cost."""


class FaceDetector(Protocol):
    """Finds faces. A new detector is one module with one class and one case in `load_detector`."""

    framing: CropSpec
    """How this detector's boxes relate to the classifier's square: each draws its own."""

    looks_closer_nearby: bool
    """Whether `detect_near` finds faces that `detect` misses, so that it alone should follow what comes and goes."""

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

    def confirm(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        """Look at nothing but the expected boxes: the cheapest check that there is.

        Returns the same faces in the same order, with refined boxes; the score of one that is not seen there is 0. A detector
        without a check that is cheaper than `detect_near` sees none.
        """
        ...
