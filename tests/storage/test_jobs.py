"""Jobs as their owners see them."""

import pytest

from storage import commits, jobs, timelines
from storage.database import Database
from storage.records import JobState
from tests.storage.made_jobs import (
    ABLE,
    commit,
    finish_job,
    new_job,
    plan_of,
    planned_job,
    take,
)


def test_a_new_job_waits_in_the_queue(database: Database) -> None:
    job_id = new_job(database, filename="Ünïcode 人 '; DROP TABLE jobs.mp4")

    view = jobs.get_job(database, job_id)

    assert (view.state, view.stage, view.percent) == (JobState.QUEUED, "queued", 0)
    assert (view.frames_total, view.frames_done, view.started_at) == (None, 0, None)
    assert view.filename == "Ünïcode 人 '; DROP TABLE jobs.mp4"


def test_the_stage_follows_the_work(database: Database) -> None:
    job_id = new_job(database)

    stages = []
    claim = take(database)
    stages.append(jobs.get_job(database, job_id).stage)
    commits.commit_plan(database, claim, plan_of(2), able=ABLE)
    stages.append(jobs.get_job(database, job_id).stage)
    commit(database, take(database))
    stages.append(jobs.get_job(database, job_id).stage)
    commits.commit_job(database, take(database), summary={})
    stages.append(jobs.get_job(database, job_id).stage)

    assert stages == ["plan", "analyse", "finalise", "done"]


def test_a_hundred_percent_is_for_finished_jobs_only(database: Database) -> None:
    job_id = planned_job(database, 3)

    before = jobs.get_job(database, job_id).percent
    commit(database, take(database))
    analysed = jobs.get_job(database, job_id).percent
    commits.commit_job(database, take(database), summary={})

    assert (before, analysed, jobs.get_job(database, job_id).percent) == (0, 99, 100)


def test_jobs_are_listed_newest_first_page_by_page(database: Database) -> None:
    made = [new_job(database) for _ in range(5)]

    pages = []
    before = None
    while page := jobs.list_jobs(database, before=before, limit=2):
        pages.append([view.id for view in page])
        before = page[-1].job

    assert pages == [[made[4], made[3]], [made[2], made[1]], [made[0]]]


def test_the_newest_job_on_a_medium_is_found(database: Database) -> None:
    medium = jobs.StoredMedium("a.mp4", "file:/a.mp4", 1, "0" * 64)
    for job_id in ("older", "newer"):
        jobs.create_job(database, job_id, medium=medium, options=jobs.JobOptions())

    found = jobs.find_job(database, "file:/a.mp4")

    assert found is not None and found.id == "newer"
    assert jobs.find_job(database, "file:/b.mp4") is None


def test_a_job_is_deleted_in_chunks_to_the_last_row(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "DELETE_CHUNK", 4)
    key = finish_job(database, 11, faces=2)
    view = jobs.list_jobs(database)[0]

    jobs.finish_delete(database, jobs.begin_delete(database, view.id))

    assert timelines.read_frames(database, key) == []
    assert jobs.deleting_jobs(database) == []


def test_a_deletion_that_was_cut_off_can_be_done_again(database: Database) -> None:
    finish_job(database, 3)
    key = jobs.begin_delete(database, jobs.list_jobs(database)[0].id)
    jobs.delete_timeline(database, key)

    jobs.finish_delete(database, key)
    jobs.finish_delete(database, key)

    assert jobs.deleting_jobs(database) == []
