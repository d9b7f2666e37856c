"""`affectline up`, which `./run` starts: real processes, a real broker, a data folder of its own."""

import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.running import (
    STOP_LIMIT_S,
    RunningSystem,
    end,
    free_port,
    running_system,
)
from tests.waiting import wait_until

PARTS = ("broker", "worker", "sweeper", "serve")


@pytest.fixture
def system(tmp_path: Path) -> Iterator[RunningSystem]:
    """The whole system, ready, on a port of its own; the test may end it."""
    with running_system(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def lasting_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """The whole system, ready, for all tests that leave it running."""
    with running_system(tmp_path_factory.mktemp("lasting")) as running:
        yield running


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def survivors(family: list[psutil.Process]) -> list[psutil.Process]:
    gone_or_zombie = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    alive = []
    for process in family:
        with suppress(psutil.NoSuchProcess):
            if process.status() not in gone_or_zombie:
                alive.append(process)
    return alive


def test_the_page_answers_at_the_address_that_was_named(lasting_system: RunningSystem) -> None:
    page = get(lasting_system.address)

    assert b"Affectline" in page


@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_is_started_again(lasting_system: RunningSystem, name: str) -> None:
    victim = lasting_system.part(name)

    victim.kill()

    wait_until(lambda: lasting_system.restarted(name, instead_of=victim.pid), f"a new {name}")
    wait_until(lambda: f"{name} ended (SIGKILL)" in lasting_system.output, "it says so")


def test_ctrl_c_ends_every_process_within_ten_seconds(system: RunningSystem) -> None:
    family = system.family()

    system.process.send_signal(signal.SIGINT)
    status = system.process.wait(STOP_LIMIT_S)

    assert status == 0
    assert survivors(family) == []


def test_killing_the_supervisor_leaves_no_process_behind(system: RunningSystem) -> None:
    family = system.family()

    system.process.kill()
    system.process.wait()

    try:
        wait_until(lambda: survivors(family) == [], "all its processes have ended", patience_s=10)
    finally:
        for process in survivors(family):
            process.kill()


def test_a_start_after_a_kill_answers_again(system: RunningSystem) -> None:
    system.process.kill()
    system.process.wait()

    with running_system(system.data.parent) as second:
        assert b"Affectline" in get(second.address)


def test_a_second_start_on_the_same_data_names_the_first_and_fails(
    lasting_system: RunningSystem,
) -> None:
    second = RunningSystem(lasting_system.data.parent, port=free_port())

    try:
        status = second.process.wait(30)
    finally:
        end(second)

    assert status == 1
    assert "affectline: already_running: " in second.output
    assert f"already runs on {lasting_system.data}: {lasting_system.address}" in second.output


def test_a_taken_port_is_replaced_and_the_other_one_named(tmp_path: Path) -> None:
    with socket.socket() as other_program:
        other_program.bind(("127.0.0.1", 0))
        other_program.listen()
        taken = other_program.getsockname()[1]
        running = RunningSystem(tmp_path, port=taken)

        try:
            running.wait_until_ready()
            address = running.address
        finally:
            end(running)

    assert f"port {taken} is taken" in running.output
    assert address != f"http://127.0.0.1:{taken}"


def test_a_broker_with_unreadable_queues_begins_with_empty_ones(tmp_path: Path) -> None:
    queues = tmp_path / "data" / "broker" / "appendonlydir"
    queues.mkdir(parents=True)
    (queues / "appendonly.aof.manifest").write_text("not a manifest\n")

    with running_system(tmp_path):
        set_aside = queues.with_name("appendonlydir.unreadable").exists()

    assert set_aside
