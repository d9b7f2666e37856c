"""Recordings that are copied, replaced or taken away while annotate looks at them."""

import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from api.annotate import Progress, _Session, annotate
from api.input_medium import check_unchanged, read_medium
from api.items import Item
from api.outputs import find_inputs
from storage import jobs
from storage.blobs import sha256_of
from storage.database import Database, sqlite_url
from storage.errors import FileChanging
from storage.records import JobOptions, Scores
from tests.annotate.test_annotate import SETTINGS, all_files, rows, run
from tests.vision.made_media import Recipe, moving_pictures, write_video
from tests.waiting import wait_until


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Three frames without any face."""
    return write_video(tmp_path / "a.mp4", moving_pictures(3), Recipe())


@pytest.fixture
def longer(tmp_path: Path) -> Path:
    """Five frames."""
    return write_video(tmp_path / "longer.mp4", moving_pictures(5), Recipe())


@pytest.fixture
def database(out: Path) -> Iterator[Database]:
    """The one in the state folder, which a call must have made."""
    database = Database(sqlite_url(out / ".affectline" / "affectline.sqlite"))
    yield database
    database.close()


def run_while(changes: Iterator[object], *paths: Path, out: Path) -> list[Item]:
    """Annotate; each time the progress is shown, the next change happens."""

    def show(_now: Progress) -> None:
        next(changes, None)

    return annotate(list(paths), out, options=JobOptions(), settings=SETTINGS, show=show)


def test_a_recording_that_is_replaced_is_looked_at_again(
    video: Path, longer: Path, out: Path
) -> None:
    """Symptom: a timeline of the new bytes beside the SHA-256 of the old ones, for good."""
    changes = (file.replace(video) for file in [longer])

    (item,) = run_while(changes, video, out=out)

    assert (item.state, item.frames) == ("done", 5)
    assert json.loads((out / "a.json").read_text())["sha256"] == sha256_of(video)
    assert len(rows(out / "a.csv")) == 5


def test_a_recording_that_is_damaged_meanwhile_gets_no_timeline(
    video: Path, longer: Path, out: Path
) -> None:
    run(video, out=out)
    longer.write_bytes(longer.read_bytes()[:200])
    changes = (file.replace(video) for file in [longer])

    (item,) = run_while(changes, video, out=out)

    assert (item.state, item.code) == ("failed", "corrupt_media")
    assert set(all_files(out)) == {"items.csv"}


def test_a_recording_that_is_written_to_all_the_time_fails(
    video: Path, longer: Path, out: Path
) -> None:
    changes = map(partial(os.truncate, video), count(video.stat().st_size + 1))

    items = run_while(changes, video, longer, out=out)

    assert [(item.state, item.code) for item in items] == [
        ("failed", "file_changing"),
        ("done", ""),
    ]
    assert "written to or replaced" in items[0].message
    assert set(all_files(out)) == {"items.csv", "longer.csv", "longer.json"}


def test_a_recording_that_is_gone_at_the_end_keeps_its_work(
    video: Path, out: Path, database: Database
) -> None:
    run(video, out=out, options=JobOptions())
    inputs = find_inputs([video], folder=out)
    session = _Session(inputs, out, JobOptions(), Scores.RAW, database, SETTINGS)
    session._take_in(0)
    view = jobs.get_job(database, session._open[0])
    video.rename(video.with_name("elsewhere.mp4"))

    session._finish(0, view)

    assert session._items[0].code == "path_not_found"
    assert jobs.exists(database, view.id)
    assert (out / "a.csv").exists()


def test_what_is_written_to_while_it_is_read_is_not_taken_in(tmp_path: Path, video: Path) -> None:
    file = tmp_path / "big.mp4"
    file.write_bytes(video.read_bytes() + bytes(20_000_000))
    size_bytes, stop = file.stat().st_size, threading.Event()

    def append() -> None:
        with file.open("ab", buffering=0) as opened:
            while not stop.wait(0.001):
                opened.write(b"\0")

    writer = threading.Thread(target=append)
    writer.start()
    try:
        wait_until(lambda: file.stat().st_size > size_bytes, "it is written to")
        with pytest.raises(FileChanging):
            read_medium(file)
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("change", ["longer", "later", "replaced"])
def test_a_changed_file_is_told(tmp_path: Path, change: str) -> None:
    file, other = tmp_path / "a.png", tmp_path / "b.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")
    medium, state = read_medium(file)
    times_ns = (state.modified_ns, state.modified_ns)
    if change == "later":
        os.utime(file, ns=(times_ns[0], times_ns[0] + 1_000_000))
    else:
        other.write_bytes(b"\x89PNG\r\n\x1a\r" + b"\0" * (change == "longer"))
        os.utime(other, ns=times_ns)
        other.replace(file)

    with pytest.raises(FileChanging):
        check_unchanged(file, state, sha256=medium.sha256)


def test_a_file_that_only_got_another_number_is_the_same(tmp_path: Path) -> None:
    """Network file systems may number their files anew."""
    file, other = tmp_path / "a.png", tmp_path / "b.png"
    for each in (file, other):
        each.write_bytes(b"\x89PNG\r\n\x1a\n")
    medium, state = read_medium(file)
    os.utime(other, ns=(state.modified_ns, state.modified_ns))
    other.replace(file)

    check_unchanged(file, state, sha256=medium.sha256)
