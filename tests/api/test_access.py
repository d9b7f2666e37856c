"""Who gets in: holders of the key, or without a key this machine's own pages only."""

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from storage.blobs import Blobs
from storage.database import Database
from storage.settings import Settings
from tests.api.replies import problem_of

KEY = "sésame"
WIRE_KEY = KEY.encode().decode("latin-1")  # WSGI's way of carrying the bytes of a header
V1 = [
    ("GET", "/v1/jobs"),
    ("POST", "/v1/jobs"),
    ("POST", "/v1/sample-jobs"),
    ("GET", f"/v1/jobs/{'0' * 32}"),
    ("DELETE", f"/v1/jobs/{'0' * 32}"),
    ("POST", f"/v1/jobs/{'0' * 32}/cancel"),
    ("POST", f"/v1/jobs/{'0' * 32}/retry"),
    ("GET", f"/v1/jobs/{'0' * 32}/timeline"),
    ("GET", f"/v1/jobs/{'0' * 32}/timeline.csv"),
    ("GET", f"/v1/jobs/{'0' * 32}/summary"),
    ("GET", f"/v1/jobs/{'0' * 32}/plot"),
    ("GET", f"/v1/jobs/{'0' * 32}/tracks"),
    ("PATCH", f"/v1/jobs/{'0' * 32}/tracks/0"),
    ("GET", f"/v1/jobs/{'0' * 32}/media"),
    ("GET", f"/v1/jobs/{'0' * 32}/preview"),
    ("GET", f"/v1/jobs/{'0' * 32}/thumbnail.jpg"),
    ("GET", f"/v1/jobs/{'0' * 32}/tracks/0/thumbnail.jpg"),
    ("POST", "/v1/live"),
    ("POST", f"/v1/live/{'0' * 32}/frames"),
    ("DELETE", f"/v1/live/{'0' * 32}"),
]


@pytest.fixture
def locked(settings: Settings, database: Database, blobs: Blobs) -> FlaskClient:
    """A client of an installation with an API key."""
    settings = settings.model_copy(update={"api_key": KEY})
    return create_app(settings, database, blobs, lambda: None).test_client()


def test_the_list_here_names_every_v1_route(client: FlaskClient) -> None:
    described = client.get("/openapi.json").get_json()["paths"]

    v1 = {
        (method.upper(), path.replace("{id}", "0" * 32).replace("{track}", "0"))
        for path, item in described.items()
        if path.startswith("/v1")
        for method in item
    }
    assert v1 == set(V1)


@pytest.mark.parametrize(("method", "path"), V1)
def test_v1_needs_the_key(locked: FlaskClient, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"}):
        reply = locked.open(path, method=method, headers=headers)

        problem_of(reply, status=401, code="api_key_required")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_key_opens_by_either_header(locked: FlaskClient) -> None:
    for headers in ({"Authorization": f"Bearer {WIRE_KEY}"}, {"X-API-Key": WIRE_KEY}):
        assert locked.get("/v1/jobs", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/openapi.json", "/problems"])
def test_the_rest_needs_no_key(locked: FlaskClient, path: str) -> None:
    assert locked.get(path).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_cannot_change_anything(client: FlaskClient, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}

    for method, path in V1:
        if method != "GET":
            reply = client.open(path, method=method, headers=headers)
            problem_of(reply, status=403, code="foreign_origin")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:1234", "null", "http://[::1"]
)
def test_browsers_that_tell_only_an_origin_cannot_either(client: FlaskClient, origin: str) -> None:
    reply = client.post("/v1/sample-jobs", headers={"Origin": origin})

    problem_of(reply, status=403, code="foreign_origin")
    assert client.get("/v1/jobs", headers={"Origin": origin}).status_code == 200


def test_our_own_origin_can_and_behind_a_proxy_the_key_decides(
    client: FlaskClient, locked: FlaskClient
) -> None:
    own = {"Origin": "http://localhost:8000", "Host": "localhost:8000"}
    proxied = {"Origin": "https://affect.example", "Authorization": f"Bearer {WIRE_KEY}"}

    assert client.post("/v1/sample-jobs", headers=own).status_code == 202
    assert locked.post("/v1/sample-jobs", headers=proxied).status_code == 202


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_can(client: FlaskClient, site: str) -> None:
    reply = client.post("/v1/sample-jobs", headers={"Sec-Fetch-Site": site})

    assert reply.status_code == 202


def test_a_foreign_name_for_this_machine_is_refused_without_a_key(
    client: FlaskClient, locked: FlaskClient
) -> None:
    """DNS rebinding: evil.example resolves to 127.0.0.1 and its page would read every job."""
    problem_of(
        client.get("/v1/jobs", headers={"Host": "evil.example:8000"}),
        status=403,
        code="foreign_origin",
    )
    assert locked.get("/healthz", headers={"Host": "affect.example"}).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
def test_this_machines_own_names_are_fine(client: FlaskClient, host: str) -> None:
    assert client.get("/v1/jobs", headers={"Host": host}).status_code == 200
