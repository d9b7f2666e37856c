"""What a worker has found out, written once: the commits that only the holder of a fence can make.

Each is one transaction that first marks the claimed segment as done, or fails with LeaseLost.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from storage.claims import Capabilities, Claim, held, lock_job
from storage.database import Database, now_s
from storage.errors import LeaseLost
from storage.records import (
    JobState,
    MediaPlan,
    SegmentKind,
    SegmentObservations,
    SegmentState,
)
from storage.tables import frames, jobs, media, observations, segments
from storage.timelines import TrackRow, insert_observations, replace_tracks


def commit_plan(database: Database, claim: Claim, plan: MediaPlan, *, able: Capabilities) -> None:
    """Write a plan: the medium's facts, a segment for each slice and the waiting finalise."""
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
                engine_version=able.engine_version,
                frames_total=sum(len(piece.look) for piece in plan.segments),
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


def commit_segment(database: Database, claim: Claim, seen: SegmentObservations) -> None:
    """Write a segment's rows, in the place of any that stand there, and count it; the last one
    readies finalise.
    """
    assert claim.slice is not None
    first = claim.slice.first_frame
    last = first + len(claim.slice.pts) - 1
    with database.writing() as connection:
        lock_job(connection, claim.job)
        _finish(connection, claim, frames_done=len(seen.frames))
        for table in (observations, frames):
            connection.execute(
                delete(table).where(table.c.job == claim.job, table.c.frame.between(first, last))
            )
        insert_observations(connection, claim.job, seen)
        connection.execute(
            update(jobs)
            .where(jobs.c.job == claim.job)
            .values(segments_done=jobs.c.segments_done + 1)
        )
        _ready_finalise(connection, claim.job)


def _ready_finalise(connection: Connection, job: int) -> None:
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


def commit_job(
    database: Database, claim: Claim, *, summary: dict[str, Any], tracks: Sequence[TrackRow] = ()
) -> None:
    """End a job whose finalise segment is claimed: from here on its files can be exported."""
    with database.writing() as connection:
        lock_job(connection, claim.job)
        _finish(connection, claim)
        replace_tracks(connection, claim.job, tracks)
        connection.execute(
            update(jobs)
            .where(jobs.c.job == claim.job)
            .values(state=JobState.DONE, finished_at=now_s(), summary=summary)
        )


def _finish(connection: Connection, claim: Claim, **values: Any) -> None:
    """Mark the claimed segment as done, or raise LeaseLost, which rolls the transaction back."""
    finished = connection.execute(
        update(segments)
        .where(held(claim))
        .values(state=SegmentState.DONE, lease_until=None, **values)
    )
    if finished.rowcount == 0:
        raise LeaseLost()
