"""One part of the embedded system: how it ends, when it comes back, what of its log is shown."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from api import part as part_module
from api.part import Part, stop_all
from api.up import child_environment
from storage.settings import Settings
from tests.waiting import wait_until

STUBBORN = 'trap "" TERM; sleep 1000 & echo up; while :; do wait; done'


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[list[Part]]:
    """A list for the parts a test makes, all of which are killed after it."""
    made: list[Part] = []
    yield made
    stop_all(made, patience_s=0, hurry=lambda: True)


def make_part(parts: list[Part], folder: Path, script: str) -> Part:
    part = Part("part", ["sh", "-c", script], environment=dict(os.environ), logs=folder)
    parts.append(part)
    return part


def run_to_its_end(part: Part, *, started_s: float = 0.0, ended_s: float = 0.0) -> int:
    part.start(started_s)
    status: list[int] = []

    def has_ended() -> bool:
        status.extend(each for each in [part.reap(ended_s)] if each is not None)
        return bool(status)

    wait_until(has_ended, "the part has ended")
    return status[0]


def test_pauses_grow_to_half_a_minute(parts: list[Part], tmp_path: Path) -> None:
    part = make_part(parts, tmp_path, "exit 1")

    pauses = [(run_to_its_end(part), part.pause_s)[1] for _ in range(8)]

    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_part_that_ran_for_long_comes_back_at_once(parts: list[Part], tmp_path: Path) -> None:
    part = make_part(parts, tmp_path, "exit 1")
    for _ in range(4):
        run_to_its_end(part)

    run_to_its_end(part, started_s=0, ended_s=60)

    assert part.pause_s == 0.5


def test_the_exit_status_is_told(parts: list[Part], tmp_path: Path) -> None:
    assert run_to_its_end(make_part(parts, tmp_path, "exit 7")) == 7


def test_what_a_dead_part_left_behind_is_ended_too(parts: list[Part], tmp_path: Path) -> None:
    part = make_part(parts, tmp_path, "sleep 1000 & echo $!; exit 1")

    run_to_its_end(part)

    left = int(part.log.read_text())
    wait_until(lambda: not is_alive(left), "its child has ended", patience_s=5)


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_part_that_will_not_stop_is_killed_in_time(parts: list[Part], tmp_path: Path) -> None:
    part = make_part(parts, tmp_path, STUBBORN)
    part.start(0)
    wait_until(lambda: part.log.exists() and "up" in part.log.read_text(), "it is up")

    began_s = time.monotonic()
    stop_all(parts, patience_s=0.5, hurry=lambda: False)

    assert 0.5 <= time.monotonic() - began_s < 5
    assert not part.is_running


def test_a_second_request_does_not_wait(parts: list[Part], tmp_path: Path) -> None:
    part = make_part(parts, tmp_path, STUBBORN)
    part.start(0)
    wait_until(lambda: part.log.exists() and "up" in part.log.read_text(), "it is up")

    began_s = time.monotonic()
    stop_all(parts, patience_s=60, hurry=lambda: True)

    assert time.monotonic() - began_s < 5


def test_only_new_lines_that_report_an_error_are_shown(parts: list[Part], tmp_path: Path) -> None:
    (tmp_path / "part.log").write_text("ERROR of an earlier start\n")
    part = make_part(parts, tmp_path, "")
    with part.log.open("a") as log:
        log.write("INFO all is well\nERROR this is new\nValueError: so is this\nERROR half a li")

    first = part.new_troubles()
    with part.log.open("a") as log:
        log.write("ne\n")

    assert first == ["ERROR this is new", "ValueError: so is this"]
    assert part.new_troubles() == ["ERROR half a line"]


def test_the_reason_why_a_part_ended_is_shown(parts: list[Part], tmp_path: Path) -> None:
    part = make_part(parts, tmp_path, "")
    reason = "affectline: model_contract: expression.onnx is no model that can be loaded"
    part.log.write_text(f"INFO all is well\n{reason}\n")

    assert part.new_troubles() == [reason]


def test_a_flood_of_errors_is_cut_short(parts: list[Part], tmp_path: Path) -> None:
    part = make_part(parts, tmp_path, "")
    part.log.write_text("ERROR again\n" * 1000)

    shown = part.new_troubles()

    assert shown[:5] == ["ERROR again"] * 5
    assert shown[5:] == [f"… and 995 more, see {part.log}"]


def test_a_log_does_not_grow_without_end(
    parts: list[Part], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_module, "LONGEST_LOG_BYTES", 1000)
    part = make_part(parts, tmp_path, "")

    for number in range(400):
        with part.log.open("a") as log:
            log.write(f"line {number}\n")
        part.new_troubles()

    assert part.log.stat().st_size <= 1000
    assert part.log.with_suffix(".log.1").read_text().endswith("\n")


def test_a_full_disk_costs_the_old_log_and_nothing_else(
    parts: list[Part], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_module, "LONGEST_LOG_BYTES", 1000)
    part = make_part(parts, tmp_path, "")
    copy = part.log.with_suffix(".log.1")
    copy.symlink_to("/dev/full")
    part.log.write_text("INFO all is well\n" * 100 + "ERROR the disk is full\n")

    shown = [part.new_troubles() for _ in range(3)]

    assert [line for lines in shown for line in lines] == ["ERROR the disk is full"]
    assert part.log.stat().st_size == 0
    assert not copy.is_symlink()


def test_parts_get_the_settings_as_they_were_worked_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFECTLINE_PORT", "1")
    monkeypatch.setenv("AFFECTLINE_SAMPLE_CLIP", "inherited.mp4")
    settings = Settings(data=tmp_path, port=2, workers=3, sample_clip=None)

    environment = child_environment(settings)

    assert environment["AFFECTLINE_PORT"] == "2"
    monkeypatch.delenv("AFFECTLINE_SAMPLE_CLIP")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == settings
