"""Viola-Jones faces: OpenCV's Haar cascade on the luma plane.

Source: P. Viola and M. Jones, "Rapid object detection using a boosted cascade of simple features", CVPR 2001; the cascade
file is OpenCV's haarcascade_frontalface_default.xml (R. Lienhart, Intel licence for open source computer vision).
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from storage.errors import ConfigurationError
from worker.vision.boxes import FaceBoxes, Floats
from worker.vision.crops import CropSpec
from worker.vision.detectors.port import DETECTION_SIDE
from worker.vision.frames import Frame, reduced_size
from worker.vision.matching import overlaps

WINDOW = 24
"""Side of the cascade's own window, pixels: no smaller face is found in a picture."""
GLIMPSED_SIDE = 320
"""Longer side of the picture that is scanned for places worth a closer look."""
GLIMPSED_STEP = 1.18
"""Scale from one size of face to the next in that scan; larger steps lose faces, smaller ones take longer."""
SEARCHED_SIDE = DETECTION_SIDE
"""Longer side of the picture in which these places are searched."""
SEARCHED_STEP = 1.1
"""Scale from one size of face to the next in this search, OpenCV's default."""
MIN_NEIGHBOURS = 4
"""Raw hits of the search that must agree on a face: fewer find more faces and many more things that are none."""
DENSE = 2
"""From this many times the window's side on OpenCV's cascade looks at every position, below it only at every fourth: so
the scan asks for smaller faces only, of ever smaller pictures."""
MAX_HITS = 1500
"""Of the scan, kept of a picture full of faces: overlaps are compared in pairs."""
SAME_PLACE = 0.35
"""Overlap of two hits of the scan from which on they are of one place."""
SAME_FACE = 0.6
"""Overlap of two expected boxes from which on they are of one face: those of the frames on both sides, mostly."""
WITHIN = 0.65
"""Share of a box within another one from which on it is a part of that one's face."""
HALF_SURE = 3.0
"""Margin over the last stage's threshold that counts as a score of one half."""


@dataclass(frozen=True)
class Reach:
    """How far from a box, and how unlike it, the face may be that is searched there."""

    size: float
    """So many times as large or as small."""
    beside: float
    """Beyond the box by so many of its sides."""


OF_A_GLIMPSE = Reach(size=1.5, beside=0.5)
OF_A_FORMER_BOX = Reach(size=1.35, beside=0.35)


class HaarDetector:
    """Frontal faces on the luma plane alone. Its boxes are squares from above the eyebrows to below the mouth."""

    framing = CropSpec(scale=0.96)
    looks_closer_nearby = True

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        file = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
        self._cascade = cv2.CascadeClassifier(str(file))
        if self._cascade.empty():
            raise ConfigurationError(f"OpenCV's cascade file {file} is missing or unreadable")
        self._stages, self._last_threshold = _stages_and_last_threshold(file)

    def detect(self, frame: Frame) -> FaceBoxes:
        """Find frontal faces of at least 48 pixels in the picture reduced to 640, or 24 in one of at most 320 pixels.

        Coarse to fine: a scan at every fourth position says where to search closely. It finds as many faces in seven clips
        (105 to 107) as OpenCV's cascade does alone on all of the picture, in three eighths of the time.

        Score: m / (m + HALF_SURE), where m is the best margin of the face's windows over the last stage's threshold.
        """
        luma = _reduced(frame.luma, SEARCHED_SIDE)
        return self._about(frame, luma, self._glimpsed(luma), OF_A_GLIMPSE)

    def detect_near(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        """Search about each expected box, for faces of about its size, and take the one that overlaps it best."""
        luma = _reduced(frame.luma, SEARCHED_SIDE)
        boxes = (expected.xyxy / _enlargement(frame, luma)).astype(np.float32)
        return self._about(frame, luma, _gathered(boxes, SAME_FACE), OF_A_FORMER_BOX)

    def confirm(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        """See none of them: a cascade has to search, as `detect_near` does."""
        return FaceBoxes(expected.xyxy, np.zeros_like(expected.scores))

    def _glimpsed(self, luma: npt.NDArray[np.uint8]) -> Floats:
        """(n, 4) places that look like faces: the cascade's hits from one to two windows on ever smaller pictures."""
        hits = [np.zeros((0, 4), np.float32)]
        side = min(GLIMPSED_SIDE, max(luma.shape))
        while min((picture := _reduced(luma, side)).shape) >= WINDOW:
            found = self._cascade.detectMultiScale(
                picture,
                scaleFactor=GLIMPSED_STEP,
                minNeighbors=0,
                minSize=(WINDOW, WINDOW),
                maxSize=(DENSE * WINDOW - 1,) * 2,
            )
            hits.append(_corners(found) * np.float32(luma.shape[1] / picture.shape[1]))
            side //= 2
        return _gathered(_thinned(np.concatenate(hits)), SAME_PLACE)

    def _about(
        self, frame: Frame, luma: npt.NDArray[np.uint8], places: Floats, reach: Reach
    ) -> FaceBoxes:
        """The faces about places of the searched picture, in pixels of the frame."""
        parts = [FaceBoxes.empty(), *(self._near(luma, place, reach) for place in places)]
        xyxy = np.concatenate([found.xyxy for found in parts])
        scores = np.concatenate([found.scores for found in parts])
        found = _distinct(FaceBoxes(xyxy, scores))
        return FaceBoxes((found.xyxy * _enlargement(frame, luma)).astype(np.float32), found.scores)

    def _near(self, luma: npt.NDArray[np.uint8], box: Floats, reach: Reach) -> FaceBoxes:
        """The one face about a box of the searched picture, if there is one."""
        side = float(box[2] - box[0])
        least = max(WINDOW, int(side / reach.size))
        left, top = (max(0, int(edge - reach.beside * side)) for edge in box[:2])
        right, bottom = (int(edge + reach.beside * side) + 1 for edge in box[2:])
        part = np.ascontiguousarray(luma[top:bottom, left:right])
        found = self._searched(part, sides=(least, int(side * reach.size) + 1))
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
            scaleFactor=SEARCHED_STEP,
            minNeighbors=MIN_NEIGHBOURS,
            minSize=(least, least),
            maxSize=(most, most),
            outputRejectLevels=True,
        )
        # windows that fail late are listed too
        passed = np.asarray(stages).reshape(-1) == self._stages
        if not passed.any():
            return FaceBoxes.empty()
        margins = np.asarray(sums, np.float64).reshape(-1)[passed] - self._last_threshold
        return FaceBoxes(_corners(found)[passed], _scores(margins))


def _thinned(hits: Floats) -> Floats:
    """At most MAX_HITS of them, evenly taken: a face has several."""
    chosen = np.linspace(0, len(hits) - 1, min(len(hits), MAX_HITS)).astype(np.intp)
    return hits[chosen]


def _gathered(hits: Floats, least: float) -> Floats:
    """(n, 4) the mean of each bunch of boxes that overlap by so much, the largest bunch first."""
    same = overlaps(hits, hits) >= least
    left = np.ones(len(hits), bool)
    places = [np.zeros((0, 4), np.float32)]
    while left.any():
        heart = int(np.where(left, same[:, left].sum(axis=1), -1).argmax())
        bunch = same[heart] & left
        places.append(hits[bunch].mean(axis=0, keepdims=True))
        left &= ~bunch
    return np.concatenate(places)


def _distinct(found: FaceBoxes) -> FaceBoxes:
    """Drop doubles, and what lies within a larger box: two places may lead to one face, and a chin may look like one."""
    xyxy = found.xyxy
    areas = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    order = np.argsort(-areas, kind="stable")
    kept: list[int] = []
    for index in order.tolist():
        low = np.maximum(xyxy[kept, :2], xyxy[index, :2])
        high = np.minimum(xyxy[kept, 2:], xyxy[index, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        if not (shared >= WITHIN * areas[index]).any():
            kept.append(index)
    return found[np.array(sorted(kept), np.intp)]


def _enlargement(frame: Frame, luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(4,) factors that bring boxes of the detection picture to the full size."""
    return np.array([frame.width / luma.shape[1], frame.height / luma.shape[0]] * 2)


def _reduced(luma: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """A picture of at most this longer side. Its range does not matter: the cascade normalises each window's contrast."""
    height, width = luma.shape
    size = reduced_size(width, height, max_side=side)
    contiguous = np.ascontiguousarray(luma)
    if size == (width, height):
        return contiguous
    return np.asarray(cv2.resize(contiguous, size, interpolation=cv2.INTER_AREA), np.uint8)


def _corners(xywh: object) -> Floats:
    """(n, 4) xyxy of OpenCV's rectangles; it returns an empty tuple where there are none."""
    found = np.asarray(xywh, np.float32).reshape(-1, 4)
    return np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)


def _scores(margins: npt.NDArray[np.float64]) -> Floats:
    positive = np.maximum(margins, 0)
    return (positive / (positive + HALF_SURE)).astype(np.float32)


def _stages_and_last_threshold(file: Path) -> tuple[int, float]:
    storage = cv2.FileStorage(str(file), cv2.FILE_STORAGE_READ)
    stages = storage.getNode("cascade").getNode("stages")
    last = stages.at(stages.size() - 1)
    return stages.size(), last.getNode("stageThreshold").real()
