"""Identities over time: which face of a frame is which of the frames before.

Each track predicts where its face is (worker.motion); a frame's faces are given to the tracks one to one, so that the
overlaps with the tracks' boxes have the largest sum (worker.assignment), in rounds after Y. Zhang et al., "ByteTrack:
Multi-object tracking by associating every detection box" (ECCV 2022): first the faces that are surely faces, then the
doubtful ones. A last round, with larger boxes, takes what moved too fast for the sampling, after F. Yang et al., "Hard to
track objects with irregular motions and similar appearances" (C-BIoU, WACV 2023).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from storage.records import FaceRow
from storage.timelines import TimelineFace, TimelineFrame
from worker.assignment import best_pairs
from worker.motion import Motion

MIN_OVERLAP = 0.3
"""Least intersection over union of a face with its track's box (SORT, ICIP 2016). Raising it splits fast heads."""
DOUBTFUL_BELOW = 8_000
"""A detection score (ten-thousandths) that gets second pick. MTCNN's last threshold is 0.7; most faces have over 0.95."""
BUFFER = 0.3
"""By so much of their size boxes grow on every side in the last round (C-BIoU's first buffer). Two faces beside each other,
a width apart, still overlap by less than MIN_OVERLAP."""
PATIENCE_US = 500_000
"""A track not seen for longer has ended: half a second covers a turned head or a blink of the detector."""


class Box(NamedTuple):
    """A rectangle in pixels, whole or not."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, row: FaceRow) -> "Box":
        return cls(row.x, row.y, row.width, row.height)

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def grown(self, part: float) -> "Box":
        """The box with so much of its size added on every side."""
        x_part, y_part = part * self.width, part * self.height
        return Box(
            self.x - x_part, self.y - y_part, self.width + 2 * x_part, self.height + 2 * y_part
        )


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one.width * one.height + other.width * other.height - shared)


@dataclass
class _Track:
    number: int
    motion: Motion
    seen: Box  #: where its face was seen last
    predicted: Box  #: where it should be now
    frame: int  #: in which it was seen last
    time_us: int
    predicted_us: int

    @classmethod
    def begin(cls, number: int, frame: TimelineFrame, seen: Box) -> "_Track":
        return cls(
            number=number,
            motion=Motion(*seen.centre),
            seen=seen,
            predicted=seen,
            frame=frame.frame,
            time_us=frame.time_us,
            predicted_us=frame.time_us,
        )

    def predict(self, time_us: int) -> None:
        self.motion.advance((time_us - self.predicted_us) / 1e6)
        self.predicted_us = time_us
        x, y = self.motion.x - self.seen.width / 2, self.motion.y - self.seen.height / 2
        self.predicted = self.seen._replace(x=x, y=y)

    def go_on(self, frame: TimelineFrame, seen: Box) -> None:
        self.motion.correct(*seen.centre)
        self.seen, self.frame, self.time_us = seen, frame.frame, frame.time_us


class Tracker:
    """Numbers faces frame by frame; tracks are numbered from 0 in the order of their first face.

    It knows the tracks that may go on, and nothing of those that have ended.
    """

    def __init__(self) -> None:
        self._open: list[_Track] = []
        self._count = 0
        self._previous_frame: int | None = None

    @property
    def open_tracks(self) -> set[int]:
        """The tracks that the last frame left open: no other one gets another face."""
        return {track.number for track in self._open}

    def number(self, frame: TimelineFrame) -> list[int]:
        """Give each face of the next looked-at frame its track, in the order of the faces."""
        self._open = [track for track in self._open if self._may_go_on(track, frame)]
        for track in self._open:
            track.predict(frame.time_us)
        found = self._match(frame.faces)
        numbers: list[int] = []
        for face, seen in enumerate(frame.faces):
            box = Box.of(seen.row)
            if face in found:
                found[face].go_on(frame, box)
                numbers.append(found[face].number)
            else:
                self._open.append(_Track.begin(self._count, frame, box))
                numbers.append(self._count)
                self._count += 1
        self._previous_frame = frame.frame
        return numbers

    def _may_go_on(self, track: _Track, frame: TimelineFrame) -> bool:
        """Seen lately, or in the frame just before, however long ago that was (sparse sampling); ended by a cut."""
        recent = frame.time_us - track.time_us <= PATIENCE_US
        return not frame.cut and (recent or track.frame == self._previous_frame)

    def _match(self, faces: Sequence[TimelineFace]) -> dict[int, _Track]:
        found: dict[int, _Track] = {}
        rounds: tuple[tuple[Callable[[TimelineFace], bool], float], ...] = (
            (lambda face: not _doubtful(face), 0.0),
            (_doubtful, 0.0),
            (lambda face: True, BUFFER),
        )
        for takes_part, buffer in rounds:
            waiting = [n for n, face in enumerate(faces) if n not in found and takes_part(face)]
            taken = {track.number for track in found.values()}
            free = [track for track in self._open if track.number not in taken]
            boxes = [Box.of(faces[n].row) for n in waiting]
            values = [[_likeness(box, track, buffer) for track in free] for box in boxes]
            for row, column in best_pairs(values):
                found[waiting[row]] = free[column]
        return found


def _doubtful(face: TimelineFace) -> bool:
    return face.poor or face.row.detection_score < DOUBTFUL_BELOW


def _likeness(box: Box, track: _Track, buffer: float) -> float:
    """By how much a face overlaps a track beyond the least overlap; 0: it can't be the same.

    What counts is the predicted or the last seen box, whichever fits better: heads stop as readily as they go on. Larger
    boxes count only as far as the face can have come since it was seen.
    """
    expected = [track.predicted, track.seen]
    if buffer:
        height = max(box.height, track.seen.height)
        near = [e for e in expected if track.motion.reaches(box.centre, e.centre, height=height)]
        box, expected = box.grown(buffer), [e.grown(buffer) for e in near]
    return max(0.0, max((overlap(box, e) for e in expected), default=0.0) - MIN_OVERLAP)
