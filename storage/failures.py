"""What becomes of work that failed or fell silent: try again, plan again, or end the job."""

from sqlalchemy import ColumnElement, Connection, delete, select, update

from storage.claims import Capabilities, Claim, held, lock_job
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
from storage.records import JobState, SegmentKind, SegmentState
from storage.tables import frames, jobs, observations, segments

MAX_FAILURES = 3
"""Times an analyser may die or raise on a segment while its supervisor lives: then it is the file."""
ORPHANED_AFTER_S = 60.0
"""A fleet in the middle of an update has workers of both versions: none takes from the other."""
MAX_LOSSES = 10
"""Times a lease on a segment may expire: whole workers rarely vanish because of a file."""


def report_failure(database: Database, claim: Claim, error: AffectlineError) -> None:
    """Record why a claimed piece of work failed: try again, after a pause or at once, plan again or end the job, by
    the error's kind.
    """
    if isinstance(error, LeaseLost):
        return
    if isinstance(error, PlanMismatch) and claim.kind is SegmentKind.ANALYSE:
        _plan_again(database, claim, error)
        return
    with database.writing() as connection:
        lock_job(connection, claim.job)
        failures = connection.execute(
            update(segments)
            .where(held(claim))
            .values(
                state=SegmentState.READY,
                lease_until=_again_from(error),
                failures=segments.c.failures + 1,
            )
            .returning(segments.c.failures)
        ).scalar_one_or_none()
        if failures is None:
            return  # somebody else holds it now
        if not isinstance(error, TransientError) or failures >= MAX_FAILURES:
            _fail_job(connection, claim.job, error)


def _again_from(error: AffectlineError) -> ColumnElement[float] | None:
    """When the work may be claimed again; None: at once."""
    pause_s = error.pause_s if isinstance(error, TransientError) else 0.0
    return now_s() + pause_s if pause_s else None


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
        lock_job(connection, claim.job)
        if not connection.execute(select(segments.c.segment).where(held(claim))).first():
            return
        if claim.media is not None and claim.media.full_decode:
            damage = CorruptMedia(f"two decodings of the file differ: {error.message}")
            _fail_job(connection, claim.job, damage)
            return
        _back_to_plan(connection, claim.job, full_decode=True)


def _back_to_plan(connection: Connection, job: int, **plan: bool) -> None:
    """Undo everything but the plan segment, which becomes ready again, with these values changed."""
    for table in (observations, frames):
        connection.execute(delete(table).where(table.c.job == job))
    connection.execute(delete(segments).where(segments.c.job == job, segments.c.position > 0))
    connection.execute(
        update(segments)
        .where(segments.c.job == job)
        # Its number is another one at once: nobody may take what is gone for all there is (timelines.plan_number).
        .values(state=SegmentState.READY, fence=segments.c.fence + 1, **plan)
    )
    connection.execute(
        update(jobs)
        .where(jobs.c.job == job)
        .values(frames_total=None, segments_total=None, segments_done=0)
    )


def adopt_orphan(database: Database, able: Capabilities) -> bool:
    """Plan a job anew whose workers are gone: it was planned with another model or engine version.

    Only one that nobody has worked at for ORPHANED_AFTER_S. Returns whether there was one.
    """
    busy = select(segments.c.segment).where(
        segments.c.job == jobs.c.job, segments.c.state == SegmentState.RUNNING
    )
    orphan = (
        select(jobs.c.job)
        .where(
            jobs.c.state == JobState.RUNNING,
            able.can_detect(),
            ~able.as_planned(),
            jobs.c.segments_total.is_not(None),
            jobs.c.claimed_at < now_s() - ORPHANED_AFTER_S,
            ~busy.exists(),
        )
        .limit(1)
    )
    with database.reading() as connection:  # idle workers ask often: no write unless there is one
        if connection.execute(orphan).first() is None:
            return False
    with database.writing() as connection:
        job = connection.execute(orphan.with_for_update(skip_locked=True)).scalar_one_or_none()
        if job is not None:
            _back_to_plan(connection, job)
    return job is not None


def free_expired_leases(database: Database) -> int:
    """Make work whose worker fell silent claimable again; end the jobs that lost too many workers.

    Returns how many leases had expired.
    """
    with database.writing() as connection:
        expired = connection.execute(
            update(segments)
            .where(segments.c.state == SegmentState.RUNNING, segments.c.lease_until < now_s())
            .values(state=SegmentState.READY, lease_until=None, losses=segments.c.losses + 1)
            .returning(segments.c.job, segments.c.losses)
        ).all()
    for job in {row.job for row in expired if row.losses >= MAX_LOSSES}:
        with database.writing() as connection:  # one of its own: jobs are locked before segments
            lock_job(connection, job)
            _fail_job(connection, job, WorkersLost())
    return len(expired)


def free_all_leases(database: Database) -> None:
    """Free every lease at once, and end every pause: for the owner of a private database whose last process is gone."""
    with database.writing() as connection:
        connection.execute(
            update(segments).where(segments.c.state == SegmentState.READY).values(lease_until=None)
        )
        connection.execute(
            update(segments).where(segments.c.state == SegmentState.RUNNING).values(lease_until=0.0)
        )
    free_expired_leases(database)
