"""What an owner decides about a job holds against the workers that are at it."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from storage import claims, jobs, tables
from storage.database import Database
from storage.decisions import cancel_job, retry_job
from storage.errors import CorruptMedia, JobEnded, JobNotEnded, LeaseLost, OutputFailed
from storage.failures import adopt_orphan, free_expired_leases, report_failure
from storage.records import JobState, SegmentKind
from tests.storage.made_jobs import ABLE, commit, counters, finish_job, new_job, planned_job, take


def test_nobody_can_claim_or_commit_for_a_cancelled_job(database: Database) -> None:
    job_id = planned_job(database, 2, 2)
    working = take(database)

    cancel_job(database, job_id)

    assert claims.claim_next(database, ABLE, lease_s=60) is None
    with pytest.raises(LeaseLost):
        claims.renew(database, working, lease_s=60, frames_done=1)
    with pytest.raises(LeaseLost):
        commit(database, working)
    assert jobs.get_job(database, job_id).state is JobState.CANCELLED


def test_a_lease_that_ends_after_the_cancel_brings_nothing_back(database: Database) -> None:
    planned_job(database, 2)
    working = take(database, lease_s=-1)
    cancel_job(database, jobs.list_jobs(database)[0].id)

    free_expired_leases(database)

    assert claims.claim_next(database, ABLE, lease_s=60) is None
    assert working.kind is SegmentKind.ANALYSE


def test_only_what_was_not_done_is_done_again(database: Database) -> None:
    job_id = planned_job(database, 2, 2)
    first = take(database)
    commit(database, first)
    cancel_job(database, job_id)

    retry_job(database, job_id)

    second = take(database)
    assert second.slice is not None and second.slice.first_frame == 2
    commit(database, second)
    assert take(database).kind is SegmentKind.FINALISE
    assert claims.claim_next(database, ABLE, lease_s=60) is None


def test_a_job_cancelled_while_it_was_finalised_is_finalised_again(database: Database) -> None:
    job_id = planned_job(database, 2)
    only = take(database)
    commit(database, only)
    take(database)
    cancel_job(database, job_id)

    retry_job(database, job_id)

    assert take(database).kind is SegmentKind.FINALISE


def test_a_job_that_failed_begins_with_clean_counts(database: Database) -> None:
    job_id = planned_job(database, 2)
    report_failure(database, take(database), CorruptMedia())

    retry_job(database, job_id)

    job = jobs.get_job(database, job_id)
    assert (job.state, job.error_code, job.finished_at) == (JobState.RUNNING, None, None)
    assert take(database).kind is SegmentKind.ANALYSE


def test_a_job_that_was_never_planned_waits_for_its_plan_again(database: Database) -> None:
    job_id = new_job(database)
    cancel_job(database, job_id)

    retry_job(database, job_id)

    assert jobs.get_job(database, job_id).state is JobState.QUEUED
    assert take(database).kind is SegmentKind.PLAN


def test_a_job_tried_again_after_an_update_is_planned_anew(database: Database) -> None:
    """Its plan is another engine's, whose workers are gone."""
    job_id = planned_job(database, 2)
    cancel_job(database, job_id)
    with database.writing() as connection:
        connection.execute(update(tables.jobs).values(claimed_at=1.0))
    newer = replace(ABLE, engine_version="another")

    retry_job(database, job_id)

    assert claims.claim_next(database, newer, lease_s=60) is None
    assert adopt_orphan(database, newer)
    assert take(database, newer).kind is SegmentKind.PLAN


def test_pictures_that_could_not_be_made_are_tried_again(database: Database) -> None:
    job = finish_job(database, 2)
    job_id = jobs.list_jobs(database)[0].id
    with pytest.raises(JobNotEnded):
        retry_job(database, job_id)
    working = take(database)
    with pytest.raises(JobNotEnded):
        retry_job(database, job_id)
    report_failure(database, working, OutputFailed())

    retry_job(database, job_id)

    assert jobs.get_job(database, job_id).state is JobState.DONE
    again = take(database)
    assert (again.job, again.kind) == (job, SegmentKind.ILLUSTRATE)
    assert counters(database, again.segment) == (0, 0)


def test_only_live_jobs_are_cancelled_and_only_ended_ones_tried_again(database: Database) -> None:
    job_id = planned_job(database, 2)

    with pytest.raises(JobNotEnded, match="expected one that failed or was cancelled"):
        retry_job(database, job_id)
    cancel_job(database, job_id)
    with pytest.raises(JobEnded, match="the job is cancelled"):
        cancel_job(database, job_id)
