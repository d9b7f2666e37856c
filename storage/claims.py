"""Who works on what: claims with leases and fences, and the commits that only the holder of a fence
can make.

SQL is the only truth here. A claim raises the segment's fence and takes a lease before the work; a
commit checks fence and job in the same transaction as its rows. So work may be done twice, but its
effect is there once.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, insert, or_, select, update

from storage.database import Database, now_s
from storage.errors import (
    AffectlineError,
    CorruptMedia,
    LeaseLost,
    PlanMismatch,
    TransientError,
    WorkersLost,
)
from storage.jobs import LIVE_STATES
from storage.records import (
    JobOptions,
    JobState,
    MediaInfo,
    MediaPlan,
    SegmentKind,
    SegmentObservations,
    SegmentSlice,
    SegmentState,
)
from storage.tables import frames, jobs, media, observations, segments
from storage.timelines import TrackRow, insert_observations, replace_tracks

MAX_FAILURES = 3
"""Times an analyser may die or raise on a segment while its supervisor lives; then the file is at
fault.
"""
MAX_LOSSES = 10
"""Times a lease on a segment may expire; whole workers vanish for reasons that are rarely the
file's.
"""


@dataclass(frozen=True)
class Capabilities:
    """What this worker computes with: segments planned with anything else are not for it."""

    model_hash: str
    engine_version: str


@dataclass(frozen=True)
class Claim:
    """A piece of work under this worker's lease."""

    segment: int
    job: int
    fence: int
    kind: SegmentKind
    location: str
    options: JobOptions
    full_decode: bool  #: of a plan: do not trust the packets, decode everything
    media: MediaInfo | None  #: None for a plan
    slice: SegmentSlice | None  #: of an analyse segment


def claim_next(database: Database, able: Capabilities, *, lease_s: float) -> Claim | None:
    """Take the lease on the oldest ready segment; None if there is none for this worker."""
    candidate = (
        select(segments.c.segment)
        .join(jobs, jobs.c.job == segments.c.job)
        .where(
            segments.c.state == SegmentState.READY,
            jobs.c.state.in_(LIVE_STATES),
            or_(
                segments.c.kind == SegmentKind.PLAN,
                and_(
                    jobs.c.model_hash == able.model_hash,
                    jobs.c.engine_version == able.engine_version,
                ),
            ),
        )
        .order_by(segments.c.job, segments.c.position)
        .limit(1)
        .with_for_update(skip_locked=True, of=segments)
    )
    with database.writing() as connection:
        row = connection.execute(
            update(segments)
            .where(segments.c.segment == candidate.scalar_subquery())
            .values(
                state=SegmentState.RUNNING,
                fence=segments.c.fence + 1,
                lease_until=now_s() + lease_s,
            )
            .returning(*segments.c)
        ).one_or_none()
        if row is None:
            return None
        # Jobs are locked before segments elsewhere: to wait here for one that is being deleted would
        # be a deadlock.
        queued = (
            select(jobs.c.job)
            .where(jobs.c.job == row.job, jobs.c.state == JobState.QUEUED)
            .with_for_update(skip_locked=True)
        )
        connection.execute(
            update(jobs)
            .where(jobs.c.job == queued.scalar_subquery())
            .values(state=JobState.RUNNING, started_at=now_s())
        )
        return _claim(connection, row)


def _claim(connection: Connection, row: Any) -> Claim:
    known = connection.execute(
        select(jobs.c.options, media.c.location, media.c.info)
        .join(media, media.c.job == jobs.c.job)
        .where(jobs.c.job == row.job)
    ).one()
    return Claim(
        segment=row.segment,
        job=row.job,
        fence=row.fence,
        kind=SegmentKind(row.kind),
        location=known.location,
        options=JobOptions.parse(known.options),
        full_decode=row.full_decode,
        media=MediaInfo(**known.info) if known.info and row.kind != SegmentKind.PLAN else None,
        slice=_unpack(row.payload) if row.payload else None,
    )


def _pack(piece: SegmentSlice) -> bytes:
    return zlib.compress(json.dumps(piece.as_json(), separators=(",", ":")).encode())


def _unpack(payload: bytes) -> SegmentSlice:
    return SegmentSlice.from_json(json.loads(zlib.decompress(payload)))


def _held(claim: Claim) -> Any:
    live = select(jobs.c.job).where(jobs.c.job == claim.job, jobs.c.state.in_(LIVE_STATES))
    return and_(
        segments.c.segment == claim.segment,
        segments.c.fence == claim.fence,
        segments.c.state == SegmentState.RUNNING,
        live.exists(),
    )


def renew(database: Database, claim: Claim, *, frames_done: int, lease_s: float) -> None:
    """Extend the lease and write the progress. Raises LeaseLost if the claim no longer holds."""
    with database.writing() as connection:
        renewed = connection.execute(
            update(segments)
            .where(_held(claim))
            .values(
                lease_until=now_s() + lease_s,
                frames_done=case(
                    (segments.c.frames_done > frames_done, segments.c.frames_done),
                    else_=frames_done,
                ),
            )
        )
        if renewed.rowcount == 0:
            raise LeaseLost()


def _finish(connection: Connection, claim: Claim, **values: Any) -> None:
    """Mark the claimed segment as done, or raise LeaseLost, which rolls the transaction back."""
    finished = connection.execute(
        update(segments)
        .where(_held(claim))
        .values(state=SegmentState.DONE, lease_until=None, **values)
    )
    if finished.rowcount == 0:
        raise LeaseLost()


def commit_plan(database: Database, claim: Claim, plan: MediaPlan, *, able: Capabilities) -> None:
    """Write a plan: the medium's facts, a segment for each slice and the waiting finalise."""
    with database.writing() as connection:
        _lock_job(connection, claim.job)
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
            "payload": _pack(piece),
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
        _lock_job(connection, claim.job)
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


def _lock_job(connection: Connection, job: int) -> None:
    """Let the commits of one job happen one after the other, so that exactly one is the last."""
    connection.execute(select(jobs.c.job).where(jobs.c.job == job).with_for_update())


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
        _lock_job(connection, claim.job)
        _finish(connection, claim)
        replace_tracks(connection, claim.job, tracks)
        connection.execute(
            update(jobs)
            .where(jobs.c.job == claim.job)
            .values(state=JobState.DONE, finished_at=now_s(), summary=summary)
        )


def hand_back(database: Database, claim: Claim) -> None:
    """Give up a claim without fault, as a worker that shuts down does: it counts as nothing."""
    with database.writing() as connection:
        connection.execute(
            update(segments).where(_held(claim)).values(state=SegmentState.READY, lease_until=None)
        )


def report_failure(database: Database, claim: Claim, error: AffectlineError) -> None:
    """Record why a claimed piece of work failed: try again, plan again or end the job, by the
    error's kind.
    """
    if isinstance(error, LeaseLost):
        return
    if isinstance(error, PlanMismatch) and claim.kind is SegmentKind.ANALYSE:
        _plan_again(database, claim, error)
        return
    with database.writing() as connection:
        _lock_job(connection, claim.job)
        failures = connection.execute(
            update(segments)
            .where(_held(claim))
            .values(state=SegmentState.READY, lease_until=None, failures=segments.c.failures + 1)
            .returning(segments.c.failures)
        ).scalar_one_or_none()
        if failures is None:
            return  # somebody else holds it now
        if not isinstance(error, TransientError) or failures >= MAX_FAILURES:
            _fail_job(connection, claim.job, error)


def _fail_job(connection: Connection, job: int, error: AffectlineError) -> None:
    connection.execute(
        update(jobs)
        .where(jobs.c.job == job, jobs.c.state.in_(LIVE_STATES))
        .values(
            state=JobState.FAILED,
            error_code=error.code,
            error_message=error.message,
            finished_at=now_s(),
        )
    )
    connection.execute(
        update(segments)
        .where(segments.c.job == job, segments.c.state != SegmentState.DONE)
        .values(state=SegmentState.FAILED, lease_until=None)
    )


def _plan_again(database: Database, claim: Claim, error: PlanMismatch) -> None:
    """Throw the plan away and let the next one decode everything as one segment; a second mismatch
    ends the job.
    """
    with database.writing() as connection:
        _lock_job(connection, claim.job)
        if not connection.execute(select(segments.c.segment).where(_held(claim))).first():
            return
        if claim.media is not None and claim.media.full_decode:
            damage = CorruptMedia(f"two decodings of the file differ: {error.message}")
            _fail_job(connection, claim.job, damage)
            return
        for table in (observations, frames):
            connection.execute(delete(table).where(table.c.job == claim.job))
        connection.execute(
            delete(segments).where(segments.c.job == claim.job, segments.c.position > 0)
        )
        connection.execute(
            update(segments)
            .where(segments.c.job == claim.job)
            .values(state=SegmentState.READY, full_decode=True)
        )
        connection.execute(
            update(jobs)
            .where(jobs.c.job == claim.job)
            .values(
                replans=jobs.c.replans + 1, frames_total=None, segments_total=None, segments_done=0
            )
        )


def free_expired_leases(database: Database) -> int:
    """Make work whose worker fell silent claimable again; end the jobs that lost too many. Returns
    how many.
    """
    with database.writing() as connection:
        expired = connection.execute(
            update(segments)
            .where(segments.c.state == SegmentState.RUNNING, segments.c.lease_until < now_s())
            .values(state=SegmentState.READY, lease_until=None, losses=segments.c.losses + 1)
            .returning(segments.c.job, segments.c.losses)
        ).all()
        for row in expired:
            if row.losses >= MAX_LOSSES:
                _fail_job(connection, row.job, WorkersLost())
    return len(expired)


def count_ready(database: Database) -> int:
    """Count the segments that wait for a worker."""
    query = (
        select(func.count())
        .select_from(segments)
        .join(jobs, jobs.c.job == segments.c.job)
        .where(segments.c.state == SegmentState.READY, jobs.c.state.in_(LIVE_STATES))
    )
    with database.reading() as connection:
        return int(connection.execute(query).scalar_one())


def has_open_work(database: Database) -> bool:
    """Tell whether any job is not at its end yet."""
    with database.reading() as connection:
        query = select(jobs.c.job).where(jobs.c.state.in_(LIVE_STATES)).limit(1)
        return connection.execute(query).first() is not None


def free_all_leases(database: Database) -> None:
    """Free every lease at once: for the owner of a private database whose last process is gone."""
    with database.writing() as connection:
        connection.execute(
            update(segments).where(segments.c.state == SegmentState.RUNNING).values(lease_until=0.0)
        )
    free_expired_leases(database)
