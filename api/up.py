"""The whole system on one machine: a broker, the database's schema, workers, the sweeper and the web page.

`up` starts them as child processes, restarts what dies, and leaves no process behind, however it ends itself.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from api import broker
from api.address import address_of, find_port, is_ready
from api.part import Part, stop_all
from storage.database import Database, migrate
from storage.errors import ConfigurationError, Conflict
from storage.settings import Settings
from worker.engine import check_models

_ROOT = Path(__file__).resolve().parent.parent
_LOCK_NAME = "affectline.lock"
_TICK_S = 0.1
_BROKER_PATIENCE_S = 20.0
_READY_PATIENCE_S = 60.0
_STOP_PATIENCE_S = 7.0
_BROKER_STOP_PATIENCE_S = 1.5
_UNREADABLE_AFTER = 3
"""A broker that ends this often in a row without an answer gets a fresh folder."""


class AlreadyRunning(Conflict):  # named as in storage.errors
    """Affectline already runs on this data folder."""

    code = "already_running"


def up(settings: Settings) -> int:
    """Run the system until SIGINT, SIGTERM or SIGHUP; a second one kills at once. Returns the exit status.

    Raises ConfigurationError for settings or a model that can't work, AlreadyRunning if another one runs on the same data.
    """
    settings.check_exposure()
    if settings.broker_url:
        settings.check_broker()
    check_models(settings)
    data = _make_data_folder(settings)
    with _alone(data) as lock, _stop_signals() as stop:
        port = find_port(settings.host, settings.port)
        if settings.port and port != settings.port:
            say(f"port {settings.port} is taken by another program: using {port}")
        with suppress(OSError):  # no room: it is but a note for those who come second
            lock.write_text(f"{os.getpid()} {address_of(settings.host, port)}\n")
        resolved = settings.model_copy(
            update={
                "data": data,
                "port": port,
                "database_url": settings.resolved_database_url,
                "model": settings.model.resolve(),
                "yunet": settings.yunet and settings.yunet.resolve(),
            }
        )
        return Supervisor(resolved, stop).run()


def _make_data_folder(settings: Settings) -> Path:
    data = settings.data.resolve()
    try:
        (data / "logs").mkdir(parents=True, exist_ok=True)
        (data / _LOCK_NAME).touch()
    except OSError as error:
        raise ConfigurationError(
            f"AFFECTLINE_DATA is {data}, expected a folder that can be written to: {error.strerror}"
        ) from error
    return data


class StopRequests:
    """How often this process was asked to stop."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class Supervisor:
    """The parts of the running system and the loop that keeps them alive."""

    def __init__(self, settings: Settings, stop: StopRequests) -> None:
        self._settings = settings
        self._stop = stop
        self._parts: list[Part] = []
        self._restart_at_s: dict[str, float] = {}
        self._broker_state = settings.data / "broker"
        self._broker_folder: Path | None = None

    def run(self) -> int:
        """Start everything, watch it until asked to stop, stop everything."""
        try:
            self._start_broker()
            migrate_database(self._settings.database_url)
            for name in ("worker", "sweeper", "serve"):
                self._start(name, [sys.executable, "-m", "api.cli", name])
            self._watch()
        finally:
            self._end()
        return 0

    def _start_broker(self) -> None:
        if self._settings.broker_url:
            return
        server = broker.find_server()
        self._broker_folder = folder = broker.make_socket_folder(self._broker_state)
        self._settings = self._settings.model_copy(update={"broker_url": broker.broker_url(folder)})
        self._start(
            "broker", broker.server_command(server, state=self._broker_state, folder=folder)
        )
        give_up_s = time.monotonic() + _BROKER_PATIENCE_S
        while not broker.answers(folder) and not self._stop.count:
            if time.monotonic() > give_up_s:
                log = self._parts[-1].log
                raise ConfigurationError(f"the broker {server} does not answer; see {log}")
            self._tick()

    def _start(self, name: str, command: list[str]) -> None:
        part = Part(
            name,
            command,
            environment=child_environment(self._settings),
            logs=self._settings.data / "logs",
        )
        self._parts.append(part)
        part.start(time.monotonic())

    def _watch(self) -> None:
        address = address_of(self._settings.host, self._settings.port)
        began_s = time.monotonic()
        ready = warned = False
        while not self._stop.count:
            self._tick()
            if not ready and is_ready(self._settings.host, self._settings.port):
                ready = True
                say(f"Affectline is ready: {address}")
                say(f"Ctrl-C stops it. Its data and logs are in {self._settings.data}")
            elif not ready and not warned and time.monotonic() - began_s > _READY_PATIENCE_S:
                warned = True
                say(f"not ready after {_READY_PATIENCE_S:.0f} s, still trying; see the logs there:")
                say(str(self._settings.data / "logs"))

    def _tick(self) -> None:
        """Show what went wrong, restart what died, sleep a little."""
        now_s = time.monotonic()
        for part in self._parts:
            status = part.reap(now_s)
            for line in part.new_troubles():
                say(f"{part.name}: {line}")
            if status is not None:
                self._restart_at_s[part.name] = now_s + part.pause_s
                say(
                    f"{part.name} ended ({_describe(status)}): starting it again in"
                    f" {part.pause_s:g} s; its log: {part.log}"
                )
            elif not part.is_running and now_s >= self._restart_at_s[part.name]:
                if part.name == "broker" and part.failures >= _UNREADABLE_AFTER:
                    broker.set_state_aside(self._broker_state)
                self._start_again(part, now_s)
        time.sleep(_TICK_S)

    def _start_again(self, part: Part, now_s: float) -> None:
        try:
            part.start(now_s)
        except OSError as error:  # no process to be had, no room for its log: that may pass
            self._restart_at_s[part.name] = now_s + part.pause_s
            say(f"{part.name} can't be started ({error.strerror}): trying again")

    def _end(self) -> None:
        """Stop the parts, the broker last, by force where they take too long or we are asked twice."""
        if self._stop.count:
            say("stopping (once more to kill at once)")
        users = [part for part in self._parts if part.name != "broker"]
        brokers = [part for part in self._parts if part.name == "broker"]
        stop_all(users, patience_s=_STOP_PATIENCE_S, hurry=lambda: self._stop.count > 1)
        stop_all(brokers, patience_s=_BROKER_STOP_PATIENCE_S, hurry=lambda: self._stop.count > 1)
        if self._broker_folder is not None:
            broker.remove_socket_folder(self._broker_folder)
        if self._stop.count:
            say("stopped")


def say(line: str) -> None:
    """Tell the terminal; one that is gone is no reason to stop."""
    with suppress(OSError):
        print(line, flush=True)


def migrate_database(url: str) -> None:
    database = Database(url)
    try:
        migrate(database)
    finally:
        database.close()


def child_environment(settings: Settings) -> dict[str, str]:
    """This process's environment with the settings as they were worked out, and our packages found first."""
    inherited = {name: value for name, value in os.environ.items() if "AFFECTLINE_" not in name}
    ours = {
        f"AFFECTLINE_{name.upper()}": str(value)
        for name, value in settings.model_dump().items()
        if value is not None
    }
    python_path = os.pathsep.join(filter(None, [str(_ROOT), inherited.get("PYTHONPATH", "")]))
    return {**inherited, **ours, "PYTHONPATH": python_path, "PYTHONSAFEPATH": "1"}


def _describe(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


@contextmanager
def _alone(data: Path) -> Iterator[Path]:
    """Hold the data folder; yields the file that says who does. Raises AlreadyRunning if another has it."""
    note = data / _LOCK_NAME
    with note.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid, _, address = note.read_text().strip().partition(" ")
            raise AlreadyRunning(
                f"Affectline already runs on {data}: {address or 'starting'} (process {pid}). Stop that one"
                " first, or choose another folder by AFFECTLINE_DATA."
            ) from error
        yield note


@contextmanager
def _stop_signals() -> Iterator[StopRequests]:
    """Count requests to stop instead of being ended by them."""
    stop = StopRequests()
    before = {
        number: signal.signal(number, stop.note)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN  # nohup
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
