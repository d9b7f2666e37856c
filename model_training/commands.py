"""How the commands of this package end."""

import sys
from collections.abc import Callable

from storage.errors import AffectlineError

EXIT_BAD_INPUT = 2


def run_command(command: Callable[[], None]) -> int:
    """Run a command and return its exit code: 0, or 2 after one line on stderr for bad input."""
    try:
        command()
    except AffectlineError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0
