"""What a worker has found out, written once: the commits that only the holder of a fence can make.

Each is one transaction that first marks the claimed segment as done, or sees that it is still held, or fails with
LeaseLost. Only the rows of a large segment take several: nobody reads them before it is done.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from storage.blobs import is_upload
from storage.claims import Capabilities, Claim, held, lock_job
from storage.database import Database, now_s
from storage.errors import LeaseLost
from storage.labels import UNCERTAIN_BELOW
from storage.plots import RollupRow, insert_rollups
from storage.records import (
    JobState,
    MediaPlan,
    SegmentKind,
    SegmentObservations,
    SegmentState,
)
from storage.tables import frames, jobs, media, observations, rollups, segments, tracks
from storage.timelines import FaceIdentity, insert_observations, write_identities
from storage.tracks import TrackRow, insert_tracks

MOST_ROWS = 50_000
"""Of a transaction: about a second's work. While SQLite writes, everybody else waits, at most 30 seconds."""


def commit_plan(
    database: Database,
    claim: Claim,
    plan: MediaPlan,
    *,
    able: Capabilities,
    uncertain_below: int = UNCERTAIN_BELOW,
) -> None:
    """Write a plan: the medium's facts, a segment for each slice and the waiting finalise.

    uncertain_below: the confidence, in ten-thousandths, below which the model's answers are uncertain.
    """
    with database.writing() as connection:
        lock_job(connection, claim.job)
        _finish(connection, claim)
        connection.execute(
            update(media).where(media.c.job == claim.job).values(info=plan.media.as_json())
        )
        connection.execute(
            update(jobs)
            .where(jobs.c.job == claim.job)
            .values(
                model_hash=able.model_hash,
                engine_version=able.version_for(claim.options.detector),
                frames_total=sum(len(piece.look) for piece in plan.segments),
                uncertain_below=uncertain_below,
                segments_total=len(plan.segments),
                segments_done=0,
            )
        )
        connection.execute(insert(segments), _segment_rows(claim.job, plan))


def _segment_rows(job: int, plan: MediaPlan) -> list[dict[str, Any]]:
    rows = [
        {
            "job": job,
            "position": position,
            "kind": SegmentKind.ANALYSE,
            "state": SegmentState.READY,
            "first_frame": piece.first_frame,
            "frames_total": len(piece.look),
            "payload": piece.to_bytes(),
        }
        for position, piece in enumerate(plan.segments, start=1)
    ]
    last = {
        "job": job,
        "position": len(rows) + 1,
        "kind": SegmentKind.FINALISE,
        "state": SegmentState.WAITING,
        "first_frame": None,
        "frames_total": 0,
        "payload": None,
    }
    return [*rows, last]


def commit_segment(
    database: Database,
    claim: Claim,
    seen: SegmentObservations,
    *,
    renew: Callable[[], None] = lambda: None,
) -> None:
    """Write a segment's rows, in the place of any that stand there, and count it; the last one
    readies finalise.

    renew: extends the lease, after each transaction but the last.  Raises LeaseLost, or what renew raises.
    """
    at_once = len(seen.frames) + len(seen.faces) <= MOST_ROWS
    if not at_once:
        _write_ahead(database, claim, seen, renew)
    with database.writing() as connection:
        lock_job(connection, claim.job)
        _finish(connection, claim, frames_done=len(seen.frames))
        if at_once:
            _remove_rows(connection, claim)
            insert_observations(connection, claim.job, seen)
        connection.execute(
            update(jobs)
            .where(jobs.c.job == claim.job)
            .values(segments_done=jobs.c.segments_done + 1)
        )
        ready_finalise(connection, claim.job)


def _write_ahead(
    database: Database, claim: Claim, seen: SegmentObservations, renew: Callable[[], None]
) -> None:
    """Write the rows of a large segment piece by piece; what a worker that is killed leaves, the next one removes."""
    with _holding(database, claim) as connection:
        _remove_rows(connection, claim)
    for start in range(0, max(len(seen.frames), len(seen.faces)), MOST_ROWS):
        piece = slice(start, start + MOST_ROWS)
        renew()
        with _holding(database, claim) as connection:
            rows = SegmentObservations(seen.frames[piece], seen.faces[piece])
            insert_observations(connection, claim.job, rows)
    renew()


def _remove_rows(connection: Connection, claim: Claim) -> None:
    """Remove the rows that stand in the place of the claimed segment's."""
    assert claim.slice is not None
    first = claim.slice.first_frame
    last = first + len(claim.slice.pts) - 1
    for table in (observations, frames):
        connection.execute(
            delete(table).where(table.c.job == claim.job, table.c.frame.between(first, last))
        )


def ready_finalise(connection: Connection, job: int) -> None:
    """Let finalise be claimed if every segment of the job is in."""
    complete = select(jobs.c.job).where(
        jobs.c.job == job, jobs.c.segments_done == jobs.c.segments_total
    )
    connection.execute(
        update(segments)
        .where(
            segments.c.job == job,
            segments.c.kind == SegmentKind.FINALISE,
            segments.c.state == SegmentState.WAITING,
            complete.exists(),
        )
        .values(state=SegmentState.READY)
    )


@dataclass(frozen=True)
class Identities:
    """What a stretch of finalise has found out: each face, ended track and ended second once."""

    faces: Sequence[FaceIdentity]
    tracks: Sequence[TrackRow]
    rollups: Sequence[RollupRow]


def begin_finalise(database: Database, claim: Claim) -> None:
    """Remove what a finalise that was cut off may have left."""
    with _holding(database, claim) as connection:
        for table in (tracks, rollups):
            connection.execute(delete(table).where(table.c.job == claim.job))


def commit_identities(database: Database, claim: Claim, found: Identities) -> None:
    """Write what a stretch of the claimed finalise has found out."""
    with _holding(database, claim) as connection:
        write_identities(connection, claim.job, found.faces)
        insert_tracks(connection, claim.job, found.tracks)
        insert_rollups(connection, claim.job, found.rollups)


@contextmanager
def _holding(database: Database, claim: Claim) -> Iterator[Connection]:
    """A transaction in which the claim holds; its segment goes on. Raises LeaseLost."""
    with database.writing() as connection:
        lock_job(connection, claim.job)
        if connection.execute(select(segments.c.segment).where(held(claim))).first() is None:
            raise LeaseLost()
        yield connection


def commit_job(database: Database, claim: Claim, *, summary: dict[str, Any]) -> None:
    """End a job whose finalise segment is claimed: from here on its files can be exported.

    An uploaded medium is illustrated afterwards; one that stays with its owner (`annotate`) has no page to show it.
    """
    with database.writing() as connection:
        lock_job(connection, claim.job)
        _finish(connection, claim)
        if is_upload(claim.location):
            connection.execute(insert(segments), _illustration(connection, claim.job))
        connection.execute(
            update(jobs)
            .where(jobs.c.job == claim.job)
            .values(state=JobState.DONE, finished_at=now_s(), summary=summary)
        )


def _illustration(connection: Connection, job: int) -> dict[str, Any]:
    last = select(func.max(segments.c.position)).where(segments.c.job == job)
    return {
        "job": job,
        "position": connection.execute(last).scalar_one() + 1,
        "kind": SegmentKind.ILLUSTRATE,
        "state": SegmentState.READY,
    }


def commit_illustrations(database: Database, claim: Claim) -> None:
    """Mark a claimed illustrate segment as done; its files lie in their places already."""
    with database.writing() as connection:
        lock_job(connection, claim.job)
        _finish(connection, claim)


def _finish(connection: Connection, claim: Claim, **values: Any) -> None:
    """Mark the claimed segment as done, or raise LeaseLost, which rolls the transaction back."""
    finished = connection.execute(
        update(segments)
        .where(held(claim))
        .values(state=SegmentState.DONE, lease_until=None, **values)
    )
    if finished.rowcount == 0:
        raise LeaseLost()
