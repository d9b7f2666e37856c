"""Processes that die with the process that started them, even if that one is killed by SIGKILL.

Only the standard library is imported, so that the file can be run by path, without our packages:
`python -I -S worker/tether.py PARENT_PID COMMAND…` becomes COMMAND with the tether on.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # Linux, prctl(2): kept over execve, not given on to children


def die_with_parent(parent_pid: int | None = None) -> None:
    """Have the kernel kill this process by SIGKILL when the thread that started it ends.

    parent_pid: who started this process, if known; a parent that died before this call is noticed
    by it. Elsewhere than on Linux this does nothing.
    """
    if sys.platform != "linux":
        return
    expected = parent_pid or os.getppid()
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGKILL)


def tethered(command: list[str]) -> list[str]:
    """The command line that runs `command` as a child of this process and dies with it."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(os.getpid()), *command]


def main(arguments: list[str]) -> None:
    """Put the tether on and become the command."""
    parent_pid, *command = arguments
    die_with_parent(int(parent_pid))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
