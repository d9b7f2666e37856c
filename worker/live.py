"""Live sessions: each an analyser process of its own that sees pictures one by one. Nothing of them is stored.

A session belongs to the process that opened it and ends with it. Its analyser is supervised, limited and killed like any other.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

from storage.errors import (
    AffectlineError,
    Conflict,
    InputError,
    LiveBusy,
    LiveFull,
    LiveNotFound,
    LiveOff,
    NotFound,
)
from worker.analyser import live_messages
from worker.analyser.client import Analyser, Answer
from worker.analyser.limits import AnalyserLimits
from worker.analyser.wire import Message
from worker.live_faces import LiveSight

logger = logging.getLogger(__name__)

IDLE_S = 15.0
"""A session that gets no picture for so long ends: its page is closed, or its network gone."""
PATIENCE_S = 10.0
"""An analyser that needs longer for one picture is killed."""
MEMORY_BYTES = 1024**3
"""Of one session's analyser, which needs about 200 MB."""
CHECK_S = 1.0
"""How often idle sessions are looked for."""


class LiveSessions:
    """The live sessions of this process, bounded in number."""

    def __init__(self, limits: AnalyserLimits, *, most: int, idle_s: float = IDLE_S) -> None:
        memory_bytes = min(limits.memory_bytes, MEMORY_BYTES)
        # MTCNN alone looks at live pictures
        self._limits = replace(limits, yunet=None, memory_bytes=memory_bytes, patience_s=PATIENCE_S)
        self._most = most
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None

    def open(self) -> str:
        """Start a session and return its id, once its analyser is ready.

        Raises LiveOff if there are none here, LiveFull if all are taken, ModelContractError or a TransientError if the
        analyser does not start.
        """
        if self._most == 0:
            raise LiveOff()
        session_id, session = uuid4().hex, _Session(self._limits)
        with self._lock:
            if len(self._sessions) >= self._most or self._closed.is_set():
                raise LiveFull(f"all {self._most} live sessions are taken; try again later")
            self._sessions[session_id] = session
            self._watch_idle()
        try:
            session.begin()
        except BaseException:  # whatever kept it from starting, its place must be free again
            self.close(session_id)
            raise
        return session_id

    def look(self, session_id: str, jpeg: bytes) -> LiveSight:
        """Show a session its next picture; waits for what it sees.

        Raises LiveNotFound, LiveBusy while it looks at another, InputError for a picture that can't be used. A session whose
        analyser fails ends with a TransientError.
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise LiveNotFound()
        try:
            return session.look(jpeg)
        except (InputError, Conflict, NotFound):
            raise
        except AffectlineError:  # of its analyser, which is gone with all it had seen
            with contextlib.suppress(LiveNotFound):
                self.close(session_id)
            raise

    def close(self, session_id: str) -> None:
        """End a session and its analyser. Raises LiveNotFound."""
        with self._lock:
            session = self._sessions.pop(session_id, None)
        if session is None:
            raise LiveNotFound()
        session.end()

    def close_all(self) -> None:
        """End every session; none can be opened any more."""
        self._closed.set()
        with self._lock:
            left = list(self._sessions)
        for session_id in left:
            with contextlib.suppress(LiveNotFound):
                self.close(session_id)

    def _watch_idle(self) -> None:
        if self._watch is None:
            self._watch = threading.Thread(target=self._end_idle, name="live-idle", daemon=True)
            self._watch.start()

    def _end_idle(self) -> None:
        while not self._closed.wait(min(CHECK_S, self._idle_s / 2)):
            idle = [i for i, s in list(self._sessions.items()) if s.idle_s() > self._idle_s]
            for session_id in idle:
                logger.info("a live session had no picture for %g s", self._idle_s)
                with contextlib.suppress(LiveNotFound):
                    self.close(session_id)


class _Session:
    """One analyser and the one thread that speaks with it: the kernel kills the child with that thread."""

    def __init__(self, limits: AnalyserLimits) -> None:
        self._analyser = Analyser(limits)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live")
        self._busy = threading.Lock()
        self._used_s = time.monotonic()
        self._ended = False

    def begin(self) -> None:
        self._ask(b"", live_messages.begin_request(), live_messages.read_begun)

    def look(self, jpeg: bytes) -> LiveSight:
        request = live_messages.look_request(time.monotonic_ns() // 1000)
        return self._ask(jpeg, request, live_messages.read_sight)

    def _ask(self, jpeg: bytes, request: Message, read: Callable[[Message], Answer]) -> Answer:
        if not self._busy.acquire(blocking=False):
            raise LiveBusy()
        try:
            return self._started(jpeg, request, read).result()
        finally:
            self._used_s = time.monotonic()
            self._busy.release()

    def _started(
        self, jpeg: bytes, request: Message, read: Callable[[Message], Answer]
    ) -> Future[Answer]:
        def ask() -> Answer:
            if self._ended:  # asked for another picture, the analyser would start anew
                raise LiveNotFound()
            with _in_memory(jpeg) as picture:
                return self._analyser.ask(request, (picture,), tick=_nothing, read=read)

        try:
            return self._thread.submit(ask)
        except RuntimeError as error:  # the session ended meanwhile
            raise LiveNotFound() from error

    def end(self) -> None:
        """Kill the analyser, after the picture it may be looking at, and let the thread go."""
        self._ended = True
        with contextlib.suppress(RuntimeError):  # it is ending already
            self._thread.submit(self._analyser.close)
        self._thread.shutdown(wait=True)

    def idle_s(self) -> float:
        """Seconds since the last picture was answered; 0 while one is looked at."""
        return 0.0 if self._busy.locked() else time.monotonic() - self._used_s


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    """Yield a descriptor of the bytes, which never touch a disk."""
    descriptor = os.memfd_create("affectline-live")
    try:
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)


def _nothing(_done: int) -> None:
    """There is no lease to renew and no progress to tell."""
