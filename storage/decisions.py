"""What a job's owner decides while it lives: to stop it, and to have it tried again. What is done already stays."""

from sqlalchemy import Connection, case, select, update

from storage.commits import ready_finalise
from storage.database import Database, now_s
from storage.errors import JobEnded, JobNotEnded, NotFound
from storage.jobs import LIVE_STATES
from storage.records import JobState, SegmentKind, SegmentState
from storage.tables import jobs, segments

ENDED_EARLY = (JobState.FAILED, JobState.CANCELLED)


def cancel_job(database: Database, job_id: str) -> None:
    """Stop a job: no piece of it can be claimed or committed from here on; who works at one learns it at its next tick.

    Finished pieces stay readable. Raises NotFound, and JobEnded if there is nothing left to stop.
    """
    with database.writing() as connection:
        job, state = _locked(connection, job_id)
        if state not in LIVE_STATES:
            raise JobEnded(f"the job is {state}: there is nothing left to cancel")
        connection.execute(
            update(jobs)
            .where(jobs.c.job == job)
            .values(state=JobState.CANCELLED, finished_at=now_s())
        )
        connection.execute(
            update(segments)
            .where(segments.c.job == job, segments.c.state != SegmentState.DONE)
            .values(state=SegmentState.FAILED, lease_until=None)
        )


def retry_job(database: Database, job_id: str) -> None:
    """Take up a job that failed or was cancelled: what is done is kept, the rest begins anew with clean counts.

    Of one that is done, its pictures, if they could not be made. Raises NotFound, and JobNotEnded where there is nothing
    to try again.
    """
    with database.writing() as connection:
        job, state = _locked(connection, job_id)
        if state is JobState.DONE and _ready_failed(connection, job):
            return
        if state not in ENDED_EARLY:
            raise JobNotEnded(
                f"the job is {state}; expected one that failed or was cancelled, or whose pictures could not be made"
            )
        # A planned one runs: if the model or engine of its plan is gone, that is what gets it planned anew.
        planned = jobs.c.segments_total.is_not(None)
        begun = case((planned, JobState.RUNNING), else_=JobState.QUEUED)
        connection.execute(
            update(jobs)
            .where(jobs.c.job == job)
            .values(state=begun, error_code=None, error_message=None, finished_at=None)
        )
        _ready_failed(connection, job)
        ready_finalise(connection, job)


def _ready_failed(connection: Connection, job: int) -> bool:
    """Let the failed pieces of a job be claimed again, finalise when all others are done. Returns whether there were any."""
    waiting = segments.c.kind == SegmentKind.FINALISE
    readied = connection.execute(
        update(segments)
        .where(segments.c.job == job, segments.c.state == SegmentState.FAILED)
        .values(
            state=case((waiting, SegmentState.WAITING), else_=SegmentState.READY),
            failures=0,
            losses=0,
        )
    )
    return readied.rowcount > 0


def _locked(connection: Connection, job_id: str) -> tuple[int, JobState]:
    """Return the key and state of a job, which changes under nobody's hands from here on."""
    query = (
        select(jobs.c.job, jobs.c.state)
        .where(jobs.c.id == job_id, jobs.c.state != JobState.DELETING)
        .with_for_update()
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id!r}; it may have been deleted")
    return int(row.job), JobState(row.state)
