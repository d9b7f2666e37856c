"""The rows of a timeline: written by segments, given identities by finalise, read in keyset pages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, bindparam, cast, column, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from storage.database import Database
from storage.labels import (
    GOOD_WEIGHT,
    POOR_BELOW,
    POOR_WEIGHT,
    UNCERTAIN_BELOW,
    likeliest,
)
from storage.records import (
    FaceRow,
    FrameRow,
    Scores,
    SegmentKind,
    SegmentObservations,
    SegmentState,
)
from storage.tables import SMOOTHED_COLUMNS, frames, jobs, observations, segments

INSERT_CHUNK = 10_000
"""Rows handed to the database at a time."""
PAGE_FRAMES = 5_000
"""Frames read at a time when a whole timeline streams by."""


@dataclass(frozen=True)
class TimelineFace:
    """A face with the identity that finalise gave it (None before)."""

    row: FaceRow
    track: int | None
    smoothed: tuple[int, ...] | None = None
    """Probabilities along the track, in ten-thousandths that add up to SCORE_UNIT."""
    uncertain_below: int = UNCERTAIN_BELOW
    """In ten-thousandths, as the job's model has it."""

    @property
    def probabilities(self) -> tuple[int, ...]:
        """The raw ones: ten-thousandths, in the order of labels.EXPRESSIONS."""
        row = self.row
        return row.angry, row.disgust, row.fear, row.happy, row.neutral, row.sad, row.surprise

    def scored(self, scores: Scores) -> tuple[int, ...]:
        """The probabilities asked for; the raw ones where nothing is smoothed yet."""
        if scores is Scores.SMOOTHED and self.smoothed is not None:
            return self.smoothed
        return self.probabilities

    @property
    def emotion(self) -> str:
        """The most probable expression; the first of equals."""
        return likeliest(self.probabilities)[0]

    @property
    def confidence(self) -> int:
        """The probability of `emotion`, in ten-thousandths."""
        return likeliest(self.probabilities)[1]

    @property
    def uncertain(self) -> bool:
        return self.confidence < self.uncertain_below

    @property
    def poor(self) -> bool:
        return self.row.quality is not None and self.row.quality < POOR_BELOW

    @property
    def weight(self) -> int:
        """What it counts in means, shares and smoothing."""
        return POOR_WEIGHT if self.poor else GOOD_WEIGHT


@dataclass(frozen=True)
class TimelineFrame:
    """A looked-at frame with its faces in order; no faces is a fact."""

    frame: int
    time_us: int
    faces: tuple[TimelineFace, ...]
    cut: bool = False  #: it begins a new shot


class FaceIdentity(NamedTuple):
    """What finalise found out about the face (frame, face)."""

    frame: int
    face: int
    track: int
    smoothed: tuple[int, ...]  #: as TimelineFace.smoothed


def insert_observations(connection: Connection, job: int, seen: SegmentObservations) -> None:
    """Bulk insert the rows of a segment: COPY on PostgreSQL, Core inserts elsewhere."""
    _bulk_insert(connection, frames, ("job", *FrameRow._fields), ((job, *f) for f in seen.frames))
    _bulk_insert(
        connection, observations, ("job", *FaceRow._fields), ((job, *f) for f in seen.faces)
    )


def _bulk_insert(
    connection: Connection, table: Table, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
) -> None:
    if connection.dialect.name == "postgresql":
        cursor: Any = connection.connection.cursor()
        columns = ", ".join(names)
        with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    waiting = iter(rows)
    while chunk := [dict(zip(names, row, strict=True)) for row in islice(waiting, INSERT_CHUNK)]:
        connection.execute(insert(table), chunk)


def read_frames(
    database: Database,
    job: int,
    *,
    after_frame: int = -1,
    from_us: int = 0,
    limit: int = PAGE_FRAMES,
) -> list[TimelineFrame]:
    """Read up to `limit` looked-at frames after `after_frame` and not before `from_us`, as far as the timeline is complete
    from its start.
    """
    with database.reading() as connection:
        if from_us > 0:
            after_frame = max(after_frame, first_frame_at(connection, job, from_us) - 1)
        end = complete_to(connection, job)
        query = select(frames.c.frame, frames.c.time_us, frames.c.cut).where(
            frames.c.job == job, frames.c.frame > after_frame
        )
        if end is not None:
            query = query.where(frames.c.frame < end)
        page = connection.execute(query.order_by(frames.c.frame).limit(limit)).all()
        if not page:
            return []
        faces = _faces_by_frame(connection, job, page[0].frame, page[-1].frame)
    return [
        TimelineFrame(row.frame, row.time_us, tuple(faces.get(row.frame, ())), bool(row.cut))
        for row in page
    ]


def complete_to(connection: Connection, job: int) -> int | None:
    """First frame of the first segment that is not committed; None when all are (or before the
    plan).
    """
    return connection.execute(
        select(func.min(segments.c.first_frame)).where(
            segments.c.job == job,
            segments.c.kind == SegmentKind.ANALYSE,
            segments.c.state != SegmentState.DONE,
        )
    ).scalar_one()


def first_frame_at(connection: Connection, job: int, time_us: int) -> int:
    """Find the first complete looked-at frame that is not before a time, by bisection: time has no index, but grows
    with the frame's number. Behind the last one it is the number after it.
    """
    end = complete_to(connection, job)
    low, high = 0, _end_of_frames(connection, job) if end is None else end
    query = select(frames.c.frame, frames.c.time_us).where(frames.c.job == job)
    while low < high:
        middle = (low + high) // 2
        next_one = query.where(frames.c.frame >= middle).order_by(frames.c.frame).limit(1)
        row = connection.execute(next_one).one_or_none()
        if row is None or row.time_us >= time_us:
            high = middle
        else:
            low = row.frame + 1
    return low


def _end_of_frames(connection: Connection, job: int) -> int:
    last = select(func.max(frames.c.frame)).where(frames.c.job == job)
    return (connection.execute(last).scalar_one() or 0) + 1


def _faces_by_frame(
    connection: Connection, job: int, first: int, last: int
) -> dict[int, list[TimelineFace]]:
    names = (*FaceRow._fields, "track", *SMOOTHED_COLUMNS)
    query = (
        select(jobs.c.uncertain_below, *(observations.c[name] for name in names))
        .join_from(observations, jobs, jobs.c.job == observations.c.job)
        .where(observations.c.job == job, observations.c.frame.between(first, last))
        .order_by(observations.c.frame, observations.c.face)
    )
    found: dict[int, list[TimelineFace]] = {}
    for row in connection.execute(query):
        found.setdefault(row.frame, []).append(_face(row))
    return found


def _face(values: Sequence[Any]) -> TimelineFace:
    known = 1 + len(FaceRow._fields)
    row, track, smoothed = FaceRow(*values[1:known]), values[known], tuple(values[known + 1 :])
    return TimelineFace(row, track, None if None in smoothed else smoothed, values[0])


def iterate_pages(
    database: Database, job: int, *, limit: int = PAGE_FRAMES
) -> Iterator[list[TimelineFrame]]:
    """Yield every looked-at frame of a job in order, a page of up to `limit` at a time."""
    last = -1
    while page := read_frames(database, job, after_frame=last, limit=limit):
        yield page
        last = page[-1].frame


def iterate_frames(database: Database, job: int) -> Iterator[TimelineFrame]:
    """Yield every looked-at frame of a job in order, reading a page at a time."""
    for page in iterate_pages(database, job):
        yield from page


def complete_through_us(database: Database, job: int) -> int | None:
    """Time of the last frame up to which every looked-at frame has its row; None if there is none
    yet.
    """
    with database.reading() as connection:
        end = complete_to(connection, job)
        query = select(frames.c.time_us).where(frames.c.job == job)
        if end is not None:
            query = query.where(frames.c.frame < end)
        last = query.order_by(frames.c.frame.desc()).limit(1)
        return connection.execute(last).scalar_one_or_none()


def plan_number(database: Database, job: int) -> int:
    """Which plan a job's rows follow: rows of another number are of a timeline that was thrown away.

    It is the fence of the plan's segment, which a new plan raises before there are rows of it.
    """
    of_plan = (segments.c.job == job, segments.c.kind == SegmentKind.PLAN)
    with database.reading() as connection:
        return (
            connection.execute(select(segments.c.fence).where(*of_plan)).scalar_one_or_none() or 0
        )


def write_identities(connection: Connection, job: int, found: Sequence[FaceIdentity]) -> None:
    """Write tracks and smoothed probabilities beside some faces. Writing the same again is harmless."""
    names = ("frame", "face", "track", *SMOOTHED_COLUMNS)
    rows = iter(found)
    while chunk := [(*row[:3], *row.smoothed) for row in islice(rows, INSERT_CHUNK)]:
        if connection.dialect.name == "postgresql":
            _update_from_arrays(connection, job, names, chunk)
        else:
            _update_one_by_one(connection, job, names, chunk)


def _update_from_arrays(
    connection: Connection, job: int, names: tuple[str, ...], rows: list[tuple[int, ...]]
) -> None:
    """One statement for all rows, which come as one array per column: a fifth of the CPU that one for each takes."""
    columns = [observations.c[name] for name in names]
    arrays = (
        cast(list(values), ARRAY(known.type))
        for known, values in zip(columns, zip(*rows, strict=True), strict=True)
    )
    new = func.unnest(*arrays).table_valued(*map(column, names)).render_derived(name="new")
    same = (observations.c[name] == new.c[name] for name in names[:2])
    found = {name: new.c[name] for name in names[2:]}
    connection.execute(update(observations).where(observations.c.job == job, *same).values(found))


def _update_one_by_one(
    connection: Connection, job: int, names: tuple[str, ...], rows: list[tuple[int, ...]]
) -> None:
    key = (
        observations.c.job == job,
        *(observations.c[name] == bindparam(f"new_{name}") for name in names[:2]),
    )
    found: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names[2:]}
    given = [{f"new_{name}": v for name, v in zip(names, row, strict=True)} for row in rows]
    connection.execute(update(observations).where(*key).values(found), given)
