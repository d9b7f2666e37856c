"""Live sessions over HTTP: pictures in, faces out, with a real analyser behind."""

from collections.abc import Iterator

import httpx
import psutil
import pytest
from flask.testing import FlaskClient
from flask_openapi.openapi import OpenAPI

from api.app import create_app
from api.http.live import MAX_PICTURE_BYTES
from storage.blobs import Blobs
from storage.database import Database
from storage.labels import EXPRESSIONS
from storage.settings import Settings
from tests.api.replies import problem_of
from tests.api.serving import serving
from tests.vision.live_pictures import webcam
from tests.waiting import wait_until

JPEG = {"Content-Type": "image/jpeg"}
UNKNOWN = f"/v1/live/{'0' * 32}"


@pytest.fixture
def session(client: FlaskClient) -> Iterator[str]:
    """The address of an open session."""
    reply = client.post("/v1/live")
    assert reply.status_code == 201
    address = reply.headers["Location"]
    yield address
    client.delete(address)


def test_pictures_go_in_and_faces_come_out(client: FlaskClient, session: str, app: OpenAPI) -> None:
    seen = [
        client.post(f"{session}/frames", data=picture, headers=JPEG).get_json()
        for picture in webcam(3)
    ]

    for sight in seen:
        assert (sight["width"], sight["height"]) == (640, 480)
        assert sight["milliseconds"] > 0
        (face,) = sight["faces"]
        assert face["track"] == 0
        assert face["box"].keys() == {"x", "y", "width", "height"}
        for scores in (face["probabilities"], face["smoothed"]):
            assert tuple(scores) == EXPRESSIONS
            assert sum(scores.values()) == pytest.approx(1, abs=0.001)
        assert face["confidence"] == max(face["smoothed"].values())
        assert face["smoothed"][face["emotion"]] == face["confidence"]
        assert face["uncertain"] == (face["confidence"] < sight["uncertain_below"])


def test_a_bad_picture_is_a_problem_and_a_deleted_session_is_gone(
    client: FlaskClient, session: str
) -> None:
    reply = client.post(f"{session}/frames", data=b"GIF89a", headers=JPEG)
    problem_of(reply, status=415, code="unsupported_media")

    assert client.delete(session).status_code == 204

    reply = client.post(f"{session}/frames", data=b"\xff\xd8\xff", headers=JPEG)
    problem_of(reply, status=404, code="live_not_found")


def test_a_full_house_says_when_to_come_again(
    settings: Settings, database: Database, blobs: Blobs
) -> None:
    settings = settings.model_copy(update={"live_sessions": 1})
    client = create_app(settings, database, blobs, lambda: None).test_client()
    only = client.post("/v1/live").headers["Location"]

    reply = client.post("/v1/live")

    problem_of(reply, status=429, code="live_full")
    assert int(reply.headers["Retry-After"]) > 0
    client.delete(only)


def test_where_there_is_no_live_view_nobody_is_told_to_come_again(
    settings: Settings, database: Database, blobs: Blobs
) -> None:
    settings = settings.model_copy(update={"live_sessions": 0})
    client = create_app(settings, database, blobs, lambda: None).test_client()

    reply = client.post("/v1/live")

    problem = problem_of(reply, status=403, code="live_off")
    assert "AFFECTLINE_LIVE_SESSIONS" in problem["detail"]
    assert "Retry-After" not in reply.headers


@pytest.mark.parametrize(
    ("picture", "status", "code"),
    [
        (b"\xff\xd8\xff" + bytes(MAX_PICTURE_BYTES), 413, "too_large"),
        (b"", 400, "invalid_input"),
        (b"\xff\xd8\xff", 404, "live_not_found"),
    ],
    ids=["too large", "none", "for no session"],
)
def test_what_needs_no_look_is_refused_without_one(
    client: FlaskClient, picture: bytes, status: int, code: str
) -> None:
    reply = client.post(f"{UNKNOWN}/frames", data=picture, headers=JPEG)

    problem_of(reply, status=status, code=code)


def test_a_session_that_is_not_there_cannot_be_closed(client: FlaskClient) -> None:
    problem_of(client.delete(UNKNOWN), status=404, code="live_not_found")


def analysers() -> set[psutil.Process]:
    """All that run below this process: other tests may keep some."""
    children = psutil.Process().children(recursive=True)
    return {child for child in children if "worker.analyser.main" in child.cmdline()}


def test_a_server_that_ends_takes_its_sessions_along(settings: Settings) -> None:
    with serving(settings) as address:
        before = analysers()
        assert httpx.post(f"{address}/v1/live").status_code == 201
        (analyser,) = analysers() - before

    wait_until(lambda: not analyser.is_running(), "the analyser ended")
