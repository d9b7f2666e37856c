"""One piece of work after the other to the end of a job, with the real analyser, on both databases."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from storage import claims, failures, jobs, timelines
from storage.blobs import sha256_of
from storage.errors import ConfigurationError, ModelContractError
from storage.exports import csv_lines
from storage.labels import UNCERTAIN_BELOW
from storage.records import Detector, JobOptions, JobState, SegmentKind, SegmentSlice
from storage.tables import segments
from storage.tracks import read_tracks
from tests.storage.made_jobs import counters, expire_leases, states
from tests.vision.conftest import write_classifier
from tests.vision.made_media import Recipe, moving_pictures, write_video
from tests.worker.conftest import NewAnalyser, NewJob
from worker.analyser.client import Analyser
from worker.engine import Engine, capabilities
from worker.work import work_next


def work_to_the_end(engine: Engine, analyser: Analyser) -> int:
    """Work until there is nothing to do. Returns how many pieces that were."""
    done = 0
    while work_next(engine, analyser):
        done += 1
    return done


def csv_of(engine: Engine, job_id: str) -> str:
    job = jobs.get_job(engine.database, job_id)
    assert job.state is JobState.DONE, (job.error_code, job.error_message)
    return "".join(csv_lines(timelines.iterate_frames(engine.database, job.job)))


_texts: dict[str, str] = {}


def test_both_databases_end_with_the_same_timeline(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path
) -> None:
    job_id = new_job(clip)

    pieces = work_to_the_end(engine, analyser)

    text = csv_of(engine, job_id)
    assert pieces == 1 + 3 + 1
    assert text.count("\n") >= 1 + 40
    assert ",0," in text.splitlines()[1]
    assert _texts.setdefault("talk", text) == text


def test_the_summary_counts_what_the_timeline_holds(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path
) -> None:
    job_id = new_job(clip)
    work_to_the_end(engine, analyser)

    job = jobs.get_job(engine.database, job_id)

    found = list(timelines.iterate_frames(engine.database, job.job))
    assert job.summary is not None
    assert job.summary["frames"] == len(found) == 40
    assert job.summary["faces"] == sum(len(frame.faces) for frame in found)
    assert job.summary["frames_with_face"] == sum(bool(frame.faces) for frame in found)
    assert job.summary["tracks"] == len(read_tracks(engine.database, job.job)) == 1
    assert sum(job.summary["share"].values()) == pytest.approx(1, abs=0.001)
    assert sum(job.summary["mean"].values()) == pytest.approx(1, abs=0.001)


def test_a_video_without_faces_has_a_row_for_every_frame(
    engine: Engine, analyser: Analyser, new_job: NewJob, tmp_path: Path
) -> None:
    file = write_video(tmp_path / "plain.mp4", moving_pictures(12), Recipe())
    job_id = new_job(file)

    work_to_the_end(engine, analyser)

    lines = csv_of(engine, job_id).splitlines()
    assert len(lines) == 1 + 12
    assert all(line.endswith("," * 17) for line in lines[1:])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_options_decide_what_is_looked_at_and_how(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path
) -> None:
    sparse = new_job(clip, JobOptions(sample_fps=5))
    haar = new_job(clip, JobOptions(detector=Detector.HAAR, sample_fps=5))
    work_to_the_end(engine, analyser)

    sparse_text, haar_text = csv_of(engine, sparse), csv_of(engine, haar)

    times = [line.split(",")[1] for line in sparse_text.splitlines()[1:]]
    assert times == [f"{index * 0.2:.6f}" for index in range(8)]
    assert haar_text != sparse_text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("target_s", [0.01, 1.0, 1000.0])
def test_any_split_gives_the_same_timeline(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path, target_s: float
) -> None:
    settings = engine.settings.model_copy(update={"segment_target_s": target_s})
    job_id = new_job(clip, JobOptions(sample_fps=8))

    work_to_the_end(replace(engine, settings=settings), analyser)

    text = csv_of(engine, job_id)
    assert _texts.setdefault("8 per second", text) == text


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (lambda clip: b"", "empty_file"),
        (lambda clip: b"Dear diary, this is no picture.\n" * 20, "unsupported_media"),
        (lambda clip: clip[: len(clip) // 8], "corrupt_media"),
        (lambda clip: b"\x89PNG\r\n\x1a\n" + clip[:500], "corrupt_media"),
    ],
    ids=["empty", "text", "cut before its index", "a picture in name only"],
)
def test_a_bad_file_ends_its_job_with_a_code(
    engine: Engine,
    analyser: Analyser,
    new_job: NewJob,
    clip: Path,
    tmp_path: Path,
    content: Callable[[bytes], bytes],
    code: str,
) -> None:
    file = tmp_path / "bad.mp4"
    file.write_bytes(content(clip.read_bytes()))
    job_id = new_job(file)

    pieces = work_to_the_end(engine, analyser)

    job = jobs.get_job(engine.database, job_id)
    assert (job.state, job.error_code, pieces) == (JobState.FAILED, code, 1)
    assert job.error_message


def test_a_medium_that_is_gone_ends_its_job_with_a_code(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path, tmp_path: Path
) -> None:
    file = tmp_path / "here.mp4"
    file.write_bytes(clip.read_bytes())
    job_id = new_job(file)
    file.unlink()

    work_to_the_end(engine, analyser)

    assert jobs.get_job(engine.database, job_id).error_code == "path_not_found"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_analyser_that_dies_every_time_ends_the_job_after_three(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path
) -> None:
    """The analyser is stopped before and killed at the tick: that it was at work is certain."""
    job_id = new_job(clip)

    def kill() -> bool:
        assert analyser._process is not None
        analyser._process.send_signal(signal.SIGKILL)
        return False

    pieces = 0
    while jobs.get_job(engine.database, job_id).state is not JobState.FAILED:
        analyser._start()[0].send_signal(signal.SIGSTOP)
        work_next(replace(engine, stopping=kill), analyser)
        pieces += 1

    assert pieces == 3
    assert jobs.get_job(engine.database, job_id).error_code == "analyser_died"
    assert work_to_the_end(engine, analyser) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_that_stops_hands_its_work_back(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path
) -> None:
    job_id = new_job(clip)
    key = jobs.get_job(engine.database, job_id).job
    analyser._start()[0].send_signal(signal.SIGSTOP)

    work_next(replace(engine, stopping=lambda: True), analyser)

    assert states(engine.database, key) == ["ready"]
    assert counters(engine.database, 1) == (0, 0)


def test_work_that_lost_its_lease_is_dropped(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path
) -> None:
    job_id = new_job(clip)
    key = jobs.get_job(engine.database, job_id).job

    def lose_the_lease() -> bool:
        expire_leases(engine.database)
        failures.free_expired_leases(engine.database)
        return False

    analyser._start()[0].send_signal(signal.SIGSTOP)
    work_next(replace(engine, stopping=lose_the_lease), analyser)

    assert counters(engine.database, 1) == (0, 1)
    assert states(engine.database, key) == ["ready"]
    work_to_the_end(engine, analyser)
    assert jobs.get_job(engine.database, job_id).state is JobState.DONE


def test_a_job_deleted_in_the_midst_leaves_nothing(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path
) -> None:
    job_id = new_job(clip)
    key = jobs.get_job(engine.database, job_id).job
    work_next(engine, analyser)
    work_next(engine, analyser)

    def delete() -> bool:
        jobs.finish_delete(engine.database, jobs.begin_delete(engine.database, job_id))
        return False

    analyser._start()[0].send_signal(signal.SIGSTOP)
    work_next(replace(engine, stopping=delete), analyser)

    assert work_to_the_end(engine, analyser) == 0
    assert timelines.read_frames(engine.database, key) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_plan_that_does_not_fit_is_made_again_from_all_frames(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path
) -> None:
    """A segment's slice is put wrong by hand, as a file that decodes otherwise than it says would do."""
    job_id = new_job(clip, JobOptions(sample_fps=8))
    work_next(engine, analyser)
    _shift_first_slice(engine)

    work_to_the_end(engine, analyser)

    job = jobs.get_job(engine.database, job_id)
    assert job.media_info is not None and job.media_info["full_decode"]
    text = csv_of(engine, job_id)
    assert _texts.setdefault("8 per second", text) == text


def _shift_first_slice(engine: Engine) -> None:
    with engine.database.writing() as connection:
        where = (segments.c.kind == SegmentKind.ANALYSE, segments.c.position == 2)
        payload = connection.execute(select(segments.c.payload).where(*where)).scalar_one()
        piece = SegmentSlice.from_bytes(payload)
        wrong = replace(piece, pts=tuple(pts + 1 for pts in piece.pts))
        connection.execute(update(segments).where(*where).values(payload=wrong.to_bytes()))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_others_are_woken_for_the_segments_of_a_plan(
    engine: Engine, analyser: Analyser, new_job: NewJob, clip: Path
) -> None:
    new_job(clip)
    woken: list[int] = []

    work_next(replace(engine, wake_others=woken.append), analyser)

    assert woken == [3]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_detectors_file_that_is_none_ends_its_job_and_no_other(
    engine: Engine, new_analyser: NewAnalyser, new_job: NewJob, clip: Path, tmp_path: Path
) -> None:
    """Symptom: the worker claimed the same segment again and again, and nothing behind it was done."""
    wrong = tmp_path / "yunet.onnx"
    wrong.write_bytes(b"no network")
    settings = engine.settings.model_copy(update={"yunet": wrong})
    engine = replace(engine, settings=settings, able=capabilities(settings))
    analyser = new_analyser(yunet=wrong)
    bad = new_job(clip, JobOptions(detector=Detector.YUNET))
    good = new_job(clip, JobOptions(detector=Detector.HAAR))

    while work_next(engine, analyser):
        pass

    failed = jobs.get_job(engine.database, bad)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "detector_unavailable")
    assert "AFFECTLINE_YUNET" in (failed.error_message or "")
    assert jobs.get_job(engine.database, good).state is JobState.DONE


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_whose_model_is_broken_harms_no_job(
    engine: Engine, new_analyser: NewAnalyser, new_job: NewJob, clip: Path, tmp_path: Path
) -> None:
    job_id = new_job(clip)
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no model")
    broken = new_analyser(model=wrong)

    with pytest.raises(ModelContractError):
        work_next(engine, broken)

    assert jobs.get_job(engine.database, job_id).state is JobState.RUNNING
    assert claims.count_ready(engine.database) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_whose_drive_is_not_mounted_harms_no_job(
    engine: Engine, new_analyser: NewAnalyser, clip: Path
) -> None:
    """Symptom: one such worker of a fleet failed every job that waited, within seconds."""
    job_id = jobs.new_job_id()
    location, file = engine.blobs.create(job_id)
    with file:
        file.write(clip.read_bytes())
    medium = jobs.StoredMedium(clip.name, location, clip.stat().st_size, sha256_of(clip))
    jobs.create_job(engine.database, job_id, medium=medium, options=JobOptions())
    elsewhere = engine.blobs.folder.rename(engine.blobs.folder.with_name("elsewhere"))

    with pytest.raises(ConfigurationError, match="is its drive mounted"):
        work_next(engine, new_analyser())

    assert jobs.get_job(engine.database, job_id).state is JobState.RUNNING
    elsewhere.rename(engine.blobs.folder)
    work_to_the_end(engine, new_analyser())
    assert jobs.get_job(engine.database, job_id).state is JobState.DONE


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_uncertain_is_what_the_jobs_model_says(
    engine: Engine, new_analyser: NewAnalyser, new_job: NewJob, clip: Path, tmp_path: Path
) -> None:
    """Symptom: a model of one's own was doubted by the shipped one's threshold."""
    model = write_classifier(tmp_path / "own.onnx", uncertain_below="0.999")
    settings = engine.settings.model_copy(update={"model": model})
    engine = replace(engine, settings=settings, able=capabilities(settings))
    job_id = new_job(clip)

    work_to_the_end(engine, new_analyser(model=model))

    job = jobs.get_job(engine.database, job_id)
    faces = [face for f in timelines.iterate_frames(engine.database, job.job) for face in f.faces]
    assert job.uncertain_below == 9_990
    assert faces and all(face.uncertain is (face.confidence < 9_990) for face in faces)
    assert max(face.confidence for face in faces) > UNCERTAIN_BELOW
    assert job.summary and job.summary["uncertain"] > 0.5
