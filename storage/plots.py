"""A timeline thinned out for plots: rows where they fit, means of them where they don't, sums per second of long videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, insert, select

from storage.database import Database
from storage.labels import EXPRESSIONS, GOOD_WEIGHT, POOR_BELOW, POOR_WEIGHT
from storage.records import SCORE_UNIT, Scores
from storage.tables import ALL_FACES, frames, jobs, observations, rollups, tracks
from storage.timelines import first_frame_at

SECOND_US = 1_000_000
LEAST_FRAMES = 3
"""A track seen in fewer is tentative (Wojke, Bewley & Paulus 2017, n_init), as in the page's glimpses.js."""


class RollupRow(NamedTuple):
    """The faces of one second, of one track or of ALL_FACES."""

    second: int
    track: int
    frame_count: int  #: looked-at frames; of a track those in which it is
    face_count: int
    poor_count: int
    uncertain_count: int
    weight: int  #: sum of the faces' weights (TimelineFace.weight)
    angry: int  #: sum of weight times probability in ten-thousandths, as the six that follow
    disgust: int
    fear: int
    happy: int
    neutral: int
    sad: int
    surprise: int


class Grain(StrEnum):
    """What a point of a plot stands for."""

    FRAME = "frame"
    BIN = "bin"  #: the looked-at frames of an equal part of the range
    SECONDS = "seconds"  #: a whole number of seconds


@dataclass(frozen=True)
class PlotRange:
    """What a plot shows."""

    track: int | None  #: None: the weighted mean of all faces
    from_us: int
    to_us: int  #: not included
    points: int  #: at most so many
    scores: Scores


class PlotPoint(NamedTuple):
    """A frame, or the mean of several. A stretch without any looked-at frame has none."""

    time_us: int  #: where it begins
    face_count: int
    uncertain_count: int
    probabilities: tuple[float, ...] | None  #: 0..1, weighted by quality; None: no face, a gap


@dataclass(frozen=True)
class Plot:
    grain: Grain
    step_us: int  #: what a point covers; 0: one frame
    points: list[PlotPoint]


class Peak(NamedTuple):
    """Where the smoothed probability of an expression is highest."""

    time_us: int
    track: int
    probability: float  #: 0..1


def insert_rollups(connection: Connection, job: int, rows: Sequence[RollupRow]) -> None:
    """Write sums of seconds that are over."""
    if rows:
        connection.execute(insert(rollups), [{"job": job, **row._asdict()} for row in rows])


def read_plot(database: Database, job: int, wanted: PlotRange, *, rolled_up: bool) -> Plot:
    """Read at most `wanted.points` points, in order.

    rolled_up: the job is done, so that sums per second stand; they are used where a point covers a second or
    more, and are of the raw probabilities: over so long the smoothed ones have the same mean.
    """
    step_us = -(-(wanted.to_us - wanted.from_us) // wanted.points)
    with database.reading() as connection:
        if rolled_up and step_us > SECOND_US:
            return _from_rollups(connection, job, wanted)
        first = first_frame_at(connection, job, wanted.from_us)
        end = first_frame_at(connection, job, wanted.to_us)
        inside = (frames.c.job == job, frames.c.frame >= first, frames.c.frame < end)
        count = connection.execute(
            select(func.count()).select_from(frames).where(*inside)
        ).scalar_one()
        grain, place = Grain.FRAME, frames.c.time_us.expression
        if count > wanted.points:
            grain = Grain.BIN
            place = wanted.from_us + (place - wanted.from_us) // step_us * step_us
        query = _from_rows(job, wanted, place=place).where(*inside)
        points = [_point(row) for row in connection.execute(query)]
    return Plot(grain, step_us if grain is Grain.BIN else 0, points)


def _from_rows(
    job: int, wanted: PlotRange, *, place: ColumnElement[int]
) -> Select[*tuple[Any, ...]]:
    """Weighted sums over the rows that share a place in time, one row of sums per place."""
    faces = and_(
        observations.c.job == frames.c.job,
        observations.c.frame == frames.c.frame,
        *([] if wanted.track is None else [observations.c.track == wanted.track]),
    )
    weight = case((observations.c.quality < POOR_BELOW, POOR_WEIGHT), else_=GOOD_WEIGHT)
    raw = [observations.c[name] for name in EXPRESSIONS]
    below = select(jobs.c.uncertain_below).where(jobs.c.job == job).scalar_subquery()
    unsure = and_(*(probability < below for probability in raw))
    probabilities = [
        func.coalesce(observations.c[f"smoothed_{p.name}"], p)
        if wanted.scores is Scores.SMOOTHED
        else p
        for p in raw
    ]
    at = place.label("at")
    seen = observations.c.face.is_not(None)
    return (
        select(
            at,
            func.count(observations.c.face),
            func.sum(case((and_(seen, unsure), 1), else_=0)),
            func.sum(case((seen, weight), else_=0)),
            *(func.sum(weight * probability) for probability in probabilities),
        )
        .select_from(frames.outerjoin(observations, faces))
        .where(frames.c.job == job)
        .group_by(at)
        .order_by(at)
    )


def _from_rollups(connection: Connection, job: int, wanted: PlotRange) -> Plot:
    track = ALL_FACES if wanted.track is None else wanted.track
    first, end = wanted.from_us // SECOND_US, -(-wanted.to_us // SECOND_US)
    step = -(-(end - first) // wanted.points)
    at = (first + (rollups.c.second - first) // step * step).label("at")
    of_track = rollups.c.track == track

    def total(name: str) -> ColumnElement[int]:
        return func.sum(case((of_track, rollups.c[name]), else_=0))

    query = (
        select(
            at,
            *map(total, ("face_count", "uncertain_count", "weight", *EXPRESSIONS)),
        )
        .where(
            rollups.c.job == job,
            rollups.c.second >= first,
            rollups.c.second < end,
            rollups.c.track.in_({ALL_FACES, track}),
        )
        .group_by(at)
        .order_by(at)
    )
    points = [_point((row[0] * SECOND_US, *row[1:])) for row in connection.execute(query)]
    return Plot(Grain.SECONDS, step * SECOND_US, points)


def read_peaks(database: Database, job: int) -> dict[str, Peak | None]:
    """Find the peak of each expression, the first of equals, among the faces that are not poor.

    Faces that were seen for a moment only, which are mostly none, count where there are no others. This looks at
    every face: finalise finds the same on its way, but for jobs that were done before it did.
    """
    same = and_(tracks.c.job == observations.c.job, tracks.c.track == observations.c.track)
    glimpsed = case((tracks.c.face_count < LEAST_FRAMES, 1), else_=0)
    peaks: dict[str, Peak | None] = {}
    with database.reading() as connection:
        for name in EXPRESSIONS:
            score = func.coalesce(observations.c[f"smoothed_{name}"], observations.c[name])
            query = (
                select(observations.c.frame, observations.c.track, score.label("score"))
                .outerjoin(tracks, same)
                .where(
                    observations.c.job == job,
                    observations.c.track.is_not(None),
                    func.coalesce(observations.c.quality, POOR_BELOW) >= POOR_BELOW,
                )
                .order_by(glimpsed, score.desc(), observations.c.frame, observations.c.track)
                .limit(1)
                .subquery()
            )
            at = and_(frames.c.job == job, frames.c.frame == query.c.frame)
            row = connection.execute(
                select(frames.c.time_us, query.c.track, query.c.score).join(query, at)
            ).one_or_none()
            peaks[name] = None if row is None else Peak(row[0], row[1], row[2] / SCORE_UNIT)
    return peaks


def _point(row: Sequence[Any]) -> PlotPoint:
    time_us, face_count, uncertain_count, weight, *sums = row
    mean = tuple(int(total) / (weight * SCORE_UNIT) for total in sums) if weight else None
    return PlotPoint(time_us, face_count, int(uncertain_count), mean)
