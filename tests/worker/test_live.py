"""Live sessions: real analysers, bounded in number, ended when idle, replaced when they die."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from storage.errors import (
    AnalyserDied,
    LiveBusy,
    LiveFull,
    LiveNotFound,
    ModelContractError,
    UnsupportedMedia,
)
from tests.vision.live_pictures import webcam
from tests.waiting import wait_until
from tests.worker.conftest import LIMITS
from worker.live import LiveSessions


def analysers() -> set[psutil.Process]:
    """The analysers of this process, those of other tests' fixtures too."""
    children = psutil.Process().children()
    return {child for child in children if "worker.analyser.main" in child.cmdline()}


@pytest.fixture(scope="module")
def sessions() -> Iterator[LiveSessions]:
    sessions = LiveSessions(LIMITS, most=1)
    yield sessions
    sessions.close_all()


@pytest.fixture
def others() -> set[psutil.Process]:
    """Analysers that were there before the session."""
    return analysers()


@pytest.fixture
def session(sessions: LiveSessions, others: set[psutil.Process]) -> Iterator[str]:
    session = sessions.open()
    yield session
    with contextlib.suppress(LiveNotFound):
        sessions.close(session)


@pytest.fixture(scope="module")
def picture() -> bytes:
    return next(webcam(1))


def test_a_session_sees_faces_and_follows_them(sessions: LiveSessions, session: str) -> None:
    seen = [sessions.look(session, picture) for picture in webcam(5)]

    assert {(sight.width, sight.height) for sight in seen} == {(640, 480)}
    assert [[face.track for face in sight.faces] for sight in seen] == [[0]] * 5


def test_no_more_than_allowed_are_open_at_a_time(
    sessions: LiveSessions, session: str, picture: bytes
) -> None:
    with pytest.raises(LiveFull, match="all 1 live"):
        sessions.open()
    sessions.close(session)

    again = sessions.open()

    assert len(sessions.look(again, picture).faces) == 1
    sessions.close(again)


@pytest.fixture
def process(session: str, others: set[psutil.Process]) -> psutil.Process:
    """The session's analyser."""
    (process,) = analysers() - others
    return process


def test_closing_ends_the_process(
    sessions: LiveSessions, session: str, process: psutil.Process, picture: bytes
) -> None:

    sessions.close(session)

    assert not process.is_running()
    for gone in (session, "made up"):
        with pytest.raises(LiveNotFound):
            sessions.look(gone, picture)
        with pytest.raises(LiveNotFound):
            sessions.close(gone)


def test_a_picture_that_comes_while_its_session_ends_does_not_start_it_anew(
    sessions: LiveSessions,
    session: str,
    others: set[psutil.Process],
    picture: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ending = sessions._sessions[session]
    monkeypatch.setattr(ending._thread, "shutdown", lambda wait: None)  # not yet
    ending.end()

    with pytest.raises(LiveNotFound):
        ending.look(picture)

    assert analysers() == others


def test_a_picture_that_cannot_be_used_leaves_the_session_open(
    sessions: LiveSessions, session: str, picture: bytes
) -> None:
    with pytest.raises(UnsupportedMedia):
        sessions.look(session, b"<svg/>")

    assert len(sessions.look(session, picture).faces) == 1


def test_a_session_whose_analyser_died_is_over(
    sessions: LiveSessions, session: str, process: psutil.Process, picture: bytes
) -> None:
    process.kill()

    with pytest.raises(AnalyserDied):
        sessions.look(session, picture)
    with pytest.raises(LiveNotFound):
        sessions.look(session, picture)


def test_one_picture_at_a_time(
    sessions: LiveSessions, session: str, process: psutil.Process, picture: bytes
) -> None:
    """A second one would wait behind the first and be old when it is seen."""
    process.suspend()
    waiting = threading.Thread(target=sessions.look, args=(session, picture))
    waiting.start()
    wait_until(lambda: sessions._sessions[session]._busy.locked(), "the first one is looked at")

    with pytest.raises(LiveBusy):
        sessions.look(session, picture)

    process.resume()
    waiting.join()


def test_a_session_without_pictures_ends_by_itself(others: set[psutil.Process]) -> None:
    sessions = LiveSessions(LIMITS, most=1, idle_s=0.2)
    session = sessions.open()
    (process,) = analysers() - others

    wait_until(lambda: not process.is_running(), "the idle session ended")

    with pytest.raises(LiveNotFound):
        sessions.close(session)
    sessions.close_all()


def test_a_model_that_cannot_be_loaded_is_said_and_takes_no_place(tmp_path: Path) -> None:
    sessions = LiveSessions(replace(LIMITS, model=tmp_path / "none.onnx"), most=1)

    for _ in range(2):
        with pytest.raises(ModelContractError):
            sessions.open()
    sessions.close_all()


def test_none_is_opened_after_the_end() -> None:
    sessions = LiveSessions(LIMITS, most=1)
    sessions.close_all()

    with pytest.raises(LiveFull):
        sessions.open()
