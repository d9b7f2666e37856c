"""The pipeline of a segment: decode, detect, crop, classify, and the rows of it all."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from storage.records import (
    SCORE_UNIT,
    Detector,
    FaceRow,
    FrameRow,
    MediaInfo,
    SegmentObservations,
    SegmentSlice,
)
from worker.vision.boxes import Floats, pixel_boxes, reading_order
from worker.vision.classifier import BATCH, Classifier
from worker.vision.crops import crop_faces
from worker.vision.decode import decode_segment
from worker.vision.detectors import DETECTORS
from worker.vision.frames import Frame
from worker.vision.medium import DEFAULT_LIMITS, MediaLimits, Progress


class FoundFace(NamedTuple):
    """A face on its way to the classifier."""

    frame: int
    face: int
    xywh: tuple[int, int, int, int]
    score: int  #: ten-thousandths
    crop: Floats  #: (48, 48, 1)


class Pipeline:
    """One detector and one classifier, loaded once, for any number of files and segments."""

    def __init__(
        self, detector: Detector, model_path: Path, *, limits: MediaLimits = DEFAULT_LIMITS
    ) -> None:
        """Load both models. Raises ModelContractError or ConfigurationError if this installation lacks one."""
        self._classifier = Classifier(model_path)
        self._detector = DETECTORS[detector]()
        self._limits = limits

    def analyse(
        self, fd: int, media: MediaInfo, segment: SegmentSlice, *, progress: Progress
    ) -> SegmentObservations:
        """Look at the frames of a segment: a pure function of file, slice, detector and model.

        fd: an open descriptor of the file.  progress(done, total) counts the segment's frames.
        Every looked-at frame has a row, with or without faces. Raises PlanMismatch if the file decodes otherwise than planned.
        """
        frames: list[FrameRow] = []
        faces: list[FaceRow] = []
        waiting: list[FoundFace] = []
        for frame in decode_segment(fd, media, segment, limits=self._limits, progress=progress):
            found = self._found(frame)
            frames.append(FrameRow(frame.index, frame.time_us, len(found)))
            waiting += found
            while len(waiting) >= BATCH:
                faces += self._classified(waiting[:BATCH])
                del waiting[:BATCH]
        faces += self._classified(waiting)
        return SegmentObservations(frames, faces)

    def _found(self, frame: Frame) -> list[FoundFace]:
        """Detect and crop at once: a frame keeps the decoder's buffers alive and must not wait for its batch."""
        boxes = self._detector.detect(frame)
        if not len(boxes):
            return []
        boxes = boxes[
            reading_order(pixel_boxes(boxes.xyxy, width=frame.width, height=frame.height))
        ]
        xywh = pixel_boxes(boxes.xyxy, width=frame.width, height=frame.height)
        crops = crop_faces(
            frame.luma, boxes.xyxy, self._detector.framing, limited_range=frame.limited_range
        )
        scores = ten_thousandths(boxes.scores)
        return [
            FoundFace(frame.index, face, tuple(xywh[face].tolist()), int(scores[face]), crops[face])
            for face in range(len(boxes))
        ]

    def _classified(self, found: list[FoundFace]) -> Iterator[FaceRow]:
        if not found:
            return
        probabilities = self._classifier.probabilities(np.stack([face.crop for face in found]))
        for face, row in zip(found, ten_thousandths(probabilities).tolist(), strict=True):
            yield FaceRow(face.frame, face.face, *face.xywh, face.score, None, *row)


def ten_thousandths(values: Floats) -> npt.NDArray[np.int64]:
    """Round values of 0..1 half up to whole ten-thousandths, clipped to 0..10000; not-a-number counts as 0."""
    exact = np.nan_to_num(values.astype(np.float64)) * SCORE_UNIT
    return np.clip(np.floor(exact + 0.5), 0, SCORE_UNIT).astype(np.int64)
