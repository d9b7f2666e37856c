"""Every failure is an RFC 9457 problem that gives nothing away."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from flask_openapi.openapi import OpenAPI

from api.app import create_app
from storage.blobs import Blobs
from storage.database import Database
from storage.errors import AffectlineError, ConfigurationError
from storage.settings import Settings
from storage.tables import metadata
from tests.api.replies import problem_of


def test_an_unknown_address_is_a_problem(client: FlaskClient) -> None:
    problem = problem_of(client.get("/v1/nothing"), status=404, code="route_not_found")

    assert problem["instance"] == "/v1/nothing"


def test_a_wrong_method_is_told_the_right_ones(client: FlaskClient) -> None:
    reply = client.put("/v1/jobs", data=b"x")

    problem_of(reply, status=405, code="method_not_allowed")
    assert {m.strip() for m in reply.headers["Allow"].split(",")} >= {"GET", "POST"}


@pytest.mark.logs_errors
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (RuntimeError("secret detail"), "internal_error"),
        (ConfigurationError("secret detail"), "configuration"),
    ],
    ids=["unforeseen", "foreseen"],
)
def test_a_fault_of_ours_tells_nothing_but_is_logged(
    app: OpenAPI,
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    fault: Exception,
    code: str,
) -> None:
    @app.route("/broken")
    def broken() -> str:
        raise fault

    reply = client.get("/broken")

    problem_of(reply, status=500, code=code)
    assert "secret" not in reply.text and "Traceback" not in reply.text
    assert "secret detail" in caplog.text


@pytest.mark.logs_errors
def test_a_database_that_fails_is_unavailable_and_not_ready(
    client: FlaskClient, database: Database
) -> None:
    metadata.drop_all(database.engine)
    listing = client.get("/v1/jobs")

    problem_of(listing, status=503, code="database_unavailable")
    assert listing.headers["Retry-After"]
    assert "SELECT" not in listing.text


def test_a_living_process_is_healthy_and_ready(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get("/readyz").get_json() == {"status": "ok"}


@pytest.mark.logs_errors
def test_without_its_database_a_process_is_healthy_but_not_ready(
    settings: Settings, blobs: Blobs
) -> None:
    nobody_listens = Database("postgresql+psycopg://user:password@127.0.0.1:1/none")
    client = create_app(settings, nobody_listens, blobs, lambda: None).test_client()

    assert client.get("/healthz").status_code == 200
    reply = client.get("/readyz")

    problem_of(reply, status=503, code="database_unavailable")
    assert "password" not in reply.text


def test_with_a_schema_that_was_not_upgraded_a_process_is_not_ready_and_says_what_to_do(
    client: FlaskClient, database: Database
) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")

    reply = client.get("/readyz")

    problem_of(reply, status=503, code="configuration")
    assert "run 'affectline db upgrade'" in reply.get_json()["detail"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("jobs?limit=ten", "option limit is 'ten'; expected a whole number"),
        ("jobs?limit=0", "option limit is '0'; expected a number of at least 1"),
        ("jobs?limit=201", "option limit is '201'; expected a number of at most 200"),
        ("jobs/0/timeline?from_s=x", "option from_s is 'x'; expected a number"),
        (
            "jobs/0/timeline?from_s=nan",
            "option from_s is 'nan'; expected a number of at most 1000000000",
        ),
        ("jobs/0/plot?to_s=0", "option to_s is '0'; expected a number above 0"),
        ("jobs/0/plot?scores=all", "option scores is 'all'; expected 'raw' or 'smoothed'"),
        ("jobs/0?full=1", "unknown option 'full'; this address takes no options"),
    ],
)
def test_a_wrong_option_is_told_in_plain_words(
    client: FlaskClient, query: str, detail: str
) -> None:
    """Symptom: expected: a valid integer, unable to parse string as an integer."""
    assert client.get(f"/v1/{query}").get_json()["detail"] == detail


def test_every_kind_of_error_has_a_code_of_its_own_and_is_explained(client: FlaskClient) -> None:
    page = client.get("/problems")

    assert page.status_code == 200
    kinds = list(every_kind(AffectlineError))
    assert len({kind.code for kind in kinds}) == len(kinds) > 20
    for kind in kinds:
        assert f'id="{kind.code}"' in page.text


def every_kind(root: type[AffectlineError]) -> Iterator[type[AffectlineError]]:
    yield root
    for kind in root.__subclasses__():
        yield from every_kind(kind)


@pytest.mark.parametrize("path", ["/", "/problems", "/v1/jobs", "/nothing", "/static/style.css"])
def test_every_reply_forbids_foreign_scripts_and_guessing(client: FlaskClient, path: str) -> None:
    with client.get(path) as reply:
        headers = reply.headers

    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
