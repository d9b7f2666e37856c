"""`affectline up` in a process of its own, as `./run` starts it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
STOP_LIMIT_S = 10


class RunningSystem:
    """An `affectline up` in a process of its own and what it printed."""

    def __init__(self, folder: Path, *, port: int, **settings: str) -> None:
        self.data = folder / "data"
        self._output = folder / f"output-{port}"
        self.port = port
        self._settings = settings
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "up"],
                cwd=folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "AFFECTLINE_DATA": str(self.data),
            "AFFECTLINE_PORT": str(self.port),
            "AFFECTLINE_WORKERS": "1",
            **{f"AFFECTLINE_{name.upper()}": value for name, value in self._settings.items()},
        }

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def address(self) -> str:
        _, _, rest = self.output.partition("Affectline is ready: ")
        return rest.split()[0]

    def wait_until_ready(self) -> None:
        wait_until(lambda: "is ready: http" in self.output, "it is ready", patience_s=60)

    def part(self, name: str) -> psutil.Process:
        wanted = "valkey-server" if name == "broker" else f"api.cli {name}"
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                if wanted in " ".join(child.cmdline()).replace("redis-server", "valkey-server"):
                    return child
        raise LookupError(f"no part {name}")

    def restarted(self, name: str, *, instead_of: int) -> bool:
        try:
            return self.part(name).pid != instead_of
        except (LookupError, psutil.NoSuchProcess):
            return False

    def family(self) -> list[psutil.Process]:
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]


@contextmanager
def running_system(folder: Path, **settings: str) -> Iterator[RunningSystem]:
    """The whole system, ready, with these settings (names in lower case) in its environment."""
    running = RunningSystem(folder, port=free_port(), **settings)
    try:
        running.wait_until_ready()
        yield running
    finally:
        end(running)


def end(running: RunningSystem) -> None:
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(STOP_LIMIT_S + 5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
