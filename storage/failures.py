"""What becomes of work that failed or fell silent: try again, plan again, or end the job."""

from sqlalchemy import Connection, delete, select, update

from storage.claims import Claim, held, lock_job
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
MAX_LOSSES = 10
"""Times a lease on a segment may expire: whole workers rarely vanish because of a file."""


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
        lock_job(connection, claim.job)
        failures = connection.execute(
            update(segments)
            .where(held(claim))
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
        lock_job(connection, claim.job)
        if not connection.execute(select(segments.c.segment).where(held(claim))).first():
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
    """Free every lease at once: for the owner of a private database whose last process is gone."""
    with database.writing() as connection:
        connection.execute(
            update(segments).where(segments.c.state == SegmentState.RUNNING).values(lease_until=0.0)
        )
    free_expired_leases(database)
