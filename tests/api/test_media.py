"""The recording and what was made of it, in whole and in ranges, harmless in any browser."""

import errno
import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi.openapi import OpenAPI
from werkzeug.test import TestResponse

from storage.blobs import Blobs
from storage.claims import Capabilities, claim_next
from storage.commits import commit_plan
from storage.database import Database
from storage.jobs import JobView, StoredMedium, create_job, get_job, new_job_id
from storage.records import JobOptions, MediaInfo, MediaPlan, SegmentSlice
from tests.api.replies import problem_of
from worker.pictures import JOB_THUMBNAIL, STILL_PREVIEW, VIDEO_PREVIEW, track_thumbnail

MP4 = b"\0\0\0\x18ftypisom" + bytes(range(256)) * 8

NewJob = Callable[..., JobView]


@pytest.fixture
def client(app: OpenAPI) -> FlaskClient:
    """A client that reads each reply at once and closes it, as a server does."""
    return Buffered(app)


class Buffered(FlaskClient):
    def open(self, *given: Any, **named: Any) -> TestResponse:
        return super().open(*given, buffered=True, **named)


@pytest.fixture
def new_job(database: Database, blobs: Blobs) -> NewJob:
    """Makes a job whose medium has these bytes."""

    def make(content: bytes = MP4, filename: str = "talk.mp4") -> JobView:
        job_id = new_job_id()
        location, file = blobs.create(job_id)
        with file:
            file.write(content)
        digest = hashlib.sha256(content).hexdigest()
        medium = StoredMedium(filename, location, size_bytes=len(content), sha256=digest)
        create_job(database, job_id, medium=medium, options=JobOptions())
        return get_job(database, job_id)

    return make


@pytest.mark.logs_errors
def test_a_recording_that_can_not_be_read_now_is_said_to_be_so_and_leaves_nothing_open(
    client: FlaskClient, new_job: NewJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: on a failing disk each request was an internal error and kept a file open."""
    job = new_job()

    def fails(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("api.http.media.os.pread", fails)
    before = _open_files()

    for _ in range(5):
        reply = client.get(f"/v1/jobs/{job.id}/media")
        problem_of(reply, status=503, code="medium_unavailable")

    assert _open_files() == before


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_recording_comes_back_as_it_was_sent(client: FlaskClient, new_job: NewJob) -> None:
    job = new_job()

    reply = client.get(f"/v1/jobs/{job.id}/media")

    assert reply.status_code == 200
    assert reply.data == MP4
    assert reply.content_length == len(MP4)
    assert reply.headers["ETag"] == f'"{job.sha256}"'
    assert reply.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\0\0\0\x18ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "video/matroska"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (b"\x47" + bytes(187) + b"\x47", "video/mp2t"),
        (b"<!doctype html><script>alert(1)</script>", "application/octet-stream"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "application/octet-stream"),
    ],
)
def test_its_type_is_what_its_first_bytes_say(
    client: FlaskClient, new_job: NewJob, head: bytes, kind: str
) -> None:
    job = new_job(head.ljust(600, b"\1"), "page.html")

    reply = client.get(f"/v1/jobs/{job.id}/media")

    assert reply.content_type == kind


def test_no_browser_runs_what_it_may_hold(client: FlaskClient, new_job: NewJob) -> None:
    reply = client.get(f"/v1/jobs/{new_job().id}/media")

    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    policy = reply.headers["Content-Security-Policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy
    assert reply.headers["Content-Disposition"].startswith("inline;")


def test_its_name_cannot_leave_its_header(client: FlaskClient, new_job: NewJob) -> None:
    job = new_job(filename='x"; é.mp4')

    reply = client.get(f"/v1/jobs/{job.id}/media")

    expected = "inline; filename=\"x__ _.mp4\"; filename*=UTF-8''x%22%3B%20%C3%A9.mp4"
    assert reply.headers["Content-Disposition"] == expected


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("0-0", 0, 0), ("100-199", 100, 199), ("2000-", 2000, len(MP4) - 1), ("-10", len(MP4) - 10, len(MP4) - 1)],
)  # fmt: skip
def test_a_range_is_sent_alone(
    client: FlaskClient, new_job: NewJob, asked: str, first: int, last: int
) -> None:
    reply = client.get(f"/v1/jobs/{new_job().id}/media", headers={"Range": f"bytes={asked}"})

    assert reply.status_code == 206
    assert reply.data == MP4[first : last + 1]
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/{len(MP4)}"
    assert reply.content_length == last + 1 - first


def test_a_range_behind_the_end_is_a_problem(client: FlaskClient, new_job: NewJob) -> None:
    reply = client.get(f"/v1/jobs/{new_job().id}/media", headers={"Range": "bytes=99999-"})

    problem_of(reply, status=416, code="range_not_satisfiable")
    assert reply.headers["Content-Range"] == f"bytes */{len(MP4)}"


@pytest.mark.parametrize(
    "asked",
    ["bytes=-999999", "bytes=-" + "9" * 5000, f"bytes=-{len(MP4)}", "items=0-1", "bytes 0-1"],
)
def test_ranges_that_are_all_of_it_or_of_another_kind_get_the_whole(
    client: FlaskClient, new_job: NewJob, asked: str
) -> None:
    reply = client.get(f"/v1/jobs/{new_job().id}/media", headers={"Range": asked})

    assert (reply.status_code, reply.data) == (200, MP4)


def test_several_ranges_at_once_get_the_whole(client: FlaskClient, new_job: NewJob) -> None:
    reply = client.get(f"/v1/jobs/{new_job().id}/media", headers={"Range": "bytes=0-1,5-6"})

    assert (reply.status_code, reply.data) == (200, MP4)


def test_a_range_of_another_version_gets_the_whole(client: FlaskClient, new_job: NewJob) -> None:
    job = new_job()
    for tag, status in ((f'"{job.sha256}"', 206), ('"another"', 200)):
        headers = {"Range": "bytes=0-9", "If-Range": tag}

        assert client.get(f"/v1/jobs/{job.id}/media", headers=headers).status_code == status


def test_what_the_client_has_already_is_not_sent_again(
    client: FlaskClient, new_job: NewJob
) -> None:
    job = new_job()

    reply = client.get(f"/v1/jobs/{job.id}/media", headers={"If-None-Match": f'"{job.sha256}"'})

    assert (reply.status_code, reply.data) == (304, b"")


def test_head_tells_the_length_alone(client: FlaskClient, new_job: NewJob) -> None:
    for headers in ({}, {"Range": "bytes=0-9"}):
        reply = client.head(f"/v1/jobs/{new_job().id}/media", headers=headers)

        assert (reply.status_code, reply.data) == (200, b"")
        assert reply.content_length == len(MP4)


def test_a_deleted_recording_is_gone(client: FlaskClient, new_job: NewJob) -> None:
    job = new_job()
    client.delete(f"/v1/jobs/{job.id}")

    reply = client.get(f"/v1/jobs/{job.id}/media")

    problem_of(reply, status=404, code="job_not_found")


@pytest.mark.parametrize(
    ("path", "name", "missing"),
    [
        ("thumbnail.jpg", JOB_THUMBNAIL, "thumbnail_missing"),
        ("tracks/3/thumbnail.jpg", track_thumbnail(3), "thumbnail_missing"),
    ],
)
def test_a_thumbnail_is_there_once_it_is_made(
    client: FlaskClient, new_job: NewJob, blobs: Blobs, path: str, name: str, missing: str
) -> None:
    job = new_job()
    problem_of(client.get(f"/v1/jobs/{job.id}/{path}"), status=404, code=missing)

    with blobs.creating_beside(job.id, name) as file:
        file.write(b"picture")

    reply = client.get(f"/v1/jobs/{job.id}/{path}")
    assert (reply.data, reply.content_type) == (b"picture", "image/jpeg")


@dataclass(frozen=True)
class Planned:
    """What the plan learns of a medium."""

    container: str = "mov,mp4,m4a,3gp,3g2,mj2"
    codec: str = "h264"
    pixel_format: str = "yuv420p"
    still: bool = False
    container_start_us: int = 0


def plan(database: Database, planned: Planned) -> None:
    """Commit the plan of the job that waits for one: one frame, a second after the clock's zero."""
    media = MediaInfo(
        **asdict(planned),
        width=64,
        height=48,
        rotation=0,
        frame_count=1,
        duration_us=0,
        time_base_numerator=1,
        time_base_denominator=25,
        first_pts=25,
        times_estimated=False,
        full_decode=False,
    )
    able = Capabilities(model_hash="0" * 64, engine_version="test")
    claim = claim_next(database, able, lease_s=60)
    assert claim is not None
    slices = (SegmentSlice(0, pts=(25,), look=(0,), entries=()),)
    commit_plan(database, claim, MediaPlan(media, slices), able=able)


def playable(client: FlaskClient, job: JobView) -> Any:
    return client.get(f"/v1/jobs/{job.id}").get_json()["playable"]


def test_a_recording_that_browsers_play_is_played_itself(
    client: FlaskClient, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    assert playable(client, job) is None

    plan(database, Planned())

    url = f"/v1/jobs/{job.id}/media"
    assert playable(client, job) == {"url": url, "preview": False, "start_offset_s": 1.0}
    reply = client.get(f"/v1/jobs/{job.id}/preview")
    problem_of(reply, status=404, code="preview_missing")


def test_browsers_count_by_the_files_clock_and_other_players_from_its_start(
    client: FlaskClient, new_job: NewJob, database: Database
) -> None:
    """Chromium shows the first picture of such a file at 1 s, mpv at 0.1 s."""
    job = new_job()

    plan(database, Planned(container_start_us=900_000))

    told = client.get(f"/v1/jobs/{job.id}").get_json()
    assert told["playable"]["start_offset_s"] == 1.0
    assert told["media"]["start_offset_s"] == 0.1


@pytest.mark.parametrize(
    ("planned", "name", "kind"),
    [
        (Planned("avi", "mpeg4"), VIDEO_PREVIEW, "video/mp4"),
        (Planned(pixel_format="yuv420p10le"), VIDEO_PREVIEW, "video/mp4"),
        (Planned(codec="hevc", still=True), STILL_PREVIEW, "image/jpeg"),
    ],
    ids=["AVI", "10-bit H.264", "HEIC"],
)
def test_a_recording_that_browsers_do_not_play_gets_a_preview(
    client: FlaskClient,
    new_job: NewJob,
    database: Database,
    blobs: Blobs,
    planned: Planned,
    name: str,
    kind: str,
) -> None:
    job = new_job()
    plan(database, planned)
    assert playable(client, job) is None

    with blobs.creating_beside(job.id, name) as file:
        file.write(b"preview")

    url = f"/v1/jobs/{job.id}/preview"
    assert playable(client, job) == {"url": url, "preview": True, "start_offset_s": 0.0}
    reply = client.get(url, headers={"Range": "bytes=0-2"})
    assert (reply.status_code, reply.data, reply.content_type) == (206, b"pre", kind)


def test_the_job_links_to_its_thumbnail_once_it_is_made(
    client: FlaskClient, new_job: NewJob, blobs: Blobs
) -> None:
    job = new_job()
    address = f"/v1/jobs/{job.id}"
    before = client.get(address).get_json()["links"]["thumbnail"]

    with blobs.creating_beside(job.id, JOB_THUMBNAIL) as file:
        file.write(b"picture")

    after = client.get(address).get_json()["links"]["thumbnail"]
    assert (before, after) == (None, f"{address}/thumbnail.jpg")
