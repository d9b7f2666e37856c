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
from worker.vision.frames import Frame, reduced_size
from worker.vision.matching import overlaps

SEARCHED_SIDE = 400
"""Longer side of the picture that is searched. Of 480 faces of 96 to 160 pixels in 640 it finds 0.8 % less than at 640, for
half the work."""
SMALLEST_FACE = 24
"""Side of the cascade's own window, pixels of the searched picture."""
SCALE_STEP = 1.1
MIN_NEIGHBOURS = 5
"""Raw hits that must agree on a face: fewer find more faces and many more things that are none."""
NEARBY = 1.35
"""How many times as large or as small a face may be that is searched about a box, and how far beyond the box it may lie."""
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
        """Find frontal faces of at least 24 pixels in the picture reduced to 400 pixels.

        Score: m / (m + HALF_SURE), where m is the best margin of the face's windows over the last stage's threshold.
        """
        luma = _reduced(frame.luma)
        found = self._searched(luma, sides=(SMALLEST_FACE, max(luma.shape)))
        return FaceBoxes((found.xyxy * _enlargement(frame, luma)).astype(np.float32), found.scores)

    def detect_near(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        """Search about each expected box, for faces of about its size, and take the one that overlaps it best."""
        luma = _reduced(frame.luma)
        scale = _enlargement(frame, luma)
        parts = [self._near(luma, box) for box in (expected.xyxy / scale).astype(np.float32)]
        parts = [FaceBoxes.empty(), *parts]
        xyxy = np.concatenate([found.xyxy for found in parts])
        scores = np.concatenate([found.scores for found in parts])
        return _without_doubles(FaceBoxes((xyxy * scale).astype(np.float32), scores))

    def _near(self, luma: npt.NDArray[np.uint8], box: Floats) -> FaceBoxes:
        """The one face about a box of the detection picture, if there is one."""
        side = float(box[2] - box[0])
        margin = side * (NEARBY - 1)
        left, top = (max(0, int(edge - margin)) for edge in box[:2])
        right, bottom = (int(edge + margin) + 1 for edge in box[2:])
        sides = (max(SMALLEST_FACE, int(side / NEARBY)), int(side * NEARBY) + 1)
        found = self._searched(np.ascontiguousarray(luma[top:bottom, left:right]), sides=sides)
        if not len(found):
            return found
        moved = found.xyxy + np.array([left, top] * 2, np.float32)
        best = int(overlaps(moved, box[None]).argmax())
        return FaceBoxes(moved[best : best + 1], found.scores[best : best + 1])

    def _searched(self, luma: npt.NDArray[np.uint8], *, sides: tuple[int, int]) -> FaceBoxes:
        """Faces in a picture of any size, in its own pixels, of sides from the first to the second."""
        least, most = sides
        if min(luma.shape) < least:
            return FaceBoxes.empty()
        found, stages, sums = self._cascade.detectMultiScale3(
            luma,
            scaleFactor=SCALE_STEP,
            minNeighbors=MIN_NEIGHBOURS,
            minSize=(least, least),
            maxSize=(most, most),
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
        return FaceBoxes(xyxy, _scores(margins))


def _without_doubles(found: FaceBoxes) -> FaceBoxes:
    """Drop boxes that overlap an earlier one by more than half: two expected boxes lead to one face."""
    again = np.triu(overlaps(found.xyxy, found.xyxy) > 0.5, k=1).any(axis=0)
    return found[np.flatnonzero(~again)]


def _enlargement(frame: Frame, luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(4,) factors that bring boxes of the detection picture to the full size."""
    return np.array([frame.width / luma.shape[1], frame.height / luma.shape[0]] * 2)


def _reduced(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The detection picture. Its range does not matter: the cascade normalises each window's contrast."""
    height, width = luma.shape
    size = reduced_size(width, height, max_side=SEARCHED_SIDE)
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
