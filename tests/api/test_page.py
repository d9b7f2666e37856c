"""The page as a document: its policy, plotly out of its package, the figures of the model card."""

import gzip
import importlib.metadata
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.http.model_card import read_confusions, shipped_model
from api.http.plotly import script_address
from storage.blobs import Blobs
from storage.database import Database
from storage.labels import EXPRESSIONS
from storage.settings import Settings


def test_the_page_runs_nothing_but_its_own_files(client: FlaskClient) -> None:
    reply = client.get("/")

    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.findall(r"<script(?![^>]* src=)|<style| style=| on\w+=", reply.text)


def test_the_page_promises_no_more_than_the_documentation(client: FlaskClient) -> None:
    """Symptom: it found "every face in every frame", and deleted "every trace" also where the database keeps some."""
    page = client.get("/").text

    assert "every face" not in page and "every trace" not in page
    assert "PostgreSQL" in page


def test_the_page_offers_the_detectors_of_the_installation(
    settings: Settings, database: Database, blobs: Blobs, client: FlaskClient
) -> None:
    settings = settings.model_copy(update={"yunet": Path("yunet.onnx")})
    able = create_app(settings, database, blobs, lambda: None).test_client()

    assert 'value="yunet"' in able.get("/").text
    assert 'value="yunet"' not in client.get("/").text


def test_plotly_comes_out_of_its_package_and_is_kept(client: FlaskClient) -> None:
    address = script_address()
    assert importlib.metadata.version("plotly") in address
    assert f'data-plotly="{address}"' in client.get("/").text

    plain = client.get(address)
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})

    assert b"plotly.js" in plain.data[:100]
    assert plain.mimetype == "text/javascript"
    assert "immutable" in plain.headers["Cache-Control"]
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < 0.4 * len(plain.data)
    assert plain.headers["ETag"] != packed.headers["ETag"]


def test_plotly_is_not_sent_twice(client: FlaskClient) -> None:
    tag = client.get(script_address()).headers["ETag"]

    assert client.get(script_address(), headers={"If-None-Match": tag}).status_code == 304


def test_another_version_of_plotly_is_not_kept(client: FlaskClient) -> None:
    assert client.get("/plotly-0.1.js").headers["Cache-Control"] == "no-store"


def test_the_figures_are_those_of_todays_model_card(client: FlaskClient) -> None:
    model = shipped_model()

    assert model is not None
    assert model.total > 3000
    assert 0.5 < model.accuracy < 1
    assert f"<strong>{100 * model.accuracy:.1f}" in client.get("/").text


def test_a_confusion_matrix_is_found_among_other_tables() -> None:
    rows = [
        f"| **{name}** | {' | '.join(str(10 * (name == other) + 2) for other in EXPRESSIONS)} |"
        for name in EXPRESSIONS
    ]
    card = "\n".join(("| angry | 465 | 0.65 | 0.58 |", "", *rows, "", "| angry | none |"))

    found = read_confusions(card)

    assert found is not None
    assert found.total == 7 * (12 + 6 * 2)
    assert found.recall["sad"] == pytest.approx(12 / 24)
    assert found.share(0, 1) == pytest.approx(2 / 24)


def test_a_card_without_a_whole_matrix_has_no_figures() -> None:
    assert read_confusions("| **angry** | 1 | 2 | 3 | 4 | 5 | 6 | 7 |") is None
