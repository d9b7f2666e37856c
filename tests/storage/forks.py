"""Real processes that start at the same moment."""

import multiprocessing
from collections.abc import Callable
from typing import Any

_PATIENCE_S = 60.0
_forks = multiprocessing.get_context("fork")  # spawning imports everything anew, for seconds


def run_at_once(work: Callable[..., Any], *arguments: Any, processes: int) -> list[Any]:
    """Run `work` in so many processes at once. Returns what each returned, or the text of its error."""
    start = _forks.Barrier(processes)
    results = _forks.Queue()

    def run() -> None:
        start.wait()
        try:
            results.put(work(*arguments))
        except Exception as error:  # the parent compares what each process ended with
            results.put(f"{type(error).__name__}: {error}")

    children = [_forks.Process(target=run) for _ in range(processes)]
    for child in children:
        child.start()
    found = [results.get(timeout=_PATIENCE_S) for _ in children]
    for child in children:
        child.join(timeout=_PATIENCE_S)
    return found
