"""Removing a job for good, also where there is no room to write that down."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from storage import jobs
from storage.blobs import Blobs
from storage.database import Database, is_full, migrate
from storage.errors import NotFound
from tests.worker.conftest import NewJob
from worker.removal import remove_job


class FullDatabase(Database):
    """A database on a disk that is full for as long as there are uploads on it."""

    def __init__(self, url: str, uploads: Path) -> None:
        super().__init__(url)
        self._uploads = uploads

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        if any(self._uploads.iterdir()):
            reason = sqlite3.OperationalError("database or disk is full")
            reason.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise OperationalError("BEGIN IMMEDIATE", {}, reason)
        with super().writing() as connection:
            yield connection


def test_sqlite_says_that_it_is_full(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'small.sqlite'}")
    migrate(database)

    with pytest.raises(OperationalError) as error, database.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.execute(text("CREATE TABLE large AS SELECT randomblob(100000) AS content"))

    assert is_full(error.value)
    database.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_can_be_removed_from_a_full_disk(
    database: Database, new_job: NewJob, clip: Path, tmp_path: Path
) -> None:
    """Symptom: every DELETE was refused, for what it would have freed."""
    blobs = Blobs(tmp_path / "uploads")
    job_id = new_job(clip)
    blobs.create(job_id)[1].close()
    full = FullDatabase(database.url, blobs.folder)

    remove_job(full, blobs, job_id)

    assert not jobs.exists(database, job_id)
    full.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_on_a_full_disk_nothing_is_removed_that_is_no_job(
    database: Database, tmp_path: Path
) -> None:
    blobs = Blobs(tmp_path / "uploads")
    blobs.create("0" * 32)[1].close()  # an upload that is coming in
    full = FullDatabase(database.url, blobs.folder)

    with pytest.raises(OperationalError):
        remove_job(full, blobs, "0" * 32)

    assert list(blobs.folder.iterdir())
    full.close()
    with pytest.raises(NotFound):
        remove_job(database, blobs, "0" * 32)
