"""Waiting for what happens in another process."""

import time
from collections.abc import Callable

_PATIENCE_S = 30.0


def wait_until(
    condition: Callable[[], bool], what: str, *, patience_s: float = _PATIENCE_S
) -> None:
    """Wait for a condition. Raises TimeoutError naming `what` did not come true."""
    give_up_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"not within {patience_s:g} s: {what}")
        time.sleep(0.05)
