"""POST /v1/jobs: a recording comes in whole and is queued, or leaves nothing behind."""

import hashlib
import io
import logging
import zlib
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient
from flask_openapi.openapi import OpenAPI
from sqlalchemy.exc import OperationalError

from api.app import create_app
from api.http import jobs as routes
from storage.blobs import Blobs
from storage.claims import Capabilities, claim_next
from storage.database import Database
from storage.jobs import create_job, list_jobs
from storage.settings import Settings
from tests.api.conftest import MAX_UPLOAD_BYTES
from tests.api.replies import problem_of

PNG = b"\x89PNG\r\n\x1a\n" + b"".join(
    zlib.compress(str(n).encode()) for n in range(4_000)
)  # longer than a piece, without repeats


def form(content: bytes = PNG, name: str = "face.png", **fields: str) -> dict[str, object]:
    return {"file": (io.BytesIO(content), name), **fields}


def stored_files(blobs: Blobs) -> list[Path]:
    return [path for path in blobs.folder.rglob("*")]


@pytest.fixture
def nothing_is_left(database: Database, blobs: Blobs, hints: list[str]):
    """Check after the test that no job, no folder and no hint came of it."""
    yield
    assert list_jobs(database) == []
    assert stored_files(blobs) == []
    assert hints == []


def test_the_body_becomes_a_queued_job(client: FlaskClient, blobs: Blobs, hints: list[str]) -> None:
    reply = client.post("/v1/jobs?filename=face.png", data=PNG)

    assert reply.status_code == 202
    job = reply.get_json()
    assert reply.headers["Location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == job["stage"] == "queued"
    assert (job["filename"], job["size_bytes"]) == ("face.png", len(PNG))
    assert job["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert (blobs.folder / job["id"] / "media").read_bytes() == PNG
    assert hints == ["look"]
    assert client.get(reply.headers["Location"]).get_json() == job


def test_a_form_becomes_the_same_job(client: FlaskClient, blobs: Blobs) -> None:
    job = client.post(
        "/v1/jobs", data=form(detector="haar", sample_fps="2.5", detect_every="4")
    ).get_json()

    assert (job["filename"], job["size_bytes"]) == ("face.png", len(PNG))
    assert job["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert job["options"] == {"detector": "haar", "sample_fps": 2.5, "detect_every": 4}
    assert (blobs.folder / job["id"] / "media").read_bytes() == PNG


def test_options_may_come_before_or_after_the_file_or_in_the_address(client: FlaskClient) -> None:
    before = client.post("/v1/jobs", data={"detector": "haar", **form()})
    after = client.post("/v1/jobs", data={**form(), "detector": "haar"})
    address = client.post("/v1/jobs?detector=haar", data=form())
    body = client.post("/v1/jobs?detector=haar&filename=face.png", data=PNG)

    for reply in (before, after, address, body):
        assert reply.get_json()["options"]["detector"] == "haar"


def test_a_body_is_a_file_whatever_type_it_claims(client: FlaskClient, blobs: Blobs) -> None:
    urlencoded = "application/x-www-form-urlencoded"  # curl --data-binary says so

    reply = client.post("/v1/jobs?filename=face.png", data=PNG, content_type=urlencoded)

    assert (blobs.folder / reply.get_json()["id"] / "media").read_bytes() == PNG


def test_the_medium_lies_complete_before_a_worker_can_claim_it(
    settings: Settings, database: Database, blobs: Blobs
) -> None:
    sizes: list[int] = []

    def look() -> None:
        claim = claim_next(database, Capabilities("", ""), lease_s=10)
        assert claim is not None
        sizes.append((blobs.folder / claim.location.removeprefix("blob:")).stat().st_size)

    client = create_app(settings, database, blobs, look).test_client()
    client.post("/v1/jobs?filename=face.png", data=PNG)

    assert sizes == [len(PNG)]


def test_a_broker_that_is_away_does_not_fail_the_upload(
    settings: Settings, database: Database, blobs: Blobs, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConnectionError("no broker")

    client = create_app(settings, database, blobs, fail).test_client()
    with caplog.at_level(logging.WARNING):
        reply = client.post("/v1/jobs?filename=face.png", data=PNG)

    assert reply.status_code == 202
    assert "no hint was sent" in caplog.text


@pytest.mark.logs_errors
@pytest.mark.parametrize("stands", [True, False])
def test_the_bytes_stay_if_their_job_stands_and_only_the_databases_answer_got_lost(
    client: FlaskClient,
    database: Database,
    blobs: Blobs,
    monkeypatch: pytest.MonkeyPatch,
    stands: bool,
) -> None:
    """Symptom: the caller was told to try again later, and a job without its file failed beside that."""

    def lose_the_answer(*given: Any, **named: Any) -> NoReturn:
        if stands:
            create_job(*given, **named)
        raise OperationalError("COMMIT", None, Exception("the connection is lost"))

    monkeypatch.setattr(routes, "create_job", lose_the_answer)
    reply = client.post("/v1/jobs?filename=face.png", data=PNG)

    problem_of(reply, status=503, code="database_unavailable")
    found = [blobs.folder / job.id / "media" for job in list_jobs(database)]
    assert len(found) == stands
    assert [path for path in stored_files(blobs) if path.is_file()] == found


@pytest.mark.logs_errors
def test_the_bytes_stay_while_it_cannot_be_known_whether_their_job_stands(
    client: FlaskClient, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server whose connection broke may still be at the commit; the sweeper removes what belongs to no job."""
    cut = OperationalError("COMMIT", None, Exception("cut"), connection_invalidated=True)
    monkeypatch.setattr(routes, "create_job", Mock(side_effect=cut))

    reply = client.post("/v1/jobs?filename=face.png", data=PNG)

    problem_of(reply, status=503, code="database_unavailable")
    assert [path.name for path in stored_files(blobs) if path.is_file()] == ["media"]


@pytest.mark.usefixtures("nothing_is_left")
class TestRefusals:
    def test_an_empty_file_is_refused(self, client: FlaskClient) -> None:
        problem_of(client.post("/v1/jobs?filename=a.png"), status=400, code="empty_file")
        problem_of(client.post("/v1/jobs", data=form(b"")), status=400, code="empty_file")

    @pytest.mark.parametrize("size", [3, 300, 3_000], ids=["tiny", "one head", "more than a head"])
    def test_text_is_refused_by_its_first_bytes(self, client: FlaskClient, size: int) -> None:
        text = b"#EXTM3U\n" + b"x" * size

        body = client.post("/v1/jobs?filename=a.mp4", data=text)
        sent = client.post("/v1/jobs", data=form(text))

        for reply in (body, sent):
            problem = problem_of(reply, status=415, code="unsupported_media")
            assert "expected an image" in problem["detail"]

    def test_sound_is_refused_as_having_no_video(self, client: FlaskClient) -> None:
        reply = client.post("/v1/jobs?filename=a.mp3", data=b"ID3" + bytes(900))

        problem_of(reply, status=415, code="no_video")

    def test_a_wrong_head_is_refused_before_the_rest_has_come(self, client: FlaskClient) -> None:
        class Body(io.BytesIO):
            given = 0

            def read(self, size: int | None = -1) -> bytes:
                piece = super().read(size)
                self.given += len(piece)
                return piece

        body = Body(b"x" * (MAX_UPLOAD_BYTES - 1))
        reply = client.post("/v1/jobs?filename=a.mp4", input_stream=body, buffered=False)

        assert body.given <= 64 * 1024
        problem_of(reply, status=415, code="unsupported_media")

    def test_a_body_that_announces_too_much_is_refused_unread(self, client: FlaskClient) -> None:
        reply = client.post(
            "/v1/jobs?filename=a.png",
            environ_overrides={"CONTENT_LENGTH": str(MAX_UPLOAD_BYTES + 1)},
        )

        problem = problem_of(reply, status=413, code="too_large")
        assert str(MAX_UPLOAD_BYTES) in problem["detail"]

    @pytest.mark.parametrize("over", [1, 70_000, 300_000])
    def test_a_form_with_too_large_a_file_is_refused(self, client: FlaskClient, over: int) -> None:
        large = PNG + bytes(MAX_UPLOAD_BYTES - len(PNG) + over)

        problem_of(client.post("/v1/jobs", data=form(large)), status=413, code="too_large")

    def test_a_body_of_unknown_length_is_cut_at_the_limit(self, client: FlaskClient) -> None:
        reply = client.post(
            "/v1/jobs?filename=a.png",
            input_stream=io.BytesIO(PNG + bytes(MAX_UPLOAD_BYTES)),
            headers={"Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )

        problem_of(reply, status=413, code="too_large")

    def test_a_body_shorter_than_announced_is_incomplete(self, client: FlaskClient) -> None:
        reply = client.post(
            "/v1/jobs?filename=a.png",
            data=PNG[:-1],
            environ_overrides={
                "CONTENT_LENGTH": str(len(PNG)),
                "wsgi.input_terminated": True,  # as under gunicorn
            },
        )

        problem = problem_of(reply, status=400, code="incomplete_upload")
        assert f"{len(PNG) - 1} of {len(PNG)}" in problem["detail"]

    def test_a_form_without_its_last_boundary_is_incomplete(self, client: FlaskClient) -> None:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'

        reply = client.post(
            "/v1/jobs", data=head + PNG, content_type="multipart/form-data; boundary=b"
        )

        problem_of(reply, status=400, code="incomplete_upload")

    def test_a_body_without_filename_is_told_what_was_expected(self, client: FlaskClient) -> None:
        problem = problem_of(client.post("/v1/jobs", data=PNG), status=400, code="invalid_input")

        assert "filename" in problem["detail"] and "'file'" in problem["detail"]

    def test_a_form_without_file_is_told_what_was_expected(self, client: FlaskClient) -> None:
        multipart = "multipart/form-data"

        empty = client.post("/v1/jobs", data={"detector": "haar"}, content_type=multipart)
        text = client.post("/v1/jobs", data={"file": "face.png"}, content_type=multipart)
        other = client.post("/v1/jobs", data={"picture": (io.BytesIO(PNG), "face.png")})

        for reply in (empty, text, other):
            problem = problem_of(reply, status=400, code="invalid_input")
            assert "'file'" in problem["detail"]

    def test_a_form_with_two_files_is_refused(self, client: FlaskClient) -> None:
        files = [(io.BytesIO(PNG), "a.png"), (io.BytesIO(PNG), "b.png")]

        reply = client.post("/v1/jobs", data={"file": files})

        assert "more than one" in problem_of(reply, status=400, code="invalid_input")["detail"]

    @pytest.mark.parametrize(
        "content_type",
        [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\u00e9",
            "multipart/form-data; boundary=other",
        ],
    )
    def test_a_form_that_cannot_be_read_is_refused(
        self, client: FlaskClient, content_type: str
    ) -> None:
        reply = client.post("/v1/jobs", data=b"--b\r\n" + PNG, content_type=content_type)

        assert reply.status_code == 400
        assert reply.get_json()["code"] in ("invalid_input", "incomplete_upload")

    def test_a_form_of_endless_headers_is_refused(self, client: FlaskClient) -> None:
        endless = b"--b\r\nX: " + b"x" * 900_000

        reply = client.post(
            "/v1/jobs", data=endless, content_type="multipart/form-data; boundary=b"
        )

        problem = problem_of(reply, status=400, code="invalid_input")
        assert "headers" in problem["detail"]

    def test_a_form_with_many_fields_is_told_so(self, client: FlaskClient) -> None:
        """Symptom: its small file was said to be too large."""
        fields = {f"field{number}": "x" for number in range(20)}

        reply = client.post("/v1/jobs", data=form() | fields)

        problem = problem_of(reply, status=400, code="invalid_input")
        assert "more than 16 parts" in problem["detail"]

    def test_unknown_options_are_refused_by_name(self, client: FlaskClient) -> None:
        address = client.post("/v1/jobs?filename=a.png&fps=3", data=PNG)
        field = client.post("/v1/jobs", data=form(fps="3"))
        sample = client.post("/v1/sample-jobs?fps=3")

        for reply in (address, field, sample):
            problem = problem_of(reply, status=400, code="unknown_option")
            assert "'fps'" in problem["detail"] and "sample_fps" in problem["detail"]

    @pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1001", "fast", "1e999"])
    def test_impossible_rates_are_refused(self, client: FlaskClient, value: str) -> None:
        address = client.post(f"/v1/jobs?filename=a.png&sample_fps={value}", data=PNG)
        field = client.post("/v1/jobs", data=form(sample_fps=value))

        for reply in (address, field):
            problem = problem_of(reply, status=400, code="invalid_option")
            assert "sample_fps" in problem["detail"] and value in problem["detail"]

    def test_unknown_detectors_are_refused(self, client: FlaskClient) -> None:
        problem = problem_of(
            client.post("/v1/jobs", data=form(detector="dlib")), status=400, code="invalid_option"
        )

        assert "'dlib'" in problem["detail"] and "mtcnn, haar" in problem["detail"]

    def test_a_detector_whose_file_is_missing_is_refused(self, client: FlaskClient) -> None:
        problem = problem_of(
            client.post("/v1/jobs", data=form(detector="yunet")),
            status=400,
            code="detector_unavailable",
        )

        assert "AFFECTLINE_YUNET" in problem["detail"] and "mtcnn, haar" in problem["detail"]

    def test_an_option_given_twice_is_refused(self, client: FlaskClient) -> None:
        fields = client.post("/v1/jobs", data=form() | {"detector": ["haar", "mtcnn"]})
        both = client.post("/v1/jobs?detector=haar", data=form(detector="mtcnn"))
        query = client.post("/v1/jobs?filename=a.png&detector=haar&detector=haar", data=PNG)

        for reply in (fields, both, query):
            assert "detector" in problem_of(reply, status=400, code="invalid_option")["detail"]

    def test_a_field_as_long_as_a_file_is_refused(self, client: FlaskClient) -> None:
        reply = client.post("/v1/jobs", data=form(detector="x" * 80_000))

        problem = problem_of(reply, status=400, code="invalid_option")
        assert "longer than 4096" in problem["detail"]

    def test_a_filename_longer_than_any_is_refused(self, client: FlaskClient) -> None:
        problem_of(
            client.post(f"/v1/jobs?filename={'x' * 256}", data=PNG),
            status=400,
            code="invalid_option",
        )

    @pytest.mark.logs_errors
    def test_a_full_disk_leaves_nothing_behind(
        self, settings: Settings, database: Database, blobs: Blobs, hints: list[str]
    ) -> None:
        class FullBlobs(Blobs):
            def create(self, job_id: str):
                location, file = super().create(job_id)
                file.close()
                return location, Path("/dev/full").open("wb", buffering=0)

        full = FullBlobs(blobs.folder)
        client = create_app(settings, database, full, lambda: hints.append("look")).test_client()

        reply = client.post("/v1/jobs?filename=a.png", data=PNG)

        problem_of(reply, status=507, code="storage_full")

    @pytest.mark.logs_errors
    def test_a_database_that_fails_leaves_nothing_behind(
        self, app: OpenAPI, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("secret detail")

        monkeypatch.setattr("api.http.jobs.create_job", fail)

        reply = client.post("/v1/jobs?filename=a.png", data=PNG)

        problem_of(reply, status=500, code="internal_error")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<img src=x onerror=alert(1)>.mp4", "<img src=x onerror=alert(1)>.mp4"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("ünïcode 漢字.png", "ünïcode 漢字.png"),
        ("nul\0byte\n.png", "nul\ufffdbyte\ufffd.png"),
        ("gpj.\u202etxt.png", "gpj.\ufffdtxt.png"),
        ("=1+1.png", "=1+1.png"),
    ],
    ids=["markup", "path", "other scripts", "controls", "direction marks", "formula"],
)
def test_hostile_names_are_kept_as_text(
    client: FlaskClient, blobs: Blobs, given: str, kept: str
) -> None:
    reply = client.post("/v1/jobs", query_string={"filename": given}, data=PNG)

    assert reply.get_json()["filename"] == kept
    assert stored_files(blobs) == [
        blobs.folder / reply.get_json()["id"],
        blobs.folder / reply.get_json()["id"] / "media",
    ]


def test_the_sample_clip_becomes_a_job(
    client: FlaskClient, settings: Settings, blobs: Blobs, hints: list[str]
) -> None:
    reply = client.post("/v1/sample-jobs?sample_fps=5")

    job = reply.get_json()
    assert reply.status_code == 202
    assert (job["filename"], job["options"]["sample_fps"]) == ("sample.mp4", 5.0)
    assert settings.sample_clip is not None
    assert (blobs.folder / job["id"] / "media").read_bytes() == settings.sample_clip.read_bytes()
    assert hints == ["look"]


def test_without_a_sample_clip_there_is_a_problem(client: FlaskClient, settings: Settings) -> None:
    assert settings.sample_clip is not None
    settings.sample_clip.unlink()

    problem_of(client.post("/v1/sample-jobs"), status=404, code="sample_missing")
