"""Celery workers, a broker and a sweeper in real processes: whatever is killed, the timeline is the same."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import select

from storage.database import Database
from storage.records import JobOptions, JobState, SegmentState
from storage.tables import segments
from tests.end_to_end.systems import Program, System, new_system
from tests.storage.made_jobs import states
from tests.waiting import wait_until
from tests.worker.clips import write_clip

STOP_LIMIT_S = 20.0
"""A busy machine takes seconds to wake what is to end; what hands nothing back is seen by its job, which is done then."""
EVERY_FRAME = JobOptions()
TRIES = 4


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking head of 120 frames in twelve segments: seconds of work for two analysers."""
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", frames=120, scale=2)


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """SQLite, a broker of its own, two workers and a sweeper, as on a laptop."""
    with new_system("") as system:
        yield system


@pytest.fixture(scope="module")
def worker(system: System) -> Program:
    return system.start("worker")


@pytest.fixture(scope="module")
def sweeper(system: System) -> Program:
    return system.start("sweeper")


@pytest.fixture(scope="module")
def undisturbed(system: System, worker: Program, clip: Path) -> str:
    """The CSV of a run in which nothing happened; it needs no sweeper, for its hint was sent."""
    job_id = system.new_job(clip, EVERY_FRAME)
    system.send_hints(1)
    assert system.wait_until_ended(job_id).state is JobState.DONE
    return system.csv(job_id)


def counters(database: Database, job: int) -> list[tuple[int, int]]:
    """(failures, losses) of each segment of a job."""
    query = select(segments.c.failures, segments.c.losses).where(segments.c.job == job)
    with database.reading() as connection:
        return [(row.failures, row.losses) for row in connection.execute(query)]


def test_a_job_ends_done_by_one_hint(undisturbed: str) -> None:
    assert undisturbed.count("\n") >= 121


def test_a_job_nobody_hinted_at_is_found_by_the_sweeper(
    system: System, worker: Program, sweeper: Program, clip: Path
) -> None:
    job_id = system.new_job(clip, JobOptions(sample_fps=2))

    assert system.wait_until_ended(job_id).state is JobState.DONE


def test_hints_delivered_twice_are_harmless(
    system: System, worker: Program, undisturbed: str, clip: Path
) -> None:
    job_id = system.new_job(clip, EVERY_FRAME)

    system.send_hints(5)

    job = system.wait_until_ended(job_id)
    assert set(counters(system.database, job.job)) == {(0, 0)}
    assert system.csv(job_id) == undisturbed


def test_a_killed_analyser_leaves_the_same_bytes(
    system: System, worker: Program, sweeper: Program, undisturbed: str, clip: Path
) -> None:
    job_id = system.new_job(clip, EVERY_FRAME)

    for _ in range(TRIES):
        children = system.stop_at_work(job_id, worker)
        for analyser in worker.descendants("worker.analyser.main"):
            analyser.kill()
        for child in children:
            child.resume()
        with suppress(TimeoutError):  # it had answered already: the next one may be caught in time
            wait_until(lambda: failures(system, job_id) >= 1, "a failure is noted", patience_s=2)
            break

    assert system.wait_until_ended(job_id).state is JobState.DONE
    assert failures(system, job_id) >= 1
    assert system.csv(job_id) == undisturbed


def failures(system: System, job_id: str) -> int:
    """How often work on a job failed."""
    return sum(failed for failed, _ in counters(system.database, system.job(job_id).job))


def test_a_killed_celery_child_leaves_the_same_bytes(
    system: System, worker: Program, sweeper: Program, undisturbed: str, clip: Path
) -> None:
    job_id = system.new_job(clip, EVERY_FRAME)
    children = system.stop_at_work(job_id, worker)
    orphans = worker.descendants("worker.analyser.main")

    for child in children:
        child.send_signal(signal.SIGKILL)

    job = system.wait_until_ended(job_id)
    assert sum(losses for _, losses in counters(system.database, job.job)) >= 1
    assert not any(orphan.is_running() for orphan in orphans)
    assert system.csv(job_id) == undisturbed


def test_a_broker_that_lost_its_queues_loses_no_job(
    system: System, worker: Program, sweeper: Program, undisturbed: str, clip: Path
) -> None:
    system.broker.stop()
    job_id = system.new_job(clip, EVERY_FRAME)
    system.send_hints(1)

    system.broker.restart_without_its_data()

    assert system.wait_until_ended(job_id).state is JobState.DONE
    assert system.csv(job_id) == undisturbed
    assert sweeper.process.poll() is None
    assert worker.process.poll() is None


def test_work_goes_on_while_the_broker_is_away(clip: Path) -> None:
    with new_system("") as system:
        worker = system.start("worker")
        wait_until(lambda: len(worker.children()) == system.settings.workers, "the pool stands")
        system.broker.stop()

        job_id = system.new_job(clip, JobOptions(sample_fps=2))

        assert system.wait_until_ended(job_id).state is JobState.DONE


def test_a_worker_asked_to_end_hands_back_what_it_found_unasked(clip: Path) -> None:
    with new_system("") as system:
        worker = system.start("worker")
        job_id = system.new_job(clip, EVERY_FRAME)
        system.wait_until_at_work(job_id)

        worker.terminate(STOP_LIMIT_S)

        job = system.job(job_id)
        assert job.state is JobState.RUNNING
        assert set(counters(system.database, job.job)) == {(0, 0)}
        assert SegmentState.RUNNING not in states(system.database, job.job)


def test_a_worker_asked_to_end_hands_its_work_back_at_once(undisturbed: str, clip: Path) -> None:
    with new_system("") as system:
        worker = system.start("worker")
        job_id = system.new_job(clip, EVERY_FRAME)
        system.send_hints(1)
        system.wait_until_at_work(job_id)
        analysers = worker.descendants("worker.analyser.main")

        worker.terminate(STOP_LIMIT_S)

        job = system.job(job_id)
        assert job.state is JobState.RUNNING
        assert analysers and not any(analyser.is_running() for analyser in analysers)
        assert set(counters(system.database, job.job)) == {(0, 0)}
        assert SegmentState.RUNNING not in states(system.database, job.job)
        system.start("worker")
        system.send_hints(1)
        assert system.wait_until_ended(job_id).state is JobState.DONE
        assert system.csv(job_id) == undisturbed


def test_a_sweeper_asked_to_end_does_so(system: System) -> None:
    sweeper = system.start("sweeper")
    wait_until(lambda: catches(sweeper.process.pid, signal.SIGTERM), "it has begun")

    assert sweeper.terminate(STOP_LIMIT_S) == 0


def catches(pid: int, number: signal.Signals) -> bool:
    """Tell whether a process has a handler for this signal (proc(5), SigCgt)."""
    facts = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return bool(int(facts["SigCgt"], 16) >> (number - 1) & 1)


def test_the_same_system_on_postgresql_gives_the_same_bytes(
    postgres_url: str, undisturbed: str, clip: Path
) -> None:
    with new_system(postgres_url) as system:
        system.start("worker")
        job_id = system.new_job(clip, EVERY_FRAME)
        system.send_hints(1)

        assert system.wait_until_ended(job_id).state is JobState.DONE
        assert system.csv(job_id) == undisturbed
