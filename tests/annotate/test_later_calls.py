"""What a call of annotate makes of what earlier ones left in the state folder."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from api.annotate import Progress, annotate
from storage import jobs, tables
from storage.blobs import sha256_of
from storage.database import Database, sqlite_url
from storage.records import JobOptions, JobState, SegmentKind, SegmentState
from storage.tables import segments
from tests.annotate.test_annotate import FEW, SETTINGS, all_files, run
from tests.vision.made_media import Recipe, moving_pictures, write_video
from tests.worker.clips import write_clip


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Three frames without any face."""
    return write_video(tmp_path / "a.mp4", moving_pictures(3), Recipe())


@contextmanager
def state_of(out: Path) -> Iterator[Database]:
    """The database in the state folder of an output folder."""
    database = Database(sqlite_url(out / ".affectline" / "affectline.sqlite"))
    try:
        yield database
    finally:
        database.close()


def row_counts(out: Path) -> dict[str, int]:
    """Number of rows of jobs, and of their media and frames, in whatever state."""
    with closing(sqlite3.connect(out / ".affectline" / "affectline.sqlite")) as connection:
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("jobs", "media", "frames")
        }
    return counts


def test_a_removal_that_was_cut_off_is_finished(video: Path, out: Path) -> None:
    """Symptom: after a kill -9 in the middle a job stayed `deleting`, with all its rows, for good."""
    run(video, out=out)
    with state_of(out) as database:
        found = jobs.find_job(database, f"file:{video}")
        assert found is not None
        jobs.begin_delete(database, found.id)

    run(video, out=out, options=JobOptions())

    assert row_counts(out) == {"jobs": 1, "media": 1, "frames": 3}


def test_a_removal_that_waited_for_readers_is_finished_at_the_end(video: Path, out: Path) -> None:
    run(video, out=out)
    reader = sqlite3.connect(
        out / ".affectline" / "affectline.sqlite", isolation_level=None, check_same_thread=False
    )

    def stop_reading(_now: Progress) -> None:
        reader.close()

    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM frames").fetchone()
    annotate([video], out, options=JobOptions(), settings=SETTINGS, show=stop_reading)

    assert row_counts(out)["jobs"] == 1


def fail_the_last_piece(out: Path, code: str) -> None:
    """Leave what is left when the last piece of an analysis has failed for good, and write no timeline of it."""
    with state_of(out) as database, database.writing() as connection:
        last = select(func.max(segments.c.segment)).where(segments.c.kind == SegmentKind.ANALYSE)
        failed = (segments.c.segment == last.scalar_subquery()) | (
            segments.c.kind == SegmentKind.FINALISE
        )
        connection.execute(update(segments).where(failed).values(state=SegmentState.FAILED))
        connection.execute(update(tables.jobs).values(state=JobState.FAILED, error_code=code))
        done = tables.jobs.c.segments_done - 1
        connection.execute(update(tables.jobs).values(segments_done=done, summary=None))


@pytest.mark.parametrize(
    ("code", "claims"),
    [
        ("analyser_memory", [1, 1, 1, 1, 2, 2]),
        ("workers_lost", [1, 1, 1, 1, 2, 2]),
        ("corrupt_media", [1, 1, 1, 1, 1, 1]),  # of a new job
    ],
)
def test_what_is_done_of_a_job_that_failed_for_a_passing_reason_stays(
    tmp_path: Path, out: Path, code: str, claims: list[int]
) -> None:
    """Symptom: hours of finished segments were thrown away because memory was short in the last one."""
    clip = write_clip(tmp_path / "talk.mp4", frames=40)
    run(clip, out=out)
    timeline = (out / "talk.csv").read_bytes()
    fail_the_last_piece(out, code)
    with state_of(out) as database:
        first = jobs.find_job(database, f"file:{clip}")

    (item,) = run(clip, out=out)

    with state_of(out) as database, database.reading() as connection:
        second = jobs.find_job(database, f"file:{clip}")
        fences = connection.execute(select(segments.c.fence).order_by(segments.c.position))
        assert list(fences.scalars()) == claims
    assert (second.id == first.id) == (max(claims) == 2)
    assert item.state == "done"
    assert (out / "talk.csv").read_bytes() == timeline


def cut_off(video: Path) -> None:
    """Leave only a file's first bytes: it begins as a video does, and is none."""
    video.write_bytes(video.read_bytes()[:200])


def two_of_one_name(folder: Path) -> tuple[Path, Path]:
    """Two recordings, three and two frames long, of one name in two folders."""
    monday, tuesday = (folder / day / "clip.mp4" for day in ("monday", "tuesday"))
    for file, frames in ((monday, 3), (tuesday, 2)):
        file.parent.mkdir()
        write_video(file, moving_pictures(frames), Recipe())
    return monday, tuesday


def test_a_bad_file_costs_no_other_of_its_name_its_timeline(tmp_path: Path, out: Path) -> None:
    """Symptom: a damaged tuesday/clip.mp4 removed the good timeline of monday/clip.mp4."""
    monday, tuesday = two_of_one_name(tmp_path)
    cut_off(tuesday)
    run(monday, out=out)
    finished = {name: text for name, text in all_files(out).items() if name != "items.csv"}

    (item,) = run(tuesday, out=out)

    assert item.state == "failed"
    assert {name: text for name, text in all_files(out).items() if name != "items.csv"} == finished


def is_of(out: Path, name: str, recording: Path) -> bool:
    """Whether the timeline of that name is a recording's."""
    told = json.loads((out / f"{name}.json").read_text())
    return (out / f"{name}.csv").exists() and told["sha256"] == sha256_of(recording)


def test_a_recording_costs_no_other_of_its_name_its_timeline(tmp_path: Path, out: Path) -> None:
    """Symptom: annotated folder by folder into one -o, only the last clip.mp4 had a timeline, and nothing was said."""
    monday, tuesday = two_of_one_name(tmp_path)
    run(monday, out=out)

    (item,) = run(tuesday, out=out)

    assert (item.state, item.code) == ("failed", "output_failed")
    assert str(monday) in item.message
    assert is_of(out, "clip", monday)

    both = run(monday, tuesday, out=out)

    assert [item.state for item in both] == ["done", "done"]
    assert is_of(out, "clip.mp4", monday)
    assert is_of(out, "clip.mp4-2", tuesday)


def test_recordings_of_one_name_may_be_given_in_another_order(tmp_path: Path, out: Path) -> None:
    monday, tuesday = two_of_one_name(tmp_path)
    run(monday, tuesday, out=out)

    items = run(tuesday, monday, out=out)

    assert [item.state for item in items] == ["done", "done"]
    assert is_of(out, "clip.mp4", tuesday)
    assert is_of(out, "clip.mp4-2", monday)


def test_a_recording_that_was_moved_keeps_its_timeline(tmp_path: Path, out: Path) -> None:
    monday, tuesday = two_of_one_name(tmp_path)
    run(monday, out=out)
    monday.replace(tuesday)

    (item,) = run(tuesday, out=out)

    assert item.state == "done"
    assert is_of(out, "clip", tuesday)


@pytest.mark.parametrize("again", [FEW, JobOptions()], ids=["same options", "other options"])
def test_a_timeline_goes_when_its_own_recording_is_damaged(
    video: Path, out: Path, again: JobOptions
) -> None:
    run(video, out=out)
    cut_off(video)

    (item,) = run(video, out=out, options=again)

    assert (item.state, item.code) == ("failed", "corrupt_media")
    assert set(all_files(out)) == {"items.csv"}
