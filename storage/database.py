"""Connections to the one SQL database, its clock and its migrations. The URL chooses SQLite or
PostgreSQL.
"""

import fcntl
import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
from sqlalchemy import URL, Connection, Double, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from storage.errors import ConfigurationError, DatabaseUnavailable
from storage.revisions import MIGRATIONS, refuse_newer, require_newest

logger = logging.getLogger(__name__)

_MIGRATION_LOCK = 0x0AFFEC71  # any fixed number: the key of PostgreSQL's advisory lock
_BUSY_TIMEOUT_MS = 30_000
_WAL_RETRY_S = 0.02
_LOG_PATIENCE_MS = 100  # while a checkpoint waits for readers, all writers wait for it
_DISK_FULL = "53100"  # PostgreSQL's
_EXPECTED_URL = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME"


class now_s(FunctionElement[float]):  # noqa: N801  # reads as an SQL function
    """Seconds since 1970 by the database's own clock, which all workers share."""

    type = Double()
    inherit_cache = True


@compiles(now_s, "sqlite")
def _now_sqlite(element: Any, compiler: Any, **_: Any) -> str:
    # unixepoch('subsec') is NULL before SQLite 3.42, and a lease would never end.
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now_s, "postgresql")
def _now_postgresql(element: Any, compiler: Any, **_: Any) -> str:
    # now() would stand still for the whole transaction
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


class Database:
    """An engine with the two kinds of transactions the rest needs."""

    def __init__(self, url: str | URL) -> None:
        """Connect lazily. Raises ConfigurationError for a URL that is neither SQLite nor
        PostgreSQL.
        """
        self.url = url if isinstance(url, str) else url.render_as_string(hide_password=False)
        self.engine = _make_engine(url)
        self._reader = self.engine
        if not self.is_sqlite:  # whose readers see one state anyway
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write; leaving by an exception rolls it back."""
        writer = self.engine.execution_options(affectline_begin="BEGIN IMMEDIATE")
        with writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one state of the database from its first query on."""
        with self._reader.begin() as connection:
            yield connection

    def check(self) -> None:
        """Look at the schema and for a job.

        Raises ConfigurationError for another schema than this program's, DBAPIError if the database can't be reached.
        """
        with self.reading() as connection:
            require_newest(connection)
            connection.execute(text("SELECT 1 FROM jobs LIMIT 1"))

    def empty_log(self) -> bool:
        """Empty SQLite's write-ahead log, in which deleted rows can still be read. Returns False if others use it just now.

        PostgreSQL's log is its own affair: it is True there.
        """
        if not self.is_sqlite:
            return True
        untransacted = self.engine.execution_options(affectline_begin="")
        with untransacted.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {_LOG_PATIENCE_MS}")
            try:
                checkpoint = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                busy, *_ = checkpoint.one()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        return not busy

    def close(self) -> None:
        self.engine.dispose()


def is_full(error: DBAPIError) -> bool:
    """Tell whether the database has no room left to write."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == _DISK_FULL


def _switch_to_wal(connection: Any) -> None:
    """Set the journal mode: on a new file SQLite fails at once, whatever its timeout, if others do so too."""
    until_s = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until_s:
                raise
            time.sleep(_WAL_RETRY_S)


def sqlite_url(file: Path) -> URL:
    """The URL of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(file))


def _make_engine(url: str | URL) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: the port is no number
        shown = re.sub("//.*@", "//***@", str(url))  # no password in a log
        raise ConfigurationError(
            f"database URL {shown!r} can't be read; expected {_EXPECTED_URL}"
        ) from error
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.database in (None, "", ":memory:"):
            raise ConfigurationError(
                f"database URL {url!r} names no file, so processes could not share it; expected sqlite:///FILE"
            )
        return _make_sqlite_engine(parsed, Path(parsed.database))
    if parsed.drivername == "postgresql+psycopg":
        return create_engine(parsed, pool_pre_ping=True)
    raise ConfigurationError(
        f"database URL begins with {parsed.drivername!r}; expected {_EXPECTED_URL}"
    )


def _make_sqlite_engine(url: URL, file: Path) -> Engine:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the database's folder {file.parent} can't be made: {error.strerror};"
            " name another by AFFECTLINE_DATA or AFFECTLINE_DATABASE_URL"
        ) from error
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # which is the default of some builds only

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A reader that turns writer half-way fails at once when another wrote meanwhile: writers
        # say so first.
        statement = connection.get_execution_options().get("affectline_begin", "BEGIN")
        if statement:
            connection.exec_driver_sql(statement)

    return engine


def migrate(database: Database) -> None:
    """Bring the database to the newest schema. Any number of processes may call this at once.

    Raises ConfigurationError for a schema that is newer than this program.
    """
    with _migration_lock(database):
        config = alembic.config.Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with database.writing() as connection:
            refuse_newer(connection)
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")


def check_schema(url: str) -> None:
    """Raise ConfigurationError, before anything is begun on it, for a database with another schema than this program's.

    One that is away may come yet, as it may go later: whoever uses it waits for it.
    """
    database = Database(url)
    try:
        database.check()
    except DBAPIError as error:
        logger.warning("the database does not answer yet: %s", error.orig)
    finally:
        database.close()


@contextmanager
def _migration_lock(database: Database) -> Iterator[None]:
    """Without it most of eight processes that migrate at once fail."""
    if database.is_sqlite:
        lock_file = Path(f"{database.engine.url.database}.lock")
        try:
            lock = lock_file.open("w")
        except OSError as error:
            raise DatabaseUnavailable(f"{lock_file} can't be written: {error.strerror}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    try:
        with database.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            try:
                yield
            finally:
                connection.execute(
                    text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK}
                )
    except OperationalError as error:
        reason = " ".join(str(error.orig).split())  # in one line
        raise DatabaseUnavailable(f"the database does not answer: {reason}") from error
