"""The sweeper: every second it mends what crashes left behind. One at a time does it; others stand
by.
"""

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError as DatabaseError

from storage import claims, failures
from storage.blobs import Blobs
from storage.database import Database
from worker.removal import finish_removals, remove_abandoned_uploads

logger = logging.getLogger(__name__)

TICK_S = 1.0
_MAX_HINTS_PER_TICK = 32
_TICKS_PER_TIDYING = 3600
_UPLOAD_LASTS_S = 86_400  # no upload takes a day
_SWEEPER_LOCK = 0x0AFFEC72  # any fixed number: the key of PostgreSQL's advisory lock


@dataclass(frozen=True)
class Sweeper:
    database: Database
    blobs: Blobs
    waiting_hints: Callable[[], int]
    send_hints: Callable[[int], None]

    def sweep(self) -> None:
        """Free expired leases, finish removals that were cut off, send the hints that got lost."""
        freed = failures.free_expired_leases(self.database)
        if freed:
            logger.warning("%d leases had expired; their work is free again", freed)
        finish_removals(self.database, self.blobs)
        ready = claims.count_ready(self.database)
        if ready and not self.waiting_hints():  # comes last: without a broker it raises
            self.send_hints(min(ready, _MAX_HINTS_PER_TICK))

    def tidy(self) -> None:
        """Remove what killed uploads left behind: a look at every folder, so not every second."""
        remove_abandoned_uploads(self.database, self.blobs, older_than_s=_UPLOAD_LASTS_S)

    def run(self, stop: threading.Event) -> None:
        """Sweep every TICK_S until told to stop; wait for a database or broker that is away."""
        while not stop.is_set():
            try:
                with _turn(self.database, stop) as mine:
                    for tick in count():
                        if not mine or stop.wait(TICK_S):
                            break
                        self.sweep()
                        if tick % _TICKS_PER_TIDYING == 0:
                            self.tidy()
            except (BrokerError, DatabaseError, OSError) as error:
                logger.warning("the sweeper waits: %s", error)
                stop.wait(TICK_S)


@contextmanager
def _turn(database: Database, stop: threading.Event) -> Iterator[bool]:
    """Wait until no other sweeper is at work; yields False if told to stop meanwhile."""
    if database.is_sqlite:
        with Path(f"{database.engine.url.database}.sweeper").open("w") as lock:
            while not stop.is_set():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    stop.wait(TICK_S)
                    continue
                yield True
                return
            yield False
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            while not stop.is_set():
                held = text("SELECT pg_try_advisory_lock(:key)")
                if connection.execute(held, {"key": _SWEEPER_LOCK}).scalar_one():
                    yield True
                    return
                stop.wait(TICK_S)
            yield False
        finally:
            connection.invalidate()  # the lock lives as long as the session: do not pool it
