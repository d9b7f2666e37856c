"""The database's clock, its transactions and the URLs it takes."""

import time
from pathlib import Path

import pytest
from sqlalchemy import select

from storage import jobs
from storage.database import Database, check_schema, migrate, now_s
from storage.errors import ConfigurationError, DatabaseUnavailable, NotFound
from storage.revisions import MIGRATIONS
from tests.storage.made_jobs import new_job


def test_the_clock_tells_the_time(database: Database) -> None:
    with database.reading() as connection:
        now = connection.execute(select(now_s())).scalar_one()

    assert now == pytest.approx(time.time(), abs=5)


def test_the_clock_goes_on_within_a_transaction(database: Database) -> None:
    with database.writing() as connection:
        before = connection.execute(select(now_s())).scalar_one()
        time.sleep(0.02)
        after = connection.execute(select(now_s())).scalar_one()

    assert 0.01 < after - before < 5


def test_a_transaction_left_by_an_error_leaves_nothing(database: Database) -> None:
    job_id = new_job(database)

    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET state = 'done'")
        raise ZeroDivisionError

    assert jobs.get_job(database, job_id).state == "queued"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://localhost/affectline",
        "postgresql://localhost/x",
        "sqlite+aiosqlite:///file",
        "postgresql+psycopg://localhost:port/x",
        "nonsense",
        "",
        "sqlite://",
    ],
    ids=["another database", "no driver", "another driver", "port", "no URL", "empty", "in memory"],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"database URL .*expected sqlite:///FILE"):
        Database(url)


def test_a_url_that_is_refused_does_not_tell_its_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Database("postgresql+psycopg://ada:hush@hush:1234@localhost/x")

    assert "hush" not in caught.value.message


def test_a_file_in_place_of_the_folder_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")

    with pytest.raises(ConfigurationError, match=r"var can't be made: File exists"):
        Database(f"sqlite:///{tmp_path / 'var' / 'affectline.sqlite'}")


def test_a_server_that_is_away_is_named_as_the_trouble() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/nowhere?connect_timeout=2")

    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        migrate(database)


def test_a_lock_that_cannot_be_had_is_told_like_a_database_that_is_away(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'affectline.sqlite'}")
    (tmp_path / "affectline.sqlite.lock").mkdir()

    with pytest.raises(DatabaseUnavailable, match=r"affectline\.sqlite\.lock can't be written"):
        migrate(database)


def test_a_server_that_is_away_keeps_nobody_from_starting(caplog: pytest.LogCaptureFixture) -> None:
    check_schema("postgresql+psycopg://nobody@127.0.0.1:1/nowhere?connect_timeout=2")

    assert "does not answer yet" in caplog.text


def test_the_folder_of_a_sqlite_file_is_made(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "affectline.sqlite"

    database = Database(f"sqlite:///{file}")
    migrate(database)
    database.close()

    assert file.exists()


def test_a_checkout_may_lie_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Symptom: with a % in its path there was no database."""
    checkout = tmp_path / "100%"
    checkout.symlink_to(MIGRATIONS.parent)
    monkeypatch.setattr("storage.database.MIGRATIONS", checkout / "migrations")

    database = Database(f"sqlite:///{tmp_path / 'affectline.sqlite'}")
    migrate(database)
    database.check()
    database.close()


def test_readers_of_sqlite_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'affectline.sqlite'}")
    migrate(database)
    job_id = new_job(database)

    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET state = 'done'")
        started_s = time.monotonic()
        seen = jobs.get_job(database, job_id).state
        waited_s = time.monotonic() - started_s
    database.close()

    assert seen == "queued"
    assert waited_s < 5


def test_an_unknown_job_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound, match="no job 'nothing'"):
        jobs.get_job(database, "nothing")
