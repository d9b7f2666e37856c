"""Jobs as their owners see them."""

import time
from pathlib import Path

import pytest
from sqlalchemy import select, update

from storage import commits, jobs, timelines
from storage.database import Database
from storage.labels import UNCERTAIN_BELOW
from storage.records import JobState
from storage.tables import media
from storage.tracks import TrackRow, insert_tracks, name_track
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


def test_a_job_without_a_plan_is_uncertain_where_the_product_is(database: Database) -> None:
    """Symptom: with a new model it told the former one's threshold until the plan was made."""
    assert jobs.get_job(database, new_job(database)).uncertain_below == UNCERTAIN_BELOW


def test_the_newest_job_on_a_medium_is_found(database: Database) -> None:
    medium = jobs.StoredMedium("a.mp4", "file:/a.mp4", 1, "0" * 64)
    for job_id in ("older", "newer"):
        jobs.create_job(database, job_id, medium=medium, options=jobs.JobOptions())

    found = jobs.find_job(database, "file:/a.mp4")

    assert found is not None and found.id == "newer"
    assert jobs.find_job(database, "file:/b.mp4") is None


def test_all_places_of_the_same_bytes_are_found(database: Database) -> None:
    for job_id, place, digest in (("one", "a", "0"), ("two", "b", "0"), ("three", "c", "1")):
        medium = jobs.StoredMedium("clip.mp4", f"file:/{place}/clip.mp4", 1, digest * 64)
        jobs.create_job(database, job_id, medium=medium, options=jobs.JobOptions())

    assert jobs.locations_of(database, "0" * 64) == {"file:/a/clip.mp4", "file:/b/clip.mp4"}
    assert jobs.locations_of(database, "2" * 64) == set()


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


@pytest.fixture
def secret(database: Database) -> str:
    """The id of a finished job with a telling name and a named face; another job is there too."""
    job = finish_job(database, 3)
    planned_job(database, 3)
    with database.writing() as connection:
        insert_tracks(connection, job, [TrackRow(0, 0, 2, 0, 80_000, 2, 0, 0, None)])
        connection.execute(update(media).where(media.c.job == job).values(filename="SECRETNAME"))
    name_track(database, job, 0, "SECRETPERSON")
    return jobs.list_jobs(database)[1].id


def secrets_of(job_id: str, folder: Path) -> list[str]:
    """What the files of the database still show of the job."""
    shown = b"".join(file.read_bytes() for file in folder.glob("affectline.sqlite*"))
    wanted = (job_id, "SECRETNAME", "SECRETPERSON")
    return [word for word in wanted if word.encode() in shown]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_files_of_sqlite_show_nothing_of_a_deleted_job(
    database: Database, secret: str, tmp_path: Path
) -> None:
    """Symptom: names of file and person stood in the write-ahead log until the system was stopped."""
    before = secrets_of(secret, tmp_path)

    jobs.finish_delete(database, jobs.begin_delete(database, secret))

    assert len(before) == 3
    assert secrets_of(secret, tmp_path) == []
    assert len(jobs.list_jobs(database)) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_job_is_deleted_to_its_end_when_those_who_read_have_ended(
    database: Database, secret: str, tmp_path: Path
) -> None:
    key = jobs.begin_delete(database, secret)
    with database.reading() as reader:
        reader.execute(select(media)).all()
        started_s = time.monotonic()
        jobs.finish_delete(database, key)
        waited_s = time.monotonic() - started_s
    shown = secrets_of(secret, tmp_path)
    emptied = jobs.deleting_jobs(database)

    jobs.finish_delete(database, key)

    assert waited_s < 5
    assert len(shown) == 3
    assert emptied == [(key, secret)]
    assert (jobs.deleting_jobs(database), secrets_of(secret, tmp_path)) == ([], [])
