"""The benchmark's parts run, and what they say fits together."""

from pathlib import Path

import pytest

from benchmarks.material import write_talk
from benchmarks.memory import peak_bytes
from benchmarks.rows import rows_per_cpu_second
from benchmarks.stages import measure
from storage.records import Detector, JobOptions


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames of two talking heads."""
    file = tmp_path_factory.mktemp("talk") / "talk.mp4"
    return write_talk(file, width=320, height=180, frames=10)


def test_stages_are_parts_of_the_whole(talk: Path, tiny_model: Path) -> None:
    result = measure(talk, JobOptions(detector=Detector.MTCNN), tiny_model, repeats=1)

    assert result["frames"] == 10
    assert result["faces_per_frame"] >= 1
    assert all(spent >= 0 for spent in result["stages_ms"].values())
    assert sum(result["stages_ms"].values()) <= result["end_to_end_ms"]


def test_peak_memory_is_the_childs_own(talk: Path, tiny_model: Path) -> None:
    ballast = bytearray(1024**3)
    ballast[::4096] = b"x" * len(ballast[::4096])  # resident in this process, not only promised

    assert 50 * 1024**2 < peak_bytes(talk, tiny_model) < len(ballast)


def test_rows_are_counted_per_second(tmp_path: Path) -> None:
    assert rows_per_cpu_second(tmp_path) > 0
