"""Identities over time: faces of consecutive frames that overlap are one track.

Greedy matching by intersection over union, best pair first, as in Bochinski et al., "High-Speed Tracking-by-
Detection Without Using Image Information" (AVSS 2017), which also gives the range of the threshold
(0.3 to 0.5).
"""

from dataclasses import dataclass

from storage.records import FaceRow
from storage.timelines import TrackRow

MIN_OVERLAP = 0.3
"""Least intersection over union of a face with the last box of its track. Raising it splits fast
heads.
"""
PATIENCE_US = 500_000
"""A track not seen for longer has ended: half a second covers a blink of the detector, not a cut to
another shot.
"""


def overlap(one: FaceRow, other: FaceRow) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one.width * one.height + other.width * other.height - shared)


@dataclass
class _Track:
    first_frame: int
    first_time_us: int
    last_frame: int
    last_time_us: int
    box: FaceRow
    face_count: int = 1


class Tracker:
    """Numbers faces frame by frame; tracks are numbered from 0 in the order of their first face."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._open: list[int] = []
        self._previous_frame: int | None = None

    def number(self, frame: int, time_us: int, faces: tuple[FaceRow, ...]) -> list[int]:
        """Give each face of the next looked-at frame its track, in the order of the faces."""
        self._open = [track for track in self._open if self._alive(track, time_us)]
        found = self._match(faces)
        numbers: list[int] = []
        for face, row in enumerate(faces):
            track = found.get(face)
            if track is None:
                track = len(self._tracks)
                self._tracks.append(_Track(frame, time_us, frame, time_us, row))
                self._open.append(track)
            else:
                self._extend(self._tracks[track], frame, time_us, row)
            numbers.append(track)
        self._previous_frame = frame
        return numbers

    def _alive(self, track: int, time_us: int) -> bool:
        """Seen lately, or in the frame just before, however long ago that was (sparse sampling)."""
        known = self._tracks[track]
        recent = time_us - known.last_time_us <= PATIENCE_US
        return recent or known.last_frame == self._previous_frame

    def _match(self, faces: tuple[FaceRow, ...]) -> dict[int, int]:
        pairs = sorted(
            (-overlap(row, self._tracks[track].box), face, track)
            for face, row in enumerate(faces)
            for track in self._open
        )
        found: dict[int, int] = {}
        taken: set[int] = set()
        for negative_overlap, face, track in pairs:
            if -negative_overlap < MIN_OVERLAP:
                break
            if face not in found and track not in taken:
                found[face] = track
                taken.add(track)
        return found

    def _extend(self, track: _Track, frame: int, time_us: int, row: FaceRow) -> None:
        track.last_frame, track.last_time_us, track.box = frame, time_us, row
        track.face_count += 1

    def tracks(self) -> list[TrackRow]:
        """All tracks so far, in the order of their numbers."""
        return [
            TrackRow(
                track=number,
                first_frame=track.first_frame,
                last_frame=track.last_frame,
                first_time_us=track.first_time_us,
                last_time_us=track.last_time_us,
                face_count=track.face_count,
            )
            for number, track in enumerate(self._tracks)
        ]
