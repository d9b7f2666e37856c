"""The rows of a timeline: written by segments, numbered into tracks by finalise, read in keyset
pages.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from storage.database import Database
from storage.labels import EXPRESSIONS
from storage.records import FaceRow, FrameRow, SegmentKind, SegmentObservations, SegmentState
from storage.tables import frames, observations, segments, tracks

INSERT_CHUNK = 10_000
"""Rows handed to the database at a time."""
PAGE_FRAMES = 5_000
"""Frames read at a time when a whole timeline streams by."""


@dataclass(frozen=True)
class TimelineFace:
    """A face with the track that finalise gave it (None before)."""

    row: FaceRow
    track: int | None

    @property
    def probabilities(self) -> tuple[int, ...]:
        """Ten-thousandths, in the order of labels.EXPRESSIONS."""
        row = self.row
        return row.angry, row.disgust, row.fear, row.happy, row.neutral, row.sad, row.surprise

    @property
    def emotion(self) -> str:
        """The most probable expression; the first of equals."""
        return EXPRESSIONS[self.probabilities.index(self.confidence)]

    @property
    def confidence(self) -> int:
        """The probability of `emotion`, in ten-thousandths."""
        return max(self.probabilities)


@dataclass(frozen=True)
class TimelineFrame:
    """A looked-at frame with its faces in order; no faces is a fact."""

    frame: int
    time_us: int
    faces: tuple[TimelineFace, ...]


@dataclass(frozen=True)
class TrackRow:
    """One identity over time."""

    track: int
    first_frame: int
    last_frame: int
    first_time_us: int
    last_time_us: int
    face_count: int


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
    database: Database, job: int, *, after_frame: int = -1, limit: int = PAGE_FRAMES
) -> list[TimelineFrame]:
    """Read up to `limit` looked-at frames after `after_frame`, as far as the timeline is complete
    from its start.
    """
    with database.reading() as connection:
        end = _complete_to(connection, job)
        query = select(frames.c.frame, frames.c.time_us).where(
            frames.c.job == job, frames.c.frame > after_frame
        )
        if end is not None:
            query = query.where(frames.c.frame < end)
        page = connection.execute(query.order_by(frames.c.frame).limit(limit)).all()
        if not page:
            return []
        faces = _faces_by_frame(connection, job, page[0].frame, page[-1].frame)
    return [TimelineFrame(row.frame, row.time_us, tuple(faces.get(row.frame, ()))) for row in page]


def _complete_to(connection: Connection, job: int) -> int | None:
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


def _faces_by_frame(
    connection: Connection, job: int, first: int, last: int
) -> dict[int, list[TimelineFace]]:
    query = (
        select(*(observations.c[name] for name in FaceRow._fields), observations.c.track)
        .where(observations.c.job == job, observations.c.frame.between(first, last))
        .order_by(observations.c.frame, observations.c.face)
    )
    found: dict[int, list[TimelineFace]] = {}
    for row in connection.execute(query):
        found.setdefault(row.frame, []).append(_face(row))
    return found


def _face(row: Sequence[Any]) -> TimelineFace:
    *values, track = row
    return TimelineFace(row=FaceRow(*values), track=track)


def iterate_frames(database: Database, job: int) -> Iterator[TimelineFrame]:
    """Yield every looked-at frame of a job in order, reading a page at a time."""
    last = -1
    while page := read_frames(database, job, after_frame=last):
        yield from page
        last = page[-1].frame


def complete_through_us(database: Database, job: int) -> int | None:
    """Time of the last frame up to which every looked-at frame has its row; None if there is none
    yet.
    """
    with database.reading() as connection:
        end = _complete_to(connection, job)
        query = select(frames.c.time_us).where(frames.c.job == job)
        if end is not None:
            query = query.where(frames.c.frame < end)
        last = query.order_by(frames.c.frame.desc()).limit(1)
        return connection.execute(last).scalar_one_or_none()


def set_tracks(database: Database, job: int, numbered: Sequence[tuple[int, int, int]]) -> None:
    """Write track numbers of some faces, given as (frame, face, track). Writing the same again is
    harmless.
    """
    if not numbered:
        return
    statement = (
        update(observations)
        .where(
            observations.c.job == job,
            observations.c.frame == bindparam("at_frame"),
            observations.c.face == bindparam("at_face"),
        )
        .values(track=bindparam("new_track"))
    )
    values = [{"at_frame": f, "at_face": n, "new_track": t} for f, n, t in numbered]
    with database.writing() as connection:
        connection.execute(statement, values)


def replace_tracks(connection: Connection, job: int, found: Sequence[TrackRow]) -> None:
    """Write all tracks of a job in the place of any that stand there."""
    connection.execute(delete(tracks).where(tracks.c.job == job))
    if found:
        connection.execute(insert(tracks), [{"job": job, **t.__dict__} for t in found])


def read_tracks(database: Database, job: int) -> list[TrackRow]:
    """Read the tracks of a job in the order of their numbers."""
    query = select(*(c for c in tracks.c if c.name != "job")).where(tracks.c.job == job)
    with database.reading() as connection:
        return [TrackRow(*row) for row in connection.execute(query.order_by(tracks.c.track))]
