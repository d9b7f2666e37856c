"""The revision of a database's schema: is it the one that this program was written for?"""

from functools import cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from storage.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def refuse_newer(connection: Connection) -> None:
    """Raise ConfigurationError for a schema that a later version of this program has made."""
    found = _revision_of(connection)
    if found is not None and found not in _known_revisions():
        raise ConfigurationError(
            f"the database's schema has revision {found}, newer than this program, which knows revisions up to"
            f" {_known_revisions()[0]}: use the version of Affectline that has upgraded it, or a later one"
        )


def require_newest(connection: Connection) -> None:
    """Raise ConfigurationError unless a schema is exactly the one that this program works with."""
    refuse_newer(connection)
    found, newest = _revision_of(connection), _known_revisions()[0]
    if found != newest:
        has = "no schema yet" if found is None else f"a schema of revision {found}"
        raise ConfigurationError(
            f"the database has {has}; expected revision {newest}: run 'affectline db upgrade'"
        )


def _revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@cache
def _known_revisions() -> tuple[str, ...]:
    """The newest first."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    return tuple(script.revision for script in scripts.walk_revisions())
