"""Spawn, supervise and kill the analyser. The only way to look into a medium from outside
worker.vision.
"""

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import TypeVar

from storage.errors import (
    AffectlineError,
    AnalyserDied,
    ModelContractError,
)
from storage.records import (
    Detector,
    JobOptions,
    MediaInfo,
    MediaPlan,
    SegmentObservations,
    SegmentSlice,
)
from worker.analyser import messages
from worker.analyser.limits import TICK_S, AnalyserLimits, Watch
from worker.analyser.wire import Decoder, Message, WireError, send_request
from worker.model import MODEL_REMEDY, load_model, load_yunet

_ROOT = Path(__file__).parent.parent.parent
_RECEIVE_BYTES = 1024 * 1024
_ADDRESS_SPACE_FACTOR = (
    4  # an idle analyser maps 0.5 GB already; resident memory is the limit that counts
)
_DESCRIPTOR = re.compile(r"/proc/self/fd/\d+")

Answer = TypeVar("Answer")
Tick = Callable[[int], None]
"""Called every TICK_S with the frames done so far; an exception of it kills the analyser and goes
on upwards.
"""


class Analyser:
    """One analysing child process, started when needed and again after it died. Use as a context
    manager.

    Use it in one thread only, and in one that lives as long as it: the kernel kills the child with
    the thread.
    """

    def __init__(self, limits: AnalyserLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None

    def __enter__(self) -> "Analyser":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the child, if there is one, and wait for its end."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def load(self, detector: Detector, *, tick: Tick) -> int:
        """Load the models for a detector's jobs; return below which confidence (ten-thousandths) an answer is uncertain.

        Raises ModelContractError for a file that is no model.
        """
        with Path(os.devnull).open("rb") as nothing:
            return self.ask(
                messages.load_request(detector),
                (nothing.fileno(),),
                tick=tick,
                read=messages.read_loaded,
            )

    def plan(
        self,
        medium: int,
        options: JobOptions,
        *,
        segment_target_us: int,
        full_decode: bool,
        tick: Tick,
    ) -> MediaPlan:
        """Plan the medium behind an open descriptor. Raises InputError for bad files,
        TransientError otherwise.
        """
        request = messages.plan_request(
            options, segment_target_us=segment_target_us, full_decode=full_decode
        )
        return self.ask(request, (medium,), tick=tick, read=messages.read_plan)

    def analyse(
        self,
        medium: int,
        options: JobOptions,
        *,
        media: MediaInfo,
        piece: SegmentSlice,
        tick: Tick,
    ) -> SegmentObservations:
        """Observe one slice of a planned medium. Raises PlanMismatch, InputError or another
        TransientError.
        """
        request = messages.analyse_request(options, media=media, piece=piece)
        return self.ask(request, (medium,), tick=tick, read=messages.read_observations)

    def ask(
        self,
        request: Message,
        descriptors: Sequence[int],
        *,
        tick: Tick,
        read: Callable[[Message], Answer],
    ) -> Answer:
        """Send a request with open descriptors, wait for its answer and read that.

        Raises the error the child answered with, AnalyserDied if it ended instead, and what its supervision raises.
        """
        try:
            process, connection = self._start()
            send_request(connection, request, descriptors=descriptors)
            answer = self._supervise(process, connection, tick)
            if answer.header.get("say") != "failure":
                return read(answer)
        except (OSError, WireError) as error:
            ended = self._describe_end()
            raise AnalyserDied(f"the analysing process {ended} on this file: {error}") from error
        except BaseException:
            self.close()  # a lease lost, a stop: whatever ends the wait, the child must not go on
            raise
        raise self._named(messages.raised(answer))

    def _named(self, error: AffectlineError) -> AffectlineError:
        """Say which model file is at fault, and what to do: the child knows it by a descriptor."""
        if isinstance(error, ModelContractError):
            reason = _DESCRIPTOR.sub("the file", error.message).rstrip(".")
            return ModelContractError(f"{self._limits.model}: {reason}; {MODEL_REMEDY}")
        return error

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None or self._connection is None:
            with self._opened_models() as models:
                self._connection, theirs = socket.socketpair()
                # A stopped child would block a long request for ever.
                self._connection.settimeout(self._limits.patience_s)
                with theirs:
                    self._process = self._spawned(theirs.fileno(), models)
        return self._process, self._connection

    def _spawned(self, their_end: int, models: dict[str, int]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command(their_end, models),
            pass_fds=(their_end, *models.values()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,  # a Ctrl-C is for the supervisor
        )

    @contextmanager
    def _opened_models(self) -> Iterator[dict[str, int]]:
        """Yield descriptors of the models' bytes by the child's names of them."""
        with ExitStack() as opened:
            models = {"model": opened.enter_context(load_model(self._limits.model).opened())}
            if self._limits.yunet is not None:
                models["yunet"] = opened.enter_context(load_yunet(self._limits.yunet).opened())
            yield models

    def _command(self, their_end: int, models: dict[str, int]) -> list[str]:
        address_space = self._limits.memory_bytes * _ADDRESS_SPACE_FACTOR
        files = [(f"--{name}", f"/proc/self/fd/{model}") for name, model in models.items()]
        return [
            *(sys.executable, "-m", "worker.analyser.main"),
            *("--socket", str(their_end)),
            *("--parent", str(os.getpid())),
            *("--address-space", str(address_space)),
            *chain.from_iterable(files),
        ]

    def _supervise(
        self, process: subprocess.Popen[bytes], connection: socket.socket, tick: Tick
    ) -> Message:
        """Wait for the answer, ticking. Raises what ends the wait: tick's errors, the limits', a
        lost connection.
        """
        decoder = Decoder()
        watch = Watch(self._limits)
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            while True:
                if selector.select(timeout=watch.until_tick_s()):
                    data = connection.recv(_RECEIVE_BYTES)
                    if not data:
                        raise ConnectionResetError("its end of the pipe closed")
                    decoder.feed(data)
                while (message := decoder.next_message()) is not None:
                    if message.header.get("say") != "progress":
                        return message
                    watch.saw(messages.frames_done(message))
                if watch.until_tick_s() <= 0:
                    watch.check(process.pid)
                    tick(watch.done)

    def _describe_end(self) -> str:
        """Kill what is left of the child and say how it ended."""
        process = self._process
        if process is None:
            return "could not be started"
        try:
            status = process.wait(timeout=TICK_S)
        except subprocess.TimeoutExpired:
            status = None
        self.close()
        if status is None:
            return "stopped answering"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"exited with status {status}"


def _environment() -> dict[str, str]:
    """The child finds this code wherever the parent was started, nothing in the working directory
    shadows it, and it knows no setting: passwords and keys are none of its business.
    """
    search = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
    known = {name: v for name, v in os.environ.items() if not name.startswith("AFFECTLINE_")}
    return {**known, "PYTHONPATH": search, "PYTHONSAFEPATH": "1"}
