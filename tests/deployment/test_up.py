"""The supervisor of the embedded system, with parts of its own."""

from pathlib import Path

import pytest

from api.up import StopRequests, Supervisor
from storage.settings import Settings
from tests.waiting import wait_until


def test_what_cannot_be_started_for_a_while_ends_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Symptom: a moment without a process to be had, or without room, took the whole system down."""
    logs, aside = tmp_path / "logs", tmp_path / "aside"
    logs.mkdir()
    supervisor = Supervisor(Settings(data=tmp_path), StopRequests())
    said: list[str] = []

    def has_said(words: str) -> bool:
        supervisor._tick()
        said.append(capsys.readouterr().out)
        return words in said[-1]

    try:
        supervisor._start("steady", ["sleep", "1000"])
        supervisor._start("short", ["true"])
        logs.rename(aside)
        wait_until(lambda: has_said("short can't be started (No such file"), "its start failed")
        aside.rename(logs)
        wait_until(lambda: has_said("short ended"), "it was started again")

        steady, _ = supervisor._parts
        assert steady.is_running
        assert not any("steady" in text for text in said)
    finally:
        supervisor._end()
