"""A migrated database, once on SQLite and once on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from storage.database import Database, migrate
from storage.tables import metadata

_NAME = "storage_contracts"


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_server_url: str) -> str:
    """The URL of one PostgreSQL database with all tables: making one for every test takes a second each."""
    server = sqlalchemy.create_engine(postgres_server_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {_NAME}")
    server.dispose()
    url = sqlalchemy.make_url(postgres_server_url).set(database=_NAME)
    database = Database(url.render_as_string(hide_password=False))
    migrate(database)
    database.close()
    return database.url


def _empty(database: Database) -> None:
    with database.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(sqlalchemy.delete(table))
        for table in ("jobs_job", "segments_segment"):
            connection.exec_driver_sql(f"ALTER SEQUENCE {table}_seq RESTART")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with all tables and no rows, whose keys begin at 1."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'affectline.sqlite'}")
        migrate(database)
    else:
        database = Database(request.getfixturevalue("migrated_postgres_url"))
        _empty(database)
    yield database
    database.close()
