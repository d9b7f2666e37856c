"""The OpenAPI document: valid, complete, and kept by the replies."""

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi.openapi import OpenAPI
from jsonschema import Draft202012Validator

from storage.blobs import Blobs
from storage.database import Database
from tests.api.made_jobs import fail_job, finish_job, plan_job, queue_job

UNDESCRIBED = {"/", "/problems", "/openapi.json", "/plotly-<version>.js", "/static/<path:filename>"}
"""Pages, and the document itself."""


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").get_json()
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [ref for value in node.values() for ref in references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in references(value)]
    return []


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "Affectline"


def test_every_route_is_described_and_nothing_else(app: OpenAPI, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule not in UNDESCRIBED
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {(path, method) for path, method, _ in operations(document)} == routes


def test_its_references_and_schemas_are_sound(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for path, _, operation in operations(document):
        parameters = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert parameters == set(re.findall(r"{(\w+)}", path))


def test_every_failure_is_described_as_a_problem(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert {"400", "default"} <= operation["responses"].keys(), (path, method)
        for status, response in operation["responses"].items():
            if status == "default" or int(status) >= 400:
                assert response["content"].keys() == {"application/problem+json"}


def test_both_ways_of_uploading_are_described(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]

    assert body.keys() == {"multipart/form-data", "application/octet-stream"}
    form = body["multipart/form-data"]["schema"]
    assert form["properties"].keys() == {"file", "detector", "sample_fps", "detect_every"}
    assert form["properties"]["detector"]["enum"] == ["mtcnn", "haar", "yunet"]


def test_replies_keep_what_the_document_promises(
    client: FlaskClient, document: dict[str, Any], database: Database, blobs: Blobs
) -> None:
    done = finish_job(database, blobs)
    fail_job(database, blobs)
    plan_job(database, blobs)
    queued = queue_job(database, blobs)
    png = io.BytesIO(b"\x89PNG\r\n\x1a\n")

    replies = {
        ("/v1/jobs", "post", "202"): client.post("/v1/jobs", data={"file": (png, "a.png")}),
        ("/v1/jobs", "get", "200"): client.get("/v1/jobs?limit=4"),
        ("/v1/jobs", "get", "400"): client.get("/v1/jobs?limit=x"),
        ("/v1/jobs/{id}", "get", "200"): client.get(f"/v1/jobs/{done.id}"),
        ("/v1/jobs/{id}", "get", "404"): client.get("/v1/jobs/x"),
        ("/v1/jobs/{id}/timeline", "get", "200"): client.get(f"/v1/jobs/{done.id}/timeline"),
        ("/v1/jobs/{id}/tracks", "get", "200"): client.get(f"/v1/jobs/{done.id}/tracks"),
        ("/v1/jobs/{id}/tracks", "get", "409"): client.get(f"/v1/jobs/{queued.id}/tracks"),
        ("/v1/jobs/{id}/tracks/{track}", "patch", "200"): client.patch(
            f"/v1/jobs/{done.id}/tracks/0", json={"person": "Ada"}
        ),
        ("/v1/jobs/{id}/tracks/{track}", "patch", "404"): client.patch(
            f"/v1/jobs/{done.id}/tracks/99", json={"person": "Ada"}
        ),
        ("/v1/jobs/{id}/summary", "get", "200"): client.get(f"/v1/jobs/{done.id}/summary"),
        ("/v1/jobs/{id}/plot", "get", "200"): client.get(f"/v1/jobs/{done.id}/plot"),
        ("/healthz", "get", "200"): client.get("/healthz"),
        ("/readyz", "get", "200"): client.get("/readyz"),
    }

    for (path, method, status), reply in replies.items():
        described = document["paths"][path][method]["responses"][status]["content"]
        assert str(reply.status_code) == status
        assert reply.content_type in described
        schema = described[reply.content_type]["schema"] | {"components": document["components"]}
        Draft202012Validator(schema).validate(reply.get_json())
