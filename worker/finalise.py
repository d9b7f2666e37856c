"""Finalise a job: one pass over its rows in order gives identities and the summary."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from storage import commits, timelines
from storage.claims import Claim
from storage.labels import EXPRESSIONS
from storage.records import SCORE_UNIT
from storage.timelines import TimelineFrame
from worker.engine import Engine
from worker.tracking import Tracker


def finalise_job(engine: Engine, claim: Claim) -> None:
    """Number the tracks of the claimed job, sum it up and end it.

    Every step may be repeated: a finalise that was cut off is simply done again.
    """
    tracker, tally = Tracker(), Tally()
    for page in _pages(engine, claim):
        numbered: list[tuple[int, int, int]] = []
        for frame in page:
            tally.count(frame)
            rows = tuple(face.row for face in frame.faces)
            tracks = tracker.number(frame.frame, frame.time_us, rows)
            numbered += [
                (row.frame, row.face, track) for row, track in zip(rows, tracks, strict=True)
            ]
        engine.tick(claim, 0)
        timelines.set_tracks(engine.database, claim.job, numbered)
    found = tracker.tracks()
    summary = tally.summary(track_count=len(found))
    commits.commit_job(engine.database, claim, summary=summary, tracks=found)


def _pages(engine: Engine, claim: Claim) -> Iterator[list[TimelineFrame]]:
    last = -1
    while page := timelines.read_frames(engine.database, claim.job, after_frame=last):
        yield page
        last = page[-1].frame


class Tally:
    """Counts what a timeline holds."""

    def __init__(self) -> None:
        self._frames = self._frames_with_face = self._faces = 0
        self._tops: Counter[str] = Counter()
        self._sums = [0] * len(EXPRESSIONS)

    def count(self, frame: TimelineFrame) -> None:
        self._frames += 1
        self._frames_with_face += bool(frame.faces)
        self._faces += len(frame.faces)
        for face in frame.faces:
            self._tops[face.emotion] += 1
            for index, probability in enumerate(face.probabilities):
                self._sums[index] += probability

    def summary(self, *, track_count: int) -> dict[str, Any]:
        """Sum up. `share`: of the faces, those whose most probable expression it is; `mean`: mean
        probability.

        Both have every expression, in the order of labels.EXPRESSIONS, and are 0 without any face.
        """
        faces = self._faces or 1
        return {
            "frames": self._frames,
            "frames_with_face": self._frames_with_face,
            "faces": self._faces,
            "tracks": track_count,
            "share": {name: round(self._tops[name] / faces, 4) for name in EXPRESSIONS},
            "mean": {
                name: round(total / faces / SCORE_UNIT, 4)
                for name, total in zip(EXPRESSIONS, self._sums, strict=True)
            },
        }
