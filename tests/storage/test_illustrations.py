"""Illustrating: work of a job that is done already, which never comes before a timeline and never undoes one."""

import pytest

from storage import claims, commits, failures, jobs
from storage.claims import Claim
from storage.database import Database
from storage.errors import AnalyserDied, CorruptMedia, LeaseLost
from storage.jobs import StoredMedium
from storage.records import JobOptions, JobState, SegmentKind
from tests.storage.made_jobs import (
    ABLE,
    commit,
    expire_leases,
    finish_job,
    new_job,
    plan_of,
    take,
)


def state_of(database: Database, job: int) -> JobState:
    (found,) = (view for view in jobs.list_jobs(database) if view.job == job)
    return found.state


def take_illustration(database: Database) -> Claim:
    finish_job(database, 2)
    claim = take(database)
    assert claim.kind is SegmentKind.ILLUSTRATE
    return claim


def test_a_job_is_done_before_it_is_illustrated(database: Database) -> None:
    claim = take_illustration(database)

    assert state_of(database, claim.job) is JobState.DONE
    assert claim.media is not None and claim.slice is None
    commits.commit_illustrations(database, claim)
    assert claims.count_ready(database) == 0
    assert claims.claim_next(database, ABLE, lease_s=60) is None


def test_timelines_come_first(database: Database) -> None:
    finish_job(database, 2)
    new_job(database)

    assert [take(database).kind for _ in range(2)] == [SegmentKind.PLAN, SegmentKind.ILLUSTRATE]


@pytest.mark.parametrize(
    ("error", "times"),
    [(CorruptMedia(), 1), (AnalyserDied(), failures.MAX_FAILURES)],
    ids=["the file's fault", "a fault again and again"],
)
def test_a_failure_leaves_the_job_done(database: Database, error: Exception, times: int) -> None:
    job = finish_job(database, 2)

    for _ in range(times):
        failures.report_failure(database, take(database), error)

    assert state_of(database, job) is JobState.DONE
    assert claims.claim_next(database, ABLE, lease_s=60) is None


def test_a_lost_worker_is_followed_by_another(database: Database) -> None:
    first = take_illustration(database)
    expire_leases(database)
    failures.free_expired_leases(database)

    second = take(database)

    assert (second.segment, second.fence) == (first.segment, first.fence + 1)
    with pytest.raises(LeaseLost):
        commits.commit_illustrations(database, first)
    commits.commit_illustrations(database, second)


def test_a_deletion_ends_it(database: Database) -> None:
    claim = take_illustration(database)
    (view,) = jobs.list_jobs(database)
    jobs.begin_delete(database, view.id)

    with pytest.raises(LeaseLost):
        claims.renew(database, claim, frames_done=0, lease_s=60)


def test_a_medium_that_stays_with_its_owner_is_not_illustrated(database: Database) -> None:
    medium = StoredMedium("talk.mp4", "file:/somewhere/talk.mp4", size_bytes=1, sha256="0" * 64)
    jobs.create_job(database, jobs.new_job_id(), medium=medium, options=JobOptions())
    commits.commit_plan(database, take(database), plan_of(2), able=ABLE)
    commit(database, take(database))

    commits.commit_job(database, take(database), summary={})

    assert claims.count_ready(database) == 0


def test_the_slices_of_a_plan_can_be_read_when_it_is_done(database: Database) -> None:
    job = finish_job(database, 2, 3)

    assert [len(piece.pts) for piece in claims.read_slices(database, job)] == [2, 3]
