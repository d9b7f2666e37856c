"""Uploaded media to the end, thumbnails and preview included, with the real analyser."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import alembic.command
import alembic.config
import cv2
import pytest
from sqlalchemy import delete, select, update

from storage import claims, jobs, timelines
from storage.blobs import sha256_of
from storage.database import Database, migrate
from storage.decisions import retry_job
from storage.errors import LeaseLost
from storage.jobs import JobView, StoredMedium
from storage.records import JobOptions, JobState, SegmentKind
from storage.revisions import MIGRATIONS
from storage.tables import media, segments
from tests.vision.made_media import (
    Recipe,
    decoded_times,
    moving_pictures,
    talking_head,
    write_video,
)
from worker.analyser.client import Analyser
from worker.engine import Engine
from worker.illustrate import illustrate_job
from worker.pictures import JOB_THUMBNAIL, STILL_PREVIEW, VIDEO_PREVIEW, track_thumbnail
from worker.removal import remove_job
from worker.work import work_next

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Upload = Callable[[Path], str]


@pytest.fixture
def upload(engine: Engine) -> Upload:
    """Makes a job of a file's bytes, as the web server does. Returns its public id."""

    def make(file: Path) -> str:
        job_id = jobs.new_job_id()
        location, medium = engine.blobs.create(job_id)
        with medium:
            medium.write(file.read_bytes())
        stored = StoredMedium(file.name, location, file.stat().st_size, sha256_of(file))
        jobs.create_job(engine.database, job_id, medium=stored, options=JobOptions())
        return job_id

    return make


def work_to_the_end(engine: Engine, analyser: Analyser, job_id: str) -> JobView:
    while work_next(engine, analyser):
        pass
    job = jobs.get_job(engine.database, job_id)
    assert job.state is JobState.DONE, job.error_message
    return job


def beside(engine: Engine, job_id: str) -> set[str]:
    """What lies in the job's folder."""
    return {file.name for file in (engine.blobs.folder / job_id).iterdir()}


def test_a_talking_head_in_avi_gets_thumbnails_and_a_preview(
    engine: Engine, analyser: Analyser, upload: Upload, tmp_path: Path
) -> None:
    file = write_video(tmp_path / "talk.avi", talking_head(20), Recipe(codec="mpeg4"))
    job_id = upload(file)

    job = work_to_the_end(engine, analyser, job_id)

    assert beside(engine, job_id) == {"media", JOB_THUMBNAIL, track_thumbnail(0), VIDEO_PREVIEW}
    shown = decoded_times(engine.blobs.folder / job_id / VIDEO_PREVIEW)
    rows = timelines.iterate_frames(engine.database, job.job)
    assert [round(time * 1_000_000) for time in shown] == [row.time_us for row in rows]


@pytest.mark.parametrize("name", [JOB_THUMBNAIL, track_thumbnail(0)])
def test_its_thumbnails_show_the_face(
    engine: Engine, analyser: Analyser, upload: Upload, tmp_path: Path, name: str
) -> None:
    """Looked at as a medium of its own, each thumbnail has a face again."""
    file = write_video(tmp_path / "talk.mp4", talking_head(20), Recipe())
    first = upload(file)
    work_to_the_end(engine, analyser, first)

    again = upload(engine.blobs.folder / first / name)
    job = work_to_the_end(engine, analyser, again)

    assert job.summary is not None and job.summary["frames_with_face"] == 1
    assert job.media_info is not None
    assert max(job.media_info["width"], job.media_info["height"]) <= 160


def test_what_browsers_show_gets_no_preview_and_no_face_no_track(
    engine: Engine, analyser: Analyser, upload: Upload, tmp_path: Path
) -> None:
    file = write_video(tmp_path / "a.mp4", moving_pictures(10), Recipe())
    job_id = upload(file)

    work_to_the_end(engine, analyser, job_id)

    assert beside(engine, job_id) == {"media", JOB_THUMBNAIL}


def test_a_tiff_gets_a_jpeg(
    engine: Engine, analyser: Analyser, upload: Upload, tmp_path: Path
) -> None:
    file = tmp_path / "a.tiff"
    file.write_bytes(bytes(cv2.imencode(".tiff", next(moving_pictures(1)))[1]))
    job_id = upload(file)

    work_to_the_end(engine, analyser, job_id)

    assert beside(engine, job_id) == {"media", JOB_THUMBNAIL, STILL_PREVIEW}


def test_pictures_that_could_not_be_written_can_be_asked_for_again(
    engine: Engine, analyser: Analyser, upload: Upload, tmp_path: Path
) -> None:
    """Symptom: the error escaped, ten leases later the pictures were given up, and for good."""
    job_id = upload(write_video(tmp_path / "talk.avi", talking_head(20), Recipe(codec="mpeg4")))
    in_the_way = engine.blobs.folder / job_id / track_thumbnail(0)
    in_the_way.mkdir()

    work_to_the_end(engine, analyser, job_id)

    assert beside(engine, job_id) == {"media", in_the_way.name}
    in_the_way.rmdir()
    retry_job(engine.database, job_id)
    work_to_the_end(engine, analyser, job_id)
    assert beside(engine, job_id) == {"media", JOB_THUMBNAIL, track_thumbnail(0), VIDEO_PREVIEW}


def test_a_recording_of_the_first_version_gets_its_pictures_after_the_upgrade(
    engine: Engine, analyser: Analyser, upload: Upload, tmp_path: Path
) -> None:
    job_id = upload(write_video(tmp_path / "talk.avi", talking_head(20), Recipe(codec="mpeg4")))
    work_to_the_end(engine, analyser, job_id)
    for picture in beside(engine, job_id) - {"media"}:
        (engine.blobs.folder / job_id / picture).unlink()
    as_the_first_version_left_it(engine.database)

    migrate(engine.database)
    work_to_the_end(engine, analyser, job_id)

    assert beside(engine, job_id) == {"media", JOB_THUMBNAIL, track_thumbnail(0), VIDEO_PREVIEW}


def as_the_first_version_left_it(database: Database) -> None:
    """Take away what it did not know of, in tables and in what is packed into them."""
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.writing() as connection:
        connection.execute(delete(segments).where(segments.c.kind == SegmentKind.ILLUSTRATE))
        for row in connection.execute(select(segments).where(segments.c.payload.is_not(None))):
            known = json.loads(zlib.decompress(row.payload))
            del known["opening_pts"], known["closing_pts"]
            packed = zlib.compress(json.dumps(known).encode())
            mine = segments.c.segment == row.segment
            connection.execute(update(segments).where(mine).values(payload=packed))
        info = dict(connection.execute(select(media.c.info)).scalar_one())
        del (
            info["pixel_format"],
            info["damaged_packets"],
            info["mirrored"],
            info["container_start_us"],
        )
        connection.execute(update(media).values(info=info))
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "0001")


def test_everything_made_of_a_recording_goes_with_it(
    engine: Engine, analyser: Analyser, upload: Upload, tmp_path: Path
) -> None:
    job_id = upload(write_video(tmp_path / "talk.avi", talking_head(10), Recipe(codec="mpeg4")))
    work_to_the_end(engine, analyser, job_id)

    remove_job(engine.database, engine.blobs, job_id)

    assert list(engine.blobs.folder.iterdir()) == []


def test_a_job_deleted_while_it_is_illustrated_leaves_nothing(
    engine: Engine, analyser: Analyser, upload: Upload, tmp_path: Path
) -> None:
    job_id = upload(write_video(tmp_path / "talk.avi", talking_head(10), Recipe(codec="mpeg4")))
    while jobs.get_job(engine.database, job_id).state is not JobState.DONE:
        work_next(engine, analyser)
    claim = claims.claim_next(engine.database, engine.able, lease_s=60)
    assert claim is not None and claim.kind is SegmentKind.ILLUSTRATE
    remove_job(engine.database, engine.blobs, job_id)

    with pytest.raises(LeaseLost):
        illustrate_job(engine, analyser, claim)

    assert list(engine.blobs.folder.iterdir()) == []
