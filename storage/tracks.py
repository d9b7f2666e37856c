"""The tracks of a job: written by finalise, listed in keyset pages, named by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, insert, select, update

from storage.database import Database
from storage.errors import TrackNotFound
from storage.tables import observations, tracks


class TrackRow(NamedTuple):
    """One identity over time, as finalise found it."""

    track: int
    first_frame: int
    last_frame: int
    first_time_us: int
    last_time_us: int
    face_count: int
    best_frame: int  #: where its best face is to be seen
    best_face: int
    summary: dict[str, Any] | None  #: see worker.summary; None: from before there was one


@dataclass(frozen=True)
class Track:
    """A track as its owner sees it."""

    row: TrackRow
    person: str | None  #: the name given by hand
    best_xywh: tuple[int, int, int, int]  #: box of the best face


def insert_tracks(connection: Connection, job: int, found: Sequence[TrackRow]) -> None:
    """Write tracks that have ended."""
    if found:
        connection.execute(insert(tracks), [{"job": job, **row._asdict()} for row in found])


def read_tracks(
    database: Database, job: int, *, after_track: int = -1, limit: int | None = None
) -> list[Track]:
    """Read up to `limit` tracks after `after_track` in the order of their numbers; None reads all."""
    query = _views(job).where(tracks.c.track > after_track).order_by(tracks.c.track).limit(limit)
    with database.reading() as connection:
        return [_track(row) for row in connection.execute(query)]


def name_track(database: Database, job: int, track: int, person: str | None) -> Track:
    """Write who a track is, or that nobody says so (None). Raises TrackNotFound."""
    key = (tracks.c.job == job, tracks.c.track == track)
    with database.writing() as connection:
        connection.execute(update(tracks).where(*key).values(person=person))
        row = connection.execute(_views(job).where(*key)).one_or_none()
    if row is None:
        raise TrackNotFound(f"there is no track {track} in this job")
    return _track(row)


def has_track(database: Database, job: int, track: int) -> bool:
    """Tell whether finalise has found a track of that number."""
    query = select(tracks.c.track).where(tracks.c.job == job, tracks.c.track == track)
    with database.reading() as connection:
        return connection.execute(query).one_or_none() is not None


def read_persons(database: Database, job: int) -> dict[int, str]:
    """Read the names given by hand, by track."""
    query = select(tracks.c.track, tracks.c.person).where(
        tracks.c.job == job, tracks.c.person.is_not(None)
    )
    with database.reading() as connection:
        return {row.track: row.person for row in connection.execute(query)}


def _views(job: int) -> Select[Any]:
    best = and_(
        observations.c.job == tracks.c.job,
        observations.c.frame == tracks.c.best_frame,
        observations.c.face == tracks.c.best_face,
    )
    box = (observations.c[name] for name in ("x", "y", "width", "height"))
    known = (tracks.c[name] for name in TrackRow._fields)
    return select(*known, tracks.c.person, *box).join(observations, best).where(tracks.c.job == job)


def _track(row: Sequence[Any]) -> Track:
    known = len(TrackRow._fields)
    return Track(
        row=TrackRow(*row[:known]), person=row[known], best_xywh=(*row[known + 1 : known + 5],)
    )
