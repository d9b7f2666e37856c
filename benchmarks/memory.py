"""Peak memory of analysing one video, measured in a process of its own: `python -m benchmarks.memory VIDEO MODEL`.

It is analysed as jobs are: in segments, whose rows leave the process with each.
"""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.stages import analyse_in_segments
from storage.records import JobOptions


def peak_bytes(file: Path, model: Path) -> int:
    """Analyse a video in a child process and return the most resident memory it had. Raises CalledProcessError."""
    command = [sys.executable, "-m", "benchmarks.memory", str(file), str(model)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(answer.stdout)


def main() -> None:
    file, model = map(Path, sys.argv[1:])
    analyse_in_segments(file, JobOptions(), model)
    # Not getrusage, whose ru_maxrss begins with what the parent had when it started this process.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    print(int(peak[1]) * 1024)


if __name__ == "__main__":
    main()
