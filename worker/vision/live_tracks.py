"""Faces followed from picture to picture of a live view: straight-line motion, overlap, and a second's memory."""

from dataclasses import dataclass

import numpy as np

from worker.vision.boxes import FaceBoxes, Floats
from worker.vision.matching import matched, overlaps

FORGOTTEN_AFTER_US = 1_000_000
"""A face that comes back within this time keeps its number."""
MOTION_LASTS_US = 200_000
"""Over a longer gap the last motion says nothing, and the face is expected where it was."""
SAME_FACE = 0.5
"""Overlap from which on two followed boxes are one face: the younger track ends."""
MAX_FACES = 16
"""Followed at once; the surest ones, so that a crowd can't slow the view down for long."""


@dataclass
class LiveTrack:
    """One face over time."""

    number: int
    xyxy: Floats  #: (4,), pixels
    score: float  #: the detector's, 0..1
    seen_us: int
    motion: Floats  #: (4,), pixels per microsecond
    missing: bool = False  #: not found in the last picture
    probabilities: Floats | None = None  #: (7,), smoothed
    read_us: int = 0

    def expected(self, time_us: int) -> Floats:
        """Where its box should be by now."""
        passed_us = time_us - self.seen_us
        moves = not self.missing and 0 < passed_us <= MOTION_LASTS_US
        return self.xyxy + self.motion * np.float32(passed_us) if moves else self.xyxy

    def see(self, xyxy: Floats, score: float, time_us: int) -> None:
        """Take over where it was found."""
        passed_us = time_us - self.seen_us
        steady = not self.missing and 0 < passed_us <= MOTION_LASTS_US
        self.motion = (
            (xyxy - self.xyxy) / np.float32(passed_us) if steady else np.zeros(4, np.float32)
        )
        self.xyxy, self.score, self.seen_us, self.missing = xyxy, score, time_us, False


class LiveTracks:
    """The faces of one view, numbered from 0 in order of appearance."""

    def __init__(self) -> None:
        self._tracks: list[LiveTrack] = []
        self._next = 0

    def _present(self) -> list[LiveTrack]:
        return [track for track in self._tracks if not track.missing]

    def expected(self, time_us: int) -> FaceBoxes:
        """Where the faces of the last picture should be by now, in order of their numbers."""
        return _boxes(self._present(), time_us)

    def confirmed(self, seen: FaceBoxes, time_us: int) -> list[LiveTrack] | None:
        """Follow the faces that `expected` gave; None, and nothing changes, if one of them is not there any more.

        seen: in the same order, with a score of 0 for what is no face.
        """
        present = self._present()
        if not seen.scores.all():
            return None
        for track, box, score in zip(present, seen.xyxy, seen.scores.tolist(), strict=True):
            track.see(box, score, time_us)
        self._end_doubles(present)
        return self._present()

    def found(self, seen: FaceBoxes, time_us: int) -> list[LiveTrack]:
        """Give the faces of a whole picture their tracks: old ones by overlap, new ones to the others."""
        self._tracks = [t for t in self._tracks if time_us - t.seen_us <= FORGOTTEN_AFTER_US]
        seen = seen[np.argsort(-seen.scores, kind="stable")[:MAX_FACES]]
        pairs = matched(_boxes(self._tracks, time_us).xyxy, seen.xyxy).tolist()
        known = {face: self._tracks[track] for track, face in pairs}
        for track in self._tracks:
            track.missing = not any(track is other for other in known.values())
        for face, (box, score) in enumerate(zip(seen.xyxy, seen.scores.tolist(), strict=True)):
            if face in known:
                known[face].see(box, score, time_us)
            else:
                self._tracks.append(
                    LiveTrack(self._next, box, score, time_us, np.zeros(4, np.float32))
                )
                self._next += 1
        return self._present()

    def _end_doubles(self, present: list[LiveTrack]) -> None:
        """Of two tracks that have slid onto one face keep the older."""
        shared = np.triu(overlaps(*[np.stack([track.xyxy for track in present])] * 2), k=1)
        doubles = (shared > SAME_FACE).any(axis=0)
        ended = {present[index].number for index in np.flatnonzero(doubles)}
        self._tracks = [track for track in self._tracks if track.number not in ended]


def _boxes(tracks: list[LiveTrack], time_us: int) -> FaceBoxes:
    if not tracks:
        return FaceBoxes.empty()
    scores = np.array([track.score for track in tracks], np.float32)
    return FaceBoxes(np.stack([track.expected(time_us) for track in tracks]), scores)
