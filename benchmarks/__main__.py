"""Measure and print JSON: `./run bench [--quick] [--video FILE]`."""

import argparse
import json
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.material import SIZES, NoMaterialError, write_talk
from benchmarks.memory import peak_bytes
from benchmarks.rows import rows_per_cpu_second
from benchmarks.stages import measure
from storage.records import JobOptions
from storage.settings import Settings

FRAMES = 150
QUICK_FRAMES = 25
TIMES_LONGER = 24
LIBRARIES = ("av", "numpy", "onnxruntime", "opencv-python-headless")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./run bench", description="CPU time and memory per frame, as JSON."
    )
    parser.add_argument("--quick", action="store_true", help="few frames: does it run at all?")
    parser.add_argument(
        "--video", type=Path, action="append", default=[], help="measure this file instead"
    )
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            results = _results(
                Path(folder), given.video, frames=QUICK_FRAMES if given.quick else FRAMES
            )
    except NoMaterialError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(results, indent=2))
    return 0


def _results(folder: Path, videos: list[Path], *, frames: int) -> dict[str, Any]:
    model = Settings.load().model
    named = {video.name: video for video in videos} or _material(folder, frames)
    speed = [
        {"video": name, **measure(file, JobOptions(detector=detector, detect_every=every), model)}
        for name, file in named.items()
        for detector in Settings.load().detectors
        for every in (1, 8)
    ]
    return {
        "machine": _machine(),
        "speed": speed,
        "memory": _memory(folder, model, frames=frames),
        "rows_written_per_cpu_second": rows_per_cpu_second(folder),
    }


def _material(folder: Path, frames: int) -> dict[str, Path]:
    return {
        name: write_talk(folder / f"{name}.mp4", width=width, height=height, frames=frames)
        for name, (width, height) in SIZES.items()
    }


def _memory(folder: Path, model: Path, *, frames: int) -> dict[str, Any]:
    """Peak memory of the smallest video and of one 24 times as long."""
    width, height = SIZES["360p"]
    short = write_talk(folder / "short.mp4", width=width, height=height, frames=frames)
    long = write_talk(folder / "long.mp4", width=width, height=height, frames=frames * TIMES_LONGER)
    peaks = [peak_bytes(file, model) for file in (short, long)]
    return {
        "peak_bytes": peaks[0],
        f"peak_bytes_{TIMES_LONGER}_times_longer": peaks[1],
        "growth": round(peaks[1] / peaks[0], 3),
    }


def _machine() -> dict[str, Any]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


if __name__ == "__main__":
    sys.exit(main())
