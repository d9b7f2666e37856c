"""The workers of `annotate`: threads of its own process, each with an analyser."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from storage import failures
from storage.blobs import Blobs
from storage.database import Database
from storage.settings import Settings
from worker.analyser.client import Analyser
from worker.analyser.limits import AnalyserLimits
from worker.engine import Engine, capabilities
from worker.work import work_next

_IDLE_S = 0.1


@contextmanager
def running_workers(
    database: Database, blobs: Blobs, settings: Settings
) -> Iterator[Callable[[], None]]:
    """Run one analyser per core, each supervised by a thread. Yields a function that raises what a
    thread raised.
    """
    stop = threading.Event()
    raised: list[BaseException] = []
    engine = Engine(
        database=database,
        blobs=blobs,
        settings=settings,
        able=capabilities(settings),
        stopping=stop.is_set,
        wake_others=lambda _count: None,
    )

    def work() -> None:
        try:
            with Analyser(AnalyserLimits.from_settings(settings)) as analyser:
                while not stop.is_set():
                    failures.free_expired_leases(database)
                    if not work_next(engine, analyser):
                        stop.wait(_IDLE_S)
        except BaseException as error:  # a thread can't end the call: the main one raises it
            raised.append(error)

    def check() -> None:
        if raised:
            raise raised[0]

    threads = [threading.Thread(target=work, name=f"worker-{n}") for n in range(settings.workers)]
    for thread in threads:
        thread.start()
    try:
        yield check
    finally:
        stop.set()
        for thread in threads:
            thread.join()
