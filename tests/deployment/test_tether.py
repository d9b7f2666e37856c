"""Processes that die with who started them."""

import os
import signal
import subprocess
import sys

import psutil

from tests.waiting import wait_until
from worker.tether import tethered


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_tethered_command_dies_with_its_parent() -> None:
    program = (
        "import subprocess, time; from worker.tether import tethered;"
        "child = subprocess.Popen(tethered(['sleep', '60']), stdout=subprocess.DEVNULL);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_until(lambda: psutil.Process(child).name() == "sleep", "the command runs")

    parent.kill()
    parent.communicate()

    wait_until(lambda: is_gone(child), "the child died too", patience_s=5)


def test_a_parent_that_died_first_is_noticed() -> None:
    somebody_else = str(os.getpid() + 1_000_000)
    command = tethered(["echo", "still here"])
    command[command.index(str(os.getpid()))] = somebody_else

    orphan = subprocess.run(command, capture_output=True)

    assert orphan.returncode == -signal.SIGKILL
    assert orphan.stdout == b""


def test_a_tethered_command_keeps_its_arguments_and_exit_status() -> None:
    command = tethered(["sh", "-c", 'echo "$1"; exit 3', "sh", "two words"])

    done = subprocess.run(command, capture_output=True)

    assert (done.returncode, done.stdout) == (3, b"two words\n")
