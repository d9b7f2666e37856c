"""Migrations and tables agree, on both databases, and any number of processes may migrate at once."""

from collections.abc import Iterator
from typing import Any

import alembic.command
import alembic.config
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, select, text
from sqlalchemy.exc import DBAPIError

from storage import commits
from storage.database import Database, check_schema, migrate
from storage.errors import ConfigurationError
from storage.plots import PlotRange, read_plot
from storage.records import FrameRow, Scores, SegmentObservations
from storage.revisions import MIGRATIONS
from storage.tables import metadata, rollups, segments
from storage.timelines import iterate_pages, read_frames
from storage.tracks import read_tracks
from tests.storage.forks import run_at_once
from tests.storage.made_jobs import FRAME_US, face_row, planned_job, take
from worker.finalise import Walk


def test_migrations_make_exactly_the_tables(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        differences = compare_metadata(context, metadata)

    assert differences == []


def test_a_missing_column_is_noticed(fresh_database: Database) -> None:
    with fresh_database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs DROP COLUMN summary")

    with fresh_database.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert [difference[0] for difference in differences] == ["add_column"]


@pytest.fixture
def fresh_database(database_url: str) -> Iterator[Database]:
    """A database of this test alone, with all tables: it may change them."""
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()


def _sqlite_definition(database: Database, table: str) -> str:
    query = sqlalchemy.text("SELECT sql FROM sqlite_master WHERE name = :table")
    with database.reading() as connection:
        return str(connection.execute(query, {"table": table}).scalar_one())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", ["frames", "observations", "tracks", "rollups"])
def test_sqlite_keeps_the_wide_rows_without_rowid(database: Database, table: str) -> None:
    definition = _sqlite_definition(database, table)

    assert definition.rstrip().endswith("WITHOUT ROWID")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", ["jobs", "segments"])
def test_sqlite_never_gives_a_key_twice(database: Database, table: str) -> None:
    definition = _sqlite_definition(database, table)

    assert "AUTOINCREMENT" in definition


def test_downgrade_removes_everything_and_upgrade_brings_it_back(fresh_database: Database) -> None:
    _downgrade(fresh_database, "base")
    with fresh_database.reading() as connection:
        left = set(sqlalchemy.inspect(connection).get_table_names())

    migrate(fresh_database)

    assert left <= {"alembic_version", "sqlite_sequence"}
    with fresh_database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def _downgrade(database: Database, revision: str) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.writing() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, revision)


def test_a_job_of_the_first_version_is_kept(database_url: str) -> None:
    database = Database(database_url)
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.writing() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO jobs (job, id, state, options, created_at) VALUES (1, 'a', 'cancelled', '{}', 0)"
        )
        connection.exec_driver_sql("INSERT INTO frames VALUES (1, 5, 200000, 2)")
        for face, track in enumerate((4, 7)):
            scores = "0, 0, 0, 10000, 0, 0, 0"
            connection.exec_driver_sql(
                f"INSERT INTO observations VALUES (1, 5, {face}, {track}, 9, 8, 7, 6, 9900, NULL, {scores})"
            )
        connection.exec_driver_sql("INSERT INTO tracks VALUES (1, 7, 5, 5, 200000, 200000, 1)")

    migrate(database)

    (kept,) = read_tracks(database, 1)
    assert (kept.row.track, kept.row.best_frame, kept.row.best_face) == (7, 5, 1)
    assert (kept.row.summary, kept.person, kept.best_xywh) == (None, None, (9, 8, 7, 6))
    (frame,) = read_frames(database, 1)
    assert (frame.cut, len(frame.faces), frame.faces[0].smoothed) == (False, 2, None)
    assert frame.faces[0].uncertain_below == 5_500
    database.close()


def _done_job(database: Database) -> int:
    """Make a job of every sort of face, with a second in which there is none. Returns its key."""
    planned_job(database, 60, uncertain_below=5_500)  # as all jobs of that version
    claim = take(database)
    seen = [frame for frame in range(60) if not 25 <= frame < 50]
    faces = [
        face_row(frame, face, xywh=(200 * face, 20, 80, 80), quality=quality)._replace(
            happy=(5_499, 5_500)[frame // 2 % 2]
        )
        for frame in seen
        for face, quality in enumerate((None, (3_999, 4_000)[frame % 2]))
    ]
    rows = [FrameRow(frame, frame * FRAME_US, 2 * (frame in seen)) for frame in range(60)]
    commits.commit_segment(database, claim, SegmentObservations(rows, faces))
    claim, walk = take(database), Walk()
    for page in iterate_pages(database, claim.job):
        commits.commit_identities(database, claim, walk.through(page))
    commits.commit_identities(database, claim, walk.end())
    commits.commit_job(database, claim, summary=walk.summary())
    return claim.job


def _later_gains(database: Database) -> tuple[list[Any], list[Any]]:
    """What the first version did not write: sums per second, and the segments that make pictures."""
    pictures = [segments.c[name] for name in ("job", "position", "state", "failures", "fence")]
    with database.reading() as connection:
        return (
            list(connection.execute(select(rollups).order_by(*rollups.primary_key))),
            list(connection.execute(select(*pictures).where(segments.c.kind == "illustrate"))),
        )


def test_what_the_first_version_had_done_gains_plots_peaks_and_pictures(
    fresh_database: Database,
) -> None:
    """Symptom: after the upgrade its plot had no points and no peak, and its pictures never came."""
    job = _done_job(fresh_database)
    sums, pictures = _later_gains(fresh_database)
    with fresh_database.writing() as connection:
        connection.execute(delete(rollups))
        connection.execute(delete(segments).where(segments.c.kind == "illustrate"))
    _downgrade(fresh_database, "0002")

    migrate(fresh_database)

    assert _later_gains(fresh_database) == (sums, pictures)
    assert {row.second for row in sums} == {0, 1, 2} and len(pictures) == 1
    wanted = PlotRange(None, from_us=0, to_us=3_000_000, points=2, scores=Scores.RAW)
    assert len(read_plot(fresh_database, job, wanted, rolled_up=True).points) == 2


def test_what_has_all_this_or_is_not_done_is_left_alone(fresh_database: Database) -> None:
    _done_job(fresh_database)
    planned_job(fresh_database, 3)
    before = _later_gains(fresh_database)
    _downgrade(fresh_database, "0002")

    migrate(fresh_database)

    assert _later_gains(fresh_database) == before


def test_migrating_again_changes_nothing(database: Database) -> None:
    migrate(database)

    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def _migrate(url: str) -> str:
    database = Database(url)
    migrate(database)
    database.close()
    return "migrated"


def test_eight_processes_migrate_at_once(database_url: str) -> None:
    outcomes = run_at_once(_migrate, database_url, processes=8)

    assert outcomes == ["migrated"] * 8


def _connect(url: str) -> str:
    database = Database(url)
    with database.reading() as connection:
        connection.execute(text("SELECT 1"))
    database.close()
    return "connected"


def test_a_database_without_tables_is_not_ready(database_url: str) -> None:
    database = Database(database_url)

    with pytest.raises(ConfigurationError, match=r"no schema yet.*run 'affectline db upgrade'"):
        database.check()
    database.close()


def test_a_database_that_lost_a_table_is_not_ready(fresh_database: Database) -> None:
    metadata.drop_all(fresh_database.engine)

    with pytest.raises(DBAPIError):
        fresh_database.check()


def _say_revision(database: Database, revision: str) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")


def test_a_forgotten_upgrade_is_told(fresh_database: Database) -> None:
    """Symptom: all looked healthy, and each failure blamed the database or the file."""
    fresh_database.check()
    _say_revision(fresh_database, "0001")

    with pytest.raises(ConfigurationError, match=r"revision 0001; .*run 'affectline db upgrade'"):
        fresh_database.check()
    with pytest.raises(ConfigurationError, match="run 'affectline db upgrade'"):
        check_schema(fresh_database.url)


def test_a_schema_of_a_later_version_is_left_alone(fresh_database: Database) -> None:
    """Symptom: a traceback of the migration tool."""
    _say_revision(fresh_database, "9999")

    for use in (migrate, Database.check):
        with pytest.raises(ConfigurationError, match="revision 9999, newer than this program"):
            use(fresh_database)


def test_eight_processes_open_a_new_database_at_once(database_url: str) -> None:
    outcomes = run_at_once(_connect, database_url, processes=8)

    assert outcomes == ["connected"] * 8
