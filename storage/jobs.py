"""Jobs as their owners see them: create, look up, list, delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, Row, Select, Table, delete, func, insert, null, select, update
from sqlalchemy import exists as exists_in

from storage.database import Database, now_s
from storage.errors import NotFound
from storage.records import JobOptions, JobState, SegmentKind, SegmentState
from storage.tables import frames, jobs, media, observations, rollups, segments, tracks

DELETE_CHUNK = 10_000
"""Rows removed per transaction, so that no delete holds the database for long."""

LIVE_STATES = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True)
class StoredMedium:
    """A medium that lies in its place already."""

    filename: str  #: the caller's name for it
    location: str  #: see storage.blobs
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class JobView:
    """A job with its progress."""

    job: int
    id: str
    state: JobState
    error_code: str | None
    error_message: str | None
    options: JobOptions
    filename: str
    location: str
    size_bytes: int
    sha256: str
    model_hash: str | None
    engine_version: str | None
    uncertain_below: int  #: ten-thousandths; the shipped model's before the plan
    stage: str  #: queued, plan, analyse, finalise, done, failed or cancelled
    frames_total: int | None  #: looked-at frames; None before the plan
    frames_done: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    media_info: dict[str, Any] | None  #: records.MediaInfo as JSON
    summary: dict[str, Any] | None  #: see worker.finalise
    awaits_pictures: bool  #: whether it is done and what illustrates it is still to be made

    @property
    def percent(self) -> int:
        """0..100; 100 only when done."""
        if self.state is JobState.DONE:
            return 100
        if not self.frames_total:
            return 0
        return min(99, self.frames_done * 100 // self.frames_total)


def new_job_id() -> str:
    return uuid4().hex


def create_job(
    database: Database, job_id: str, *, medium: StoredMedium, options: JobOptions
) -> int:
    """Record a job, its medium and its plan segment, ready to be claimed. Returns the job's key."""
    with database.writing() as connection:
        job = connection.execute(
            insert(jobs)
            .values(id=job_id, state=JobState.QUEUED, options=options.as_json(), created_at=now_s())
            .returning(jobs.c.job)
        ).scalar_one()
        connection.execute(insert(media).values(job=job, **medium.__dict__))
        connection.execute(
            insert(segments).values(
                job=job, position=0, kind=SegmentKind.PLAN, state=SegmentState.READY
            )
        )
    return int(job)


def get_job(database: Database, job_id: str) -> JobView:
    """Look up a job by its public id. Raises NotFound, for one that is being deleted too."""
    with database.reading() as connection:
        row = connection.execute(_views().where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id!r}; it may have been deleted")
    return _view(row)


def exists(database: Database, job_id: str) -> bool:
    """Tell whether there is a job of that id, in whatever state."""
    with database.reading() as connection:
        return connection.execute(select(jobs.c.job).where(jobs.c.id == job_id)).first() is not None


def list_jobs(database: Database, *, before: int | None = None, limit: int = 50) -> list[JobView]:
    """List jobs, newest first; `before` is the key (`JobView.job`) of the last one already seen."""
    query = _views().order_by(jobs.c.job.desc()).limit(limit)
    if before is not None:
        query = query.where(jobs.c.job < before)
    with database.reading() as connection:
        return [_view(row) for row in connection.execute(query)]


def live_jobs(database: Database) -> list[JobView]:
    """List the jobs that are waiting or worked at, oldest first."""
    query = _views().where(jobs.c.state.in_(LIVE_STATES)).order_by(jobs.c.job)
    with database.reading() as connection:
        return [_view(row) for row in connection.execute(query)]


def find_job(database: Database, location: str) -> JobView | None:
    """Return the newest job on the medium at that location, if there is one."""
    query = _views().where(media.c.location == location).order_by(jobs.c.job.desc()).limit(1)
    with database.reading() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _view(row)


def locations_of(database: Database, sha256: str) -> set[str]:
    """Where the media of those bytes lie, or lay, that jobs were made for."""
    with database.reading() as connection:
        return set(
            connection.execute(select(media.c.location).where(media.c.sha256 == sha256)).scalars()
        )


def _views() -> Select[Any]:
    progress = (
        select(func.coalesce(func.sum(segments.c.frames_done), 0))
        .where(segments.c.job == jobs.c.job, segments.c.kind == SegmentKind.ANALYSE)
        .scalar_subquery()
        .label("frames_done")
    )
    open_kinds = (
        select(func.min(segments.c.position))
        .where(segments.c.job == jobs.c.job, segments.c.state != SegmentState.DONE)
        .correlate(jobs)
        .scalar_subquery()
    )
    stage = (
        select(segments.c.kind)
        .where(segments.c.job == jobs.c.job, segments.c.position == open_kinds)
        .scalar_subquery()
        .label("open_kind")
    )
    unpictured = (
        exists_in(segments)
        .where(
            segments.c.job == jobs.c.job,
            segments.c.kind == SegmentKind.ILLUSTRATE,
            segments.c.state.in_((SegmentState.READY, SegmentState.RUNNING)),
        )
        .correlate(jobs)
        .label("unpictured")
    )
    return (
        select(jobs, *(c for c in media.c if c.name != "job"), progress, stage, unpictured)
        .join(media, media.c.job == jobs.c.job)
        .where(jobs.c.state != JobState.DELETING)
    )


def _view(row: Row[Any]) -> JobView:
    state = JobState(row.state)
    return JobView(
        job=row.job,
        id=row.id,
        state=state,
        error_code=row.error_code,
        error_message=row.error_message,
        options=JobOptions.parse(row.options),
        filename=row.filename,
        location=row.location,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        model_hash=row.model_hash,
        engine_version=row.engine_version,
        uncertain_below=row.uncertain_below,
        stage=row.open_kind or str(state) if state is JobState.RUNNING else str(state),
        frames_total=row.frames_total,
        frames_done=int(row.frames_done),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        media_info=row.info,
        summary=row.summary,
        awaits_pictures=state is JobState.DONE and bool(row.unpictured),
    )


def begin_delete(database: Database, job_id: str) -> int:
    """Hide a job and end its work: from here on no worker can claim or commit for it. Returns its
    key.
    """
    with database.writing() as connection:
        job = connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.state != JobState.DELETING)
            .values(state=JobState.DELETING)
            .returning(jobs.c.job)
        ).scalar_one_or_none()
        if job is None:
            raise NotFound(f"there is no job {job_id!r}; it may have been deleted")
        connection.execute(delete(segments).where(segments.c.job == job))
    return int(job)


def finish_delete(database: Database, job: int) -> None:
    """Remove a job's rows in chunks, the job itself last; safe to repeat after an interruption.

    SQLite's log still shows them while others read: then the job itself stays, emptied, for the sweeper to come back to.
    """
    delete_timeline(database, job)
    with database.writing() as connection:
        for table in (tracks, segments, media):
            connection.execute(delete(table).where(table.c.job == job))
        nothing = {column: null() for column in jobs.c if column.nullable}
        emptied = update(jobs).where(jobs.c.job == job).values(nothing).values(options={})
        connection.execute(emptied)
    if not database.empty_log():
        return
    with database.writing() as connection:
        connection.execute(delete(jobs).where(jobs.c.job == job))
    database.empty_log()  # if others read just now, it shows the job's random id and no more


def deleting_jobs(database: Database) -> Sequence[tuple[int, str]]:
    """List (key, id) of the jobs whose deletion began, for the sweeper to finish."""
    query = select(jobs.c.job, jobs.c.id).where(jobs.c.state == JobState.DELETING)
    with database.reading() as connection:
        return [(row.job, row.id) for row in connection.execute(query)]


def delete_timeline(database: Database, job: int) -> None:
    """Remove all frames, faces and sums of a job, at most about DELETE_CHUNK rows per transaction."""
    for place, tables in ((frames.c.frame, (observations, frames)), (rollups.c.second, (rollups,))):
        while _delete_first(database, job, place, tables):
            pass


def _delete_first(
    database: Database, job: int, place: Column[int], tables: Sequence[Table]
) -> bool:
    """Remove the rows at the first places. Returns whether there were any."""
    owner = place.table
    chunk = select(place).where(owner.c.job == job).order_by(place).limit(DELETE_CHUNK).subquery()
    with database.writing() as connection:
        last = connection.execute(select(func.max(chunk.c[place.name]))).scalar_one()
        if last is None:
            return False
        for table in tables:
            connection.execute(delete(table).where(table.c.job == job, table.c[place.name] <= last))
    return True
