"""The thin Celery shell: one task, and the life of a child process.

A child looks when a hint comes, and now and then without one: a broker that is away, a sweeper that died, a
consumer that came back deaf from a lost connection (celery issues 8030 and 10205) only slow it down.
"""

import logging
import mmap
import threading
import time
from typing import Any

from celery import shared_task, signals

from storage.blobs import Blobs
from storage.database import Database
from storage.settings import Settings
from worker.analyser.client import Analyser
from worker.analyser.limits import AnalyserLimits
from worker.celery_app import LOOK_TASK, hint_sender
from worker.engine import Engine, capabilities
from worker.tether import die_with_parent
from worker.work import work_next

logger = logging.getLogger(__name__)

LOOK_UNASKED_S = 10.0
"""How long work waits for a child at the most when no hint of it arrives."""

# Shared with the children by the fork, so that the parent can tell them to hand their work back. A
# byte, not a multiprocessing.Event: a child killed while it holds that one's lock would hang all others.
_stop_flag = mmap.mmap(-1, 1)

_at_work = threading.Lock()  # one piece at a time, hinted at or not


def _stopping() -> bool:
    return _stop_flag[0] != 0


_child: tuple[Engine, Analyser] | None = None


@shared_task(name=LOOK_TASK, ignore_result=True)
def look() -> None:
    """Work until there is nothing to do."""
    if _child is None:
        raise AssertionError("the child process was not set up")
    with _at_work:
        _work_to_the_end(*_child)


def _work_to_the_end(engine: Engine, analyser: Analyser) -> None:
    while not _stopping() and work_next(engine, analyser):
        pass


def _look_unasked(engine: Engine, limits: AnalyserLimits) -> None:
    """Look every LOOK_UNASKED_S unless a hint is being followed; runs in a thread of its own."""
    while True:
        time.sleep(LOOK_UNASKED_S)
        if not _at_work.acquire(blocking=False):
            continue
        try:
            with Analyser(limits) as analyser:  # its own: one ends with the thread that started it
                _work_to_the_end(engine, analyser)
        except (
            Exception
        ):  # broad: whatever it was this time, a thread that ended would never look again
            logger.exception("looking for work failed; trying again in %g s", LOOK_UNASKED_S)
        finally:
            _at_work.release()


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
    limits = AnalyserLimits.from_settings(settings)
    _child = engine, Analyser(limits)
    threading.Thread(target=_look_unasked, args=(engine, limits), daemon=True).start()


def _waker(settings: Settings) -> Any:
    send = hint_sender(settings)
    # This child goes on by itself; more hints than children would find nothing.
    return lambda ready: send(min(ready - 1, settings.workers))


@signals.worker_process_shutdown.connect
def _end(**_: Any) -> None:
    if _child is not None:
        engine, analyser = _child
        with _at_work:  # what was found unasked is handed back first
            analyser.close()
            engine.database.close()


@signals.worker_shutting_down.connect
def _hand_back(**_: Any) -> None:
    _stop_flag[0] = 1
