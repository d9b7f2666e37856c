"""One part of the embedded system: a child process with a log file, restarted with growing pauses."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from worker.tether import tethered

LONGEST_LOG_BYTES = 10 * 1024**2
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_HEALTHY_AFTER_S = 30.0
"""A part that ran this long starts anew with the shortest pause."""
_TROUBLE = re.compile(r"\b(ERROR|CRITICAL|FATAL)\b|^\w*(Error|Exception): |^affectline: ")
"""A command that ends with an error says `affectline: CODE: …` (api.cli.main)."""
_LINES_AT_ONCE = 5
_STOP_TICK_S = 0.05


class Part:
    """A child process in a session of its own, which dies with this process."""

    def __init__(
        self, name: str, command: list[str], *, environment: dict[str, str], logs: Path
    ) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self.failures = 0
        """How often in a row it ended soon after its start."""
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._read_bytes = self.log.stat().st_size if self.log.exists() else 0

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, now_s: float) -> None:
        """Start the process. Must be called by the main thread: the tether is to the starting thread."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                tethered(self._command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        self._started_s = now_s

    def reap(self, now_s: float) -> int | None:
        """If the process has ended, end what is left of its group too. Returns the exit status, or None."""
        if self._process is None:
            return None
        # The leader stays a zombie until its group is dealt with, so that its number can't be another's by then.
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self._signal(os.killpg, signal.SIGKILL)
        status = self._process.wait()
        self._process = None
        self.failures = 1 if now_s - self._started_s > _HEALTHY_AFTER_S else self.failures + 1
        return status

    @property
    def pause_s(self) -> float:
        """How long to wait before the next start."""
        return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 10))

    def ask_to_stop(self) -> None:
        """Ask the leading process to end; it knows how to end its own children."""
        self._signal(os.kill, signal.SIGTERM)

    def kill(self) -> None:
        """End the process and its whole group at once."""
        self._signal(os.killpg, signal.SIGKILL)

    def _signal(self, send: Callable[[int, int], None], number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                send(self._process.pid, number)

    def new_troubles(self) -> list[str]:
        """The lines of the log since the last call that report an error, the first few of them."""
        lines = [line for line in self._new_lines() if _TROUBLE.search(line)]
        if len(lines) > _LINES_AT_ONCE:
            rest = len(lines) - _LINES_AT_ONCE
            lines = [*lines[:_LINES_AT_ONCE], f"… and {rest} more, see {self.log}"]
        return lines

    def _new_lines(self) -> list[str]:
        if not self.log.exists() or self.log.stat().st_size <= self._read_bytes:
            return []
        with self.log.open("rb") as log:
            log.seek(self._read_bytes)
            fresh = log.read(LONGEST_LOG_BYTES)
        complete = fresh[: fresh.rfind(b"\n") + 1]
        self._read_bytes += len(complete)
        if self._read_bytes > LONGEST_LOG_BYTES:
            self._begin_log_anew()
        return [line[:400] for line in complete.decode(errors="replace").splitlines()]

    def _begin_log_anew(self) -> None:
        # The process appends to its open file: that is emptied, not replaced.
        copy = self.log.with_suffix(".log.1")
        try:
            shutil.copyfile(self.log, copy)
        except OSError:  # no room: half a copy would take the last of it
            copy.unlink(missing_ok=True)
        os.truncate(self.log, 0)
        self._read_bytes = 0


def stop_all(parts: list[Part], *, patience_s: float, hurry: Callable[[], bool]) -> None:
    """Ask the parts to stop; kill those that still run after `patience_s`, or all at once in a hurry."""
    for part in parts:
        part.ask_to_stop()
    give_up_s = time.monotonic() + patience_s
    while any(part.is_running for part in parts):
        for part in parts:
            part.reap(time.monotonic())
        if time.monotonic() > give_up_s or hurry():
            for part in parts:
                part.kill()
        time.sleep(_STOP_TICK_S)
