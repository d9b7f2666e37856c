"""Finalise a job: one pass over its rows in order gives identities, smoothed probabilities and sums."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from storage import commits, timelines
from storage.claims import Claim
from storage.commits import Identities
from storage.timelines import TimelineFrame
from worker.engine import Engine
from worker.smoothing import Smoother
from worker.summary import JobTally, Seconds, TrackTally
from worker.tracking import Tracker

RENEW_EVERY_S = 1.0
"""A page of a crowd (80 faces in each frame) takes longer than a lease to walk through."""
PAGE_FRAMES = 1_000
"""Frames that are read and committed at a time, in which the lease is not renewed."""


def finalise_job(engine: Engine, claim: Claim) -> None:
    """Number the tracks of the claimed job, smooth along them, sum it all up and end the job.

    A finalise that was cut off is simply done again from the start.
    """
    commits.begin_finalise(engine.database, claim)
    walk = Walk()
    for page in timelines.iterate_pages(engine.database, claim.job, limit=PAGE_FRAMES):
        found = walk.through(_renewing(engine, claim, page))
        engine.tick(claim, 0)
        commits.commit_identities(engine.database, claim, found)
    commits.commit_identities(engine.database, claim, walk.end())
    commits.commit_job(engine.database, claim, summary=walk.summary())


def _renewing(engine: Engine, claim: Claim, page: list[TimelineFrame]) -> Iterator[TimelineFrame]:
    """Give the frames of a page one by one, and renew the lease before the first and every RENEW_EVERY_S."""
    renewed_s = float("-inf")
    for frame in page:
        if time.monotonic() - renewed_s > RENEW_EVERY_S:
            engine.tick(claim, 0)
            renewed_s = time.monotonic()
        yield frame


class Walk:
    """A pass over a timeline, page by page; it holds no more of a long one than of a short one.

    What it gives back does not depend on where the pages end.
    """

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._smoother = Smoother()
        self._seconds = Seconds()
        self._job = JobTally()
        self._tracks: dict[int, TrackTally] = {}  # those that may go on
        self._unsettled: dict[tuple[int, int], int] = {}  # times of good faces, by (frame, face)

    def through(self, page: Iterable[TimelineFrame]) -> Identities:
        """Go through the next frames. Returns what they settle."""
        through_us = 0
        for frame in page:
            self._see(frame)
            through_us = frame.time_us
        return self._settled(through_us, self._tracker.open_tracks, ended=False)

    def end(self) -> Identities:
        """Return what was left open by the last frame."""
        return self._settled(0, set(), ended=True)

    def summary(self) -> dict[str, Any]:
        """Sum up what was seen, see worker.summary."""
        return self._job.summary()

    def _see(self, frame: TimelineFrame) -> None:
        numbers = self._tracker.number(frame)
        self._job.count(frame, numbers)
        self._seconds.count(frame, numbers)
        for face, track in zip(frame.faces, numbers, strict=True):
            self._smoother.add(track, frame.time_us, face)
            if track not in self._tracks:
                self._tracks[track] = TrackTally(track)
            self._tracks[track].count(frame, face)
            if not face.poor:
                self._unsettled[frame.frame, face.row.face] = frame.time_us

    def _settled(self, through_us: int, open_tracks: set[int], *, ended: bool) -> Identities:
        faces = self._smoother.settle(through_us=through_us, open_tracks=open_tracks)
        for face in faces:
            time_us = self._unsettled.pop((face.frame, face.face), None)
            if time_us is not None:
                self._tracks[face.track].count_smoothed(time_us, face.smoothed)
        over = [self._tracks.pop(track) for track in sorted(self._tracks.keys() - open_tracks)]
        for track in over:
            self._job.end_track(track)
        return Identities(
            faces=faces,
            tracks=[track.row() for track in over],
            rollups=self._seconds.take(ended=ended),
        )
