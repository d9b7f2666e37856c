"""Viola-Jones faces: OpenCV's Haar cascade on the luma plane.

Source: P. Viola and M. Jones, "Rapid object detection using a boosted cascade of simple features", CVPR 2001; the cascade
file is OpenCV's haarcascade_frontalface_default.xml (R. Lienhart, Intel licence for open source computer vision).
"""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from storage.errors import ConfigurationError
from worker.vision.boxes import FaceBoxes, Floats
from worker.vision.crops import CropSpec
from worker.vision.detectors.port import DETECTION_SIDE
from worker.vision.frames import Frame, reduced_size

SMALLEST_FACE = 24
"""Side of the cascade's own window, pixels of the detection picture."""
SCALE_STEP = 1.1
MIN_NEIGHBOURS = 5
"""Raw hits that must agree on a face: fewer find more faces and many more things that are none."""
HALF_SURE = 3.0
"""Margin over the last stage's threshold that counts as a score of one half."""


class HaarDetector:
    """Frontal faces on the luma plane alone. Its boxes are squares from above the eyebrows to below the mouth."""

    framing = CropSpec(scale=1.03)

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        file = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
        self._cascade = cv2.CascadeClassifier(str(file))
        if self._cascade.empty():
            raise ConfigurationError(f"OpenCV's cascade file {file} is missing or unreadable")
        self._stages, self._last_threshold = _stages_and_last_threshold(file)

    def detect(self, frame: Frame) -> FaceBoxes:
        """Find frontal faces of at least 24 pixels in the picture reduced to 640 pixels.

        Score: m / (m + HALF_SURE), where m is the best margin of the face's windows over the last stage's threshold.
        """
        luma = _reduced(frame.luma)
        found, stages, sums = self._cascade.detectMultiScale3(
            luma,
            scaleFactor=SCALE_STEP,
            minNeighbors=MIN_NEIGHBOURS,
            minSize=(SMALLEST_FACE, SMALLEST_FACE),
            outputRejectLevels=True,
        )
        passed = (
            np.asarray(stages).reshape(-1) == self._stages
        )  # windows that fail late are listed too
        if not passed.any():
            return FaceBoxes.empty()
        xywh = np.asarray(found, np.float32).reshape(-1, 4)[passed]
        margins = np.asarray(sums, np.float64).reshape(-1)[passed] - self._last_threshold
        xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
        scale = np.array([frame.width / luma.shape[1], frame.height / luma.shape[0]] * 2)
        return FaceBoxes((xyxy * scale).astype(np.float32), _scores(margins))


def _reduced(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The detection picture. Its range does not matter: the cascade normalises each window's contrast."""
    height, width = luma.shape
    size = reduced_size(width, height, max_side=DETECTION_SIDE)
    contiguous = np.ascontiguousarray(luma)
    if size == (width, height):
        return contiguous
    return np.asarray(cv2.resize(contiguous, size, interpolation=cv2.INTER_AREA), np.uint8)


def _scores(margins: npt.NDArray[np.float64]) -> Floats:
    positive = np.maximum(margins, 0)
    return (positive / (positive + HALF_SURE)).astype(np.float32)


def _stages_and_last_threshold(file: Path) -> tuple[int, float]:
    storage = cv2.FileStorage(str(file), cv2.FILE_STORAGE_READ)
    stages = storage.getNode("cascade").getNode("stages")
    last = stages.at(stages.size() - 1)
    return stages.size(), last.getNode("stageThreshold").real()
