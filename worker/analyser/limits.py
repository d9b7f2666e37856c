"""What an analyser may take, and the clocks that watch it."""

import resource
import time
from dataclasses import dataclass
from pathlib import Path

from storage.errors import AnalyserOutOfMemory, AnalyserTimeout
from storage.settings import Settings

TICK_S = 1.0
"""How often the supervisor looks at lease, progress, memory and clock."""

FRAMES_PER_LIMIT = 10_000
"""The wall clock allowed to a request grows with what it has done: a piece may be a whole film."""


@dataclass(frozen=True)
class AnalyserLimits:
    model: Path
    yunet: Path | None  #: the detector's file, where there is one
    memory_bytes: int  #: resident
    patience_s: float  #: without progress
    limit_s: float  #: for each FRAMES_PER_LIMIT frames of a request

    @classmethod
    def from_settings(cls, settings: Settings) -> "AnalyserLimits":
        return cls(
            model=settings.model,
            yunet=settings.yunet,
            memory_bytes=settings.analyser_memory_bytes,
            patience_s=settings.analyser_patience_s,
            limit_s=settings.analyser_limit_s,
        )


class Watch:
    """The clocks of one request."""

    def __init__(self, limits: AnalyserLimits) -> None:
        self._limits = limits
        self._started_s = self._moved_s = self._ticked_s = time.monotonic()
        self.done = 0

    def until_tick_s(self) -> float:
        return max(0.0, self._ticked_s + TICK_S - time.monotonic())

    def saw(self, done: int) -> None:
        """A report is a sign of life even without a frame done: on the way from a key packet."""
        self._moved_s = time.monotonic()
        self.done = done

    def check(self, pid: int) -> None:
        """Raise what the child has run into: AnalyserOutOfMemory or AnalyserTimeout."""
        now_s = self._ticked_s = time.monotonic()
        resident = _resident_bytes(pid)
        if resident > self._limits.memory_bytes:
            raise AnalyserOutOfMemory(
                f"the analysing process took {resident} bytes of memory on this file;"
                f" it may take {self._limits.memory_bytes}"
            )
        if now_s - self._moved_s > self._limits.patience_s:
            raise AnalyserTimeout(
                f"no progress on this file for {self._limits.patience_s:g} s (frame {self.done})"
            )
        limit_s = self._limits.limit_s * (1 + self.done // FRAMES_PER_LIMIT)
        if now_s - self._started_s > limit_s:
            raise AnalyserTimeout(f"{self.done} frames of this file took longer than {limit_s:g} s")


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has just ended; the pipe will say so
        return 0
    return pages * resource.getpagesize()
