"""The sweeper mends what crashes left behind, one at a time, and waits for a broker that is away."""

import errno
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from storage import claims, jobs
from storage.blobs import Blobs
from storage.database import Database
from storage.errors import ConfigurationError
from storage.settings import Settings
from tests.storage import made_jobs
from tests.storage.made_jobs import ABLE, expire_leases, planned_job, take
from tests.waiting import wait_until
from tests.worker.conftest import NewJob
from worker.celery_app import hint_sender, make_celery, queue_length
from worker.engine import Engine
from worker.sweeper import Sweeper

NOWHERE = "redis://127.0.0.1:1/0"


@dataclass
class Queue:
    """What a broker holds, as far as the sweeper asks."""

    waiting: int = 0
    sent: list[int] = field(default_factory=list)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def sweeper(engine: Engine, queue: Queue) -> Sweeper:
    return Sweeper(engine.database, engine.blobs, lambda: queue.waiting, queue.sent.append)


def test_expired_leases_are_freed(sweeper: Sweeper, database: Database) -> None:
    planned_job(database, 1)
    lost = take(database)
    expire_leases(database)

    sweeper.sweep()

    assert take(database).segment == lost.segment


def test_hints_are_sent_for_work_nobody_was_told_of(
    sweeper: Sweeper, database: Database, queue: Queue
) -> None:
    planned_job(database, *[1] * 5)

    sweeper.sweep()

    assert queue.sent == [5]


def test_no_hints_are_sent_while_some_still_wait(
    sweeper: Sweeper, database: Database, queue: Queue
) -> None:
    planned_job(database, *[1] * 5)
    queue.waiting = 1

    sweeper.sweep()

    assert queue.sent == []


def test_no_hints_are_sent_without_work(sweeper: Sweeper, database: Database, queue: Queue) -> None:
    planned_job(database, 1)
    take(database)

    sweeper.sweep()

    assert queue.sent == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_large_job_does_not_flood_the_broker(
    sweeper: Sweeper, database: Database, queue: Queue
) -> None:
    planned_job(database, *[1] * 100)

    sweeper.sweep()

    assert queue.sent == [32]


def test_removals_that_were_cut_off_are_finished(
    sweeper: Sweeper, engine: Engine, database: Database
) -> None:
    job_id = made_jobs.new_job(database)
    engine.blobs.create(job_id)[1].close()
    jobs.begin_delete(database, job_id)

    sweeper.sweep()

    assert jobs.deleting_jobs(database) == []
    assert list(engine.blobs.folder.iterdir()) == []


def test_removals_do_not_wait_for_a_broker_that_is_away(
    sweeper: Sweeper, engine: Engine, database: Database
) -> None:
    """Symptom: the recording stayed on disk as long as any work was ready and the broker away."""
    made_jobs.new_job(database)
    job_id = made_jobs.new_job(database)
    engine.blobs.create(job_id)[1].close()
    jobs.begin_delete(database, job_id)
    celery = make_celery(Settings.load(broker_url=NOWHERE))

    with pytest.raises(OperationalError):
        replace(sweeper, waiting_hints=lambda: queue_length(celery)).sweep()

    assert list(engine.blobs.folder.iterdir()) == []


def test_a_removal_that_fails_keeps_no_other(
    sweeper: Sweeper, engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: one folder on a share that could not be emptied, and nothing was tidied any more."""
    stuck, other = (made_jobs.new_job(database) for _ in range(2))
    for job_id in (stuck, other):
        engine.blobs.create(job_id)[1].close()
        jobs.begin_delete(database, job_id)
    remove = Blobs.delete

    def delete(blobs: Blobs, job_id: str) -> None:
        if job_id == stuck:
            raise OSError(errno.EBUSY, "busy")
        remove(blobs, job_id)

    monkeypatch.setattr(Blobs, "delete", delete)
    sweeper.sweep()

    assert [job_id for _, job_id in jobs.deleting_jobs(database)] == [stuck]


@contextmanager
def running(*sweepers: Sweeper) -> Iterator[threading.Event]:
    """Run sweepers in threads until the block is left."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(sweepers)) as pool:
        ends = [pool.submit(sweeper.run, stop) for sweeper in sweepers]
        try:
            yield stop
        finally:
            stop.set()
    for end in ends:
        end.result()


def test_an_upload_without_a_job_is_removed_when_it_is_a_day_old(
    sweeper: Sweeper, engine: Engine, new_job: NewJob, clip: Path
) -> None:
    known, abandoned, arriving = new_job(clip), "a" * 32, "b" * 32
    two_days_ago_s = time.time() - 2 * 86_400
    for job_id in (known, abandoned, arriving):
        engine.blobs.create(job_id)[1].close()
    for job_id in (known, abandoned):
        os.utime(engine.blobs.folder / job_id, (two_days_ago_s, two_days_ago_s))

    sweeper.tidy()

    left = {folder.name for folder in engine.blobs.folder.iterdir()}
    assert left == {known, arriving}


def test_only_one_sweeper_sweeps_and_another_takes_over(
    sweeper: Sweeper, database: Database, queue: Queue
) -> None:
    planned_job(database, 1)
    other_queue = Queue()
    other_database = Database(database.url)
    other = replace(sweeper, database=other_database, send_hints=other_queue.sent.append)

    with running(sweeper):
        wait_until(lambda: bool(queue.sent), "the first one sweeps")
        with running(other):
            time.sleep(1.5)
            while_standing_by = list(other_queue.sent)
    with running(other):
        wait_until(lambda: bool(other_queue.sent), "the second one takes over")
    other_database.close()

    assert while_standing_by == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_sweeper_outlives_a_broker_that_is_away(
    sweeper: Sweeper, database: Database, queue: Queue
) -> None:
    celery = make_celery(Settings.load(broker_url=NOWHERE))
    asked: list[float] = []

    def ask() -> int:
        asked.append(time.monotonic())
        return queue_length(celery) if len(asked) == 1 else 0

    planned_job(database, 1)

    with running(replace(sweeper, waiting_hints=ask)):
        wait_until(lambda: bool(queue.sent), "it sweeps again")

    assert len(asked) >= 2


def test_the_length_of_a_queue_that_is_away_is_an_error_of_the_broker() -> None:
    celery = make_celery(Settings.load(broker_url=NOWHERE))

    with pytest.raises(OperationalError):
        queue_length(celery)


def test_a_hint_that_cannot_be_sent_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    send = hint_sender(Settings.load(broker_url=NOWHERE))

    started_s = time.monotonic()
    send(2)
    waited_s = time.monotonic() - started_s

    assert "the sweeper will send it again" in caplog.text
    assert waited_s < 3


def test_hints_are_counted_in_the_broker(valkey_url: str) -> None:
    settings = Settings.load(broker_url=f"{valkey_url}?virtual_host=5")
    celery = make_celery(settings)
    before = queue_length(celery)

    hint_sender(settings)(3)

    assert (before, queue_length(celery)) == (0, 3)
    with celery.connection_for_write() as connection:
        celery.control.purge(connection)


def test_no_broker_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="AFFECTLINE_BROKER_URL"):
        make_celery(Settings.load(broker_url=""))


def test_what_a_sweeper_freed_ends_quarantined_after_ten_times(
    sweeper: Sweeper, database: Database
) -> None:
    job_id = planned_job(database, 1)

    for _ in range(10):
        take(database)
        expire_leases(database)
        sweeper.sweep()

    assert jobs.get_job(database, job_id).error_code == "workers_lost"
    assert claims.claim_next(database, ABLE, lease_s=10) is None
