"""The folder in which `annotate` remembers what it has done; one call at a time works in it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import Conflict, OutputFailed

STATE_FOLDER = ".affectline"
"""Where `annotate` keeps its database and drafts, below the output folder."""
_LOCK = "lock"


def make_state_folder(folder: Path) -> Path:
    """Make it below an output folder. Raises OutputFailed if nothing can be written there."""
    state = folder / STATE_FOLDER
    try:
        state.mkdir(parents=True, exist_ok=True)
        (state / _LOCK).touch()
    except OSError as error:
        raise OutputFailed(
            f"the output folder {folder} can't be written to: {error.strerror}"
        ) from error
    return state


@contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Hold a state folder against other calls. Raises Conflict if another one has it."""
    with (state / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"another annotate is at work in {state.parent}: wait for it, or choose another -o"
            ) from error
        yield
