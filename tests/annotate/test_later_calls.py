"""What a call of annotate makes of what earlier ones left in the state folder."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from api.annotate import Progress, annotate
from storage import jobs
from storage.database import Database, sqlite_url
from storage.records import JobOptions
from tests.annotate.test_annotate import SETTINGS, run
from tests.vision.made_media import Recipe, moving_pictures, write_video


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Three frames without any face."""
    return write_video(tmp_path / "a.mp4", moving_pictures(3), Recipe())


@contextmanager
def state_of(out: Path) -> Iterator[Database]:
    """The database in the state folder of an output folder."""
    database = Database(sqlite_url(out / ".affectline" / "affectline.sqlite"))
    try:
        yield database
    finally:
        database.close()


def row_counts(out: Path) -> dict[str, int]:
    """Number of rows of jobs, and of their media and frames, in whatever state."""
    with closing(sqlite3.connect(out / ".affectline" / "affectline.sqlite")) as connection:
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("jobs", "media", "frames")
        }
    return counts


def test_a_removal_that_was_cut_off_is_finished(video: Path, out: Path) -> None:
    """Symptom: after a kill -9 in the middle a job stayed `deleting`, with all its rows, for good."""
    run(video, out=out)
    with state_of(out) as database:
        found = jobs.find_job(database, f"file:{video}")
        assert found is not None
        jobs.begin_delete(database, found.id)

    run(video, out=out, options=JobOptions())

    assert row_counts(out) == {"jobs": 1, "media": 1, "frames": 3}


def test_a_removal_that_waited_for_readers_is_finished_at_the_end(video: Path, out: Path) -> None:
    run(video, out=out)
    reader = sqlite3.connect(
        out / ".affectline" / "affectline.sqlite", isolation_level=None, check_same_thread=False
    )

    def stop_reading(_now: Progress) -> None:
        reader.close()

    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM frames").fetchone()
    annotate([video], out, options=JobOptions(), settings=SETTINGS, show=stop_reading)

    assert row_counts(out)["jobs"] == 1
