"""What a timeline holds in numbers: of the whole, of each track, and of each second for plots."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from storage.labels import EXPRESSIONS
from storage.plots import LEAST_FRAMES, SECOND_US, RollupRow
from storage.records import SCORE_UNIT
from storage.tables import ALL_FACES
from storage.timelines import TimelineFace, TimelineFrame
from storage.tracks import TrackRow


@dataclass
class FacesTally:
    """Counts faces. Poor ones count little in what is said of expressions: their weight (TimelineFace.weight)."""

    faces: int = 0
    poor: int = 0
    uncertain: int = 0
    weight: int = 0
    uncertain_weight: int = 0
    tops: list[int] = field(default_factory=lambda: [0] * len(EXPRESSIONS))  #: weights
    sums: list[int] = field(default_factory=lambda: [0] * len(EXPRESSIONS))  #: weighted

    def count(self, face: TimelineFace) -> None:
        weight = face.weight
        self.faces += 1
        self.poor += face.poor
        self.weight += weight
        if face.uncertain:
            self.uncertain += 1
            self.uncertain_weight += weight
        for index, probability in enumerate(face.probabilities):
            self.sums[index] += weight * probability
        self.tops[face.probabilities.index(face.confidence)] += weight

    def summary(self) -> dict[str, Any]:
        """Sum up. `share`: of the faces, those whose most probable expression it is; `mean`: mean probability;
        `uncertain`: share of the faces without a likely expression (jobs.uncertain_below). All are weighted.

        `share` and `mean` have every expression, in the order of labels.EXPRESSIONS, and are 0 without any face.
        """
        weight = self.weight or 1
        return {
            "faces": self.faces,
            "poor": self.poor,
            "uncertain": round(self.uncertain_weight / weight, 4),
            "share": {
                name: round(top / weight, 4)
                for name, top in zip(EXPRESSIONS, self.tops, strict=True)
            },
            "mean": {
                name: round(total / weight / SCORE_UNIT, 4)
                for name, total in zip(EXPRESSIONS, self.sums, strict=True)
            },
        }


class JobTally:
    """Counts a whole timeline."""

    def __init__(self) -> None:
        self._frames = self._frames_with_face = self._tracks = 0
        self._faces = FacesTally()
        self._peaks = [_NO_PEAK] * len(EXPRESSIONS)

    def count(self, frame: TimelineFrame, numbers: list[int]) -> None:
        """Take in the next frame, given the tracks of its faces."""
        self._frames += 1
        self._frames_with_face += bool(frame.faces)
        self._tracks = max(self._tracks, *(number + 1 for number in numbers), 0)
        for face in frame.faces:
            self._faces.count(face)

    def end_track(self, track: "TrackTally") -> None:
        """Take in a track that is over; tracks may come in any order."""
        for index, (probability, time_us) in enumerate(track.peaks):
            peak = (track.lasts, probability, -time_us, -track.number)
            if probability >= 0:
                self._peaks[index] = max(self._peaks[index], peak)

    def summary(self) -> dict[str, Any]:
        """Sum up, as FacesTally does, with `frames`, `frames_with_face`, `tracks` and `peaks`.

        `peaks`: when and in which track the smoothed probability of each expression is highest, as in plots.read_peaks.
        """
        return {
            "frames": self._frames,
            "frames_with_face": self._frames_with_face,
            "tracks": self._tracks,
            **self._faces.summary(),
            "peaks": {
                name: None if peak == _NO_PEAK else _peak(*peak)
                for name, peak in zip(EXPRESSIONS, self._peaks, strict=True)
            },
        }


_NO_PEAK = (False, -1, 0, 0)
"""A peak sorts by whether its track lasts, by probability, and the first of equals first; below each of them is this."""


def _peak(_: bool, probability: int, minus_time_us: int, minus_track: int) -> dict[str, Any]:
    return {
        "time_s": -minus_time_us / SECOND_US,
        "track": -minus_track,
        "probability": probability / SCORE_UNIT,
    }


class TrackTally:
    """Counts one track."""

    def __init__(self, track: int) -> None:
        self.number = track
        self.peaks = [(-1, 0)] * len(EXPRESSIONS)
        """Of each expression the highest smoothed probability and its time in microseconds; -1: none yet."""
        self._ends: list[tuple[int, int]] = []  # (frame, time_us) of the first and the last face
        self._best: tuple[int, int] | None = None
        self._best_place = (0, 0)
        self._faces = FacesTally()

    def count(self, frame: TimelineFrame, face: TimelineFace) -> None:
        self._ends[1:] = [(frame.frame, frame.time_us)]
        self._faces.count(face)
        if self._best is None or _worth(face) > self._best:
            self._best, self._best_place = _worth(face), (frame.frame, face.row.face)

    def count_smoothed(self, time_us: int, probabilities: tuple[int, ...]) -> None:
        """Take in the smoothed probabilities of a face that is not poor, in the order of time."""
        for index, probability in enumerate(probabilities):
            if probability > self.peaks[index][0]:
                self.peaks[index] = (probability, time_us)

    @property
    def lasts(self) -> bool:
        """Whether it was seen for more than a moment, so far."""
        return self._faces.faces >= LEAST_FRAMES

    def row(self) -> TrackRow:
        """The track so far; it must have a face."""
        (first_frame, first_time_us), (last_frame, last_time_us) = self._ends[0], self._ends[-1]
        return TrackRow(
            track=self.number,
            first_frame=first_frame,
            last_frame=last_frame,
            first_time_us=first_time_us,
            last_time_us=last_time_us,
            face_count=self._faces.faces,
            best_frame=self._best_place[0],
            best_face=self._best_place[1],
            summary=self._faces.summary(),
        )


def _worth(face: TimelineFace) -> tuple[int, int]:
    """Order faces by how well a thumbnail of them would look: by quality; where none was measured, by size and score."""
    row = face.row
    quality = -1 if row.quality is None else row.quality
    return quality, row.width * row.height * row.detection_score


class Seconds:
    """Sums of each second, of all faces and of each track, in the order of time."""

    def __init__(self) -> None:
        self._second = 0
        self._frames: dict[int, int] = defaultdict(int)  # of the second, by track
        self._faces: dict[int, FacesTally] = defaultdict(FacesTally)
        self._over: list[RollupRow] = []

    def count(self, frame: TimelineFrame, numbers: list[int]) -> None:
        """Take in the next frame, given the tracks of its faces."""
        second = frame.time_us // SECOND_US
        if second != self._second:
            self._end_second()
            self._second = second
        self._frames[ALL_FACES] += 1
        for face, track in zip(frame.faces, numbers, strict=True):
            self._frames[track] += 1
            self._faces[track].count(face)
            self._faces[ALL_FACES].count(face)

    def _end_second(self) -> None:
        for track in sorted(self._frames):
            faces = self._faces[track]
            self._over.append(
                RollupRow(
                    self._second,
                    track,
                    self._frames[track],
                    faces.faces,
                    faces.poor,
                    faces.uncertain,
                    faces.weight,
                    *faces.sums,
                )
            )
        self._frames.clear()
        self._faces.clear()

    def take(self, *, ended: bool) -> list[RollupRow]:
        """Give back the seconds that are over, each once. ended: nothing comes any more, so all are."""
        if ended:
            self._end_second()
        over, self._over = self._over, []
        return over
