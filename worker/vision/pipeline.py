"""The pipeline of a segment: decode, detect, crop, classify, and the rows of it all."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from storage.packed import PackedFaces, PackedFrames
from storage.records import (
    SCORE_UNIT,
    Detector,
    FaceRow,
    FrameRow,
    JobOptions,
    MediaInfo,
    SegmentObservations,
    SegmentSlice,
)
from worker.vision.boxes import FaceBoxes, Floats, pixel_boxes, reading_order
from worker.vision.classifier import BATCH, Classifier
from worker.vision.crops import crop_faces, square_sides
from worker.vision.cuts import with_cuts
from worker.vision.decode import decode_segment
from worker.vision.detectors import load_detector
from worker.vision.frames import Frame
from worker.vision.medium import DEFAULT_LIMITS, MediaLimits, Progress
from worker.vision.quality import qualities
from worker.vision.windows import located, window_length


class FoundFace(NamedTuple):
    """A face on its way to the classifier."""

    frame: int
    face: int
    xywh: tuple[int, int, int, int]
    score: int  #: ten-thousandths
    quality: int  #: ten-thousandths
    crop: Floats  #: (48, 48, 1)


class Pipeline:
    """One detector and one classifier, loaded once, for any number of files and segments."""

    def __init__(
        self,
        detector: Detector,
        model_path: Path,
        *,
        yunet: Path | None = None,
        limits: MediaLimits = DEFAULT_LIMITS,
    ) -> None:
        """Load both models. Raises ConfigurationError or DetectorUnavailable if this installation lacks one.

        yunet: the file of the detector of that name.
        """
        self._classifier = Classifier(model_path)
        self._detector = load_detector(detector, yunet=yunet)
        self._limits = limits

    @property
    def uncertain_below(self) -> int:
        """Faces whose likeliest expression has less than this (ten-thousandths) are uncertain, says the classifier's file."""
        return self._classifier.uncertain_score

    def analyse(
        self,
        fd: int,
        options: JobOptions,
        media: MediaInfo,
        segment: SegmentSlice,
        *,
        progress: Progress,
    ) -> SegmentObservations:
        """Look at the frames of a segment: a pure function of file, options, slice, detector and model.

        fd: an open descriptor of the file.  options: those of the plan; the detector is this pipeline's own.
        progress(done, total) counts the segment's frames.
        Every looked-at frame has a row, with or without faces. Raises PlanMismatch if the file decodes otherwise than planned.
        """
        frames, faces = PackedFrames(), PackedFaces()
        waiting: list[FoundFace] = []
        decoded = decode_segment(fd, media, segment, limits=self._limits, progress=progress)
        length = window_length(media, options)
        own = (shown for shown in with_cuts(decoded) if shown.frame.index >= segment.first_frame)
        for (frame, begins_shot, _), boxes in located(own, self._detector, length=length):
            if frame.index == segment.end_frame:
                break  # it closed the last window; its rows are the next segment's
            found = self._found(frame, boxes)
            frames.extend([FrameRow(frame.index, frame.time_us, len(found), int(begins_shot))])
            waiting += found
            while len(waiting) >= BATCH:
                faces.extend(self._classified(waiting[:BATCH]))
                del waiting[:BATCH]
        faces.extend(self._classified(waiting))
        return SegmentObservations(frames, faces)

    def _found(self, frame: Frame, boxes: FaceBoxes) -> list[FoundFace]:
        """Crop at once: a frame keeps the decoder's buffers alive and must not wait for its batch."""
        if not len(boxes):
            return []
        boxes = boxes[
            reading_order(pixel_boxes(boxes.xyxy, width=frame.width, height=frame.height))
        ]
        xywh = pixel_boxes(boxes.xyxy, width=frame.width, height=frame.height)
        framing = self._detector.framing
        crops = crop_faces(frame.luma, boxes.xyxy, framing, limited_range=frame.limited_range)
        rated = qualities(crops, square_sides(boxes.xyxy, framing), boxes.scores)
        rows = zip(
            xywh.tolist(),
            ten_thousandths(boxes.scores).tolist(),
            ten_thousandths(rated).tolist(),
            crops,
            strict=True,
        )
        return [
            FoundFace(frame.index, face, tuple(box), score, quality, crop)
            for face, (box, score, quality, crop) in enumerate(rows)
        ]

    def _classified(self, found: list[FoundFace]) -> Iterator[FaceRow]:
        if not found:
            return
        probabilities = self._classifier.probabilities(np.stack([face.crop for face in found]))
        for face, row in zip(found, ten_thousandths(probabilities).tolist(), strict=True):
            yield FaceRow(face.frame, face.face, *face.xywh, face.score, face.quality, *row)


def ten_thousandths(values: Floats) -> npt.NDArray[np.int64]:
    """Round values of 0..1 half up to whole ten-thousandths, clipped to 0..10000; not-a-number counts as 0."""
    exact = np.nan_to_num(values.astype(np.float64)) * SCORE_UNIT
    return np.clip(np.floor(exact + 0.5), 0, SCORE_UNIT).astype(np.int64)
