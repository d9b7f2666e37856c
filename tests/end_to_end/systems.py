"""A whole system in real processes: a broker of its own, Celery workers, a sweeper, one SQL database."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from kombu.exceptions import OperationalError
from sqlalchemy import select

from api import broker
from storage import jobs, timelines
from storage.blobs import file_location, sha256_of
from storage.database import Database, migrate
from storage.exports import csv_lines
from storage.jobs import JobView, StoredMedium
from storage.records import JobOptions, JobState, SegmentKind, SegmentState
from storage.settings import Settings
from storage.tables import segments
from tests.waiting import wait_until
from tests.worker.clips import SEGMENT_TARGET_S
from worker.celery_app import hint_sender, make_celery, queue_length
from worker.tether import tethered

ROOT = Path(__file__).parents[2]
LEASE_S = 2.0


class Program:
    """An `affectline` command in a process of its own."""

    def __init__(self, command: str, settings: Settings, folder: Path) -> None:
        self.log = folder / f"{command}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                tethered([sys.executable, "-m", "api.cli", command]),
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **variables(settings)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def descendants(self, word: str) -> list[psutil.Process]:
        """Its living descendants with this word on their command line."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if any(word in part for part in process.cmdline()):
                    found.append(process)
        return found

    def children(self) -> list[psutil.Process]:
        """Its own child processes: of a worker these are Celery's pool."""
        return psutil.Process(self.process.pid).children()

    def terminate(self, patience_s: float) -> int:
        """Ask it to end. Returns its exit status; raises TimeoutExpired if it does not end in time."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=patience_s)

    def kill(self) -> None:
        """End it and what it started at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def variables(settings: Settings) -> dict[str, str]:
    """The environment that makes a program have these settings."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {f"AFFECTLINE_{name.upper()}": str(value) for name, value in values.items()}


class Broker:
    """A Valkey of this system alone, on a socket."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = broker.make_socket_folder(state)
        self.url = broker.broker_url(self._folder)
        self.start()

    def start(self) -> None:
        command = broker.server_command(
            broker.find_server(), state=self._state, folder=self._folder
        )
        self._process = subprocess.Popen(tethered(command), stdout=subprocess.DEVNULL)
        wait_until(lambda: broker.answers(self._folder), "the broker answers")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def restart_without_its_data(self) -> None:
        self.stop()
        broker.set_state_aside(self._state)
        self.start()

    def remove(self) -> None:
        self.stop()
        broker.remove_socket_folder(self._folder)


class System:
    """A migrated database, a broker and whatever programs a test starts."""

    def __init__(self, folder: Path, database_url: str, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.broker = Broker(folder / "broker")
        stack.callback(self.broker.remove)
        self.settings = Settings.load(
            data=folder / "data",
            database_url=database_url,
            broker_url=self.broker.url,
            workers=2,
            segment_target_s=SEGMENT_TARGET_S,
            lease_s=LEASE_S,
        )
        self.database = Database(database_url)
        stack.callback(self.database.close)
        migrate(self.database)
        self.send_hints = hint_sender(self.settings)

    def start(self, command: str) -> Program:
        program = Program(command, self.settings, self._folder)
        self._stack.callback(program.kill)
        return program

    def new_job(self, file: Path, options: JobOptions) -> str:
        """Make a job without telling anybody."""
        medium = StoredMedium(file.name, file_location(file), file.stat().st_size, sha256_of(file))
        job_id = jobs.new_job_id()
        jobs.create_job(self.database, job_id, medium=medium, options=options)
        return job_id

    def job(self, job_id: str) -> JobView:
        return jobs.get_job(self.database, job_id)

    def wait_until_ended(self, job_id: str) -> JobView:
        """Wait for a job. Raises TimeoutError with all there is to find out why it does not end."""
        ended = (JobState.DONE, JobState.FAILED)
        try:
            wait_until(lambda: self.job(job_id).state in ended, "the job ends", patience_s=90)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self._state_of(job_id)}") from error
        return self.job(job_id)

    def _state_of(self, job_id: str) -> str:
        job = self.job(job_id)
        with self.database.reading() as connection:
            pieces = connection.execute(select(segments).where(segments.c.job == job.job)).all()
        logs = (f"{log.name}:\n{log.read_text()[-4000:]}" for log in self._folder.glob("*.log"))
        return "\n".join([str(job), *map(str, pieces), f"hints: {self._waiting_hints()}", *logs])

    def _waiting_hints(self) -> str:
        try:
            return str(queue_length(make_celery(self.settings)))
        except OperationalError as error:
            return str(error)

    def wait_until_at_work(self, job_id: str) -> None:
        """Wait until its frames are being looked at."""
        wait_until(lambda: self.job(job_id).stage == "analyse", "the plan stands", patience_s=60)

    def stop_at_work(self, job_id: str, worker: "Program") -> list[psutil.Process]:
        """Stop a worker's children at a moment when one of them holds a piece of the analysis."""
        self.wait_until_at_work(job_id)
        held = select(segments.c.segment).where(
            segments.c.job == self.job(job_id).job,
            segments.c.kind == SegmentKind.ANALYSE,
            segments.c.state == SegmentState.RUNNING,
        )

        def caught() -> bool:
            for child in worker.children():
                child.suspend()
            with self.database.reading() as connection:
                if connection.execute(held).first() is not None:
                    return True
            for child in worker.children():
                child.resume()
            return False

        wait_until(caught, "a child is at work", patience_s=30)
        return worker.children()

    def csv(self, job_id: str) -> str:
        return "".join(csv_lines(timelines.iterate_frames(self.database, self.job(job_id).job)))


@contextmanager
def new_system(database_url: str) -> Iterator[System]:
    """A system that is gone, with all its processes, when the block is left."""
    with TemporaryDirectory(prefix="affectline-tests-") as folder, ExitStack() as stack:
        url = database_url or f"sqlite:///{folder}/affectline.sqlite"
        yield System(Path(folder), url, stack)
