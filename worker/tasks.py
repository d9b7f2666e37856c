"""The thin Celery shell: one task, and the life of a child process."""

import logging
import mmap
from typing import Any

from celery import shared_task, signals

from storage.blobs import Blobs
from storage.database import Database
from storage.settings import Settings
from worker.analyser.client import Analyser, AnalyserLimits
from worker.celery_app import LOOK_TASK, hint_sender
from worker.engine import Engine, capabilities
from worker.tether import die_with_parent
from worker.work import work_next

logger = logging.getLogger(__name__)

# Shared with the children by the fork, so that the parent can tell them to hand their work back. A
# byte, not a multiprocessing.Event: a child killed while it holds that one's lock would hang all others.
_stop_flag = mmap.mmap(-1, 1)


def _stopping() -> bool:
    return _stop_flag[0] != 0


_child: tuple[Engine, Analyser] | None = None


@shared_task(name=LOOK_TASK, ignore_result=True)
def look() -> None:
    """Work until there is nothing to do."""
    if _child is None:
        raise AssertionError("the child process was not set up")
    while not _stopping() and work_next(*_child):
        pass


@signals.worker_process_init.connect
def _begin(**_: Any) -> None:
    """Set up a child after its fork: sessions, connections and analysers must not cross it."""
    global _child
    die_with_parent()
    settings = Settings.load()
    engine = Engine(
        database=Database(settings.resolved_database_url),
        blobs=Blobs(settings.blob_folder),
        settings=settings,
        able=capabilities(settings),
        stopping=_stopping,
        wake_others=_waker(settings),
    )
    _child = engine, Analyser(AnalyserLimits.from_settings(settings))


def _waker(settings: Settings) -> Any:
    send = hint_sender(settings)
    # This child goes on by itself; more hints than children would find nothing.
    return lambda ready: send(min(ready - 1, settings.workers))


@signals.worker_process_shutdown.connect
def _end(**_: Any) -> None:
    if _child is not None:
        engine, analyser = _child
        analyser.close()
        engine.database.close()


@signals.worker_shutting_down.connect
def _hand_back(**_: Any) -> None:
    _stop_flag[0] = 1
