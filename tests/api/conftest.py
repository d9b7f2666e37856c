"""An application over a real, empty database and a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from flask_openapi.openapi import OpenAPI

from api.app import create_app
from storage.blobs import Blobs
from storage.database import Database, migrate
from storage.settings import Settings

MAX_UPLOAD_BYTES = 100_000


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The database's URL; tests of what depends on SQL override it to run on both databases."""
    return f"sqlite:///{tmp_path / 'affectline.sqlite'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    clip = tmp_path / "sample.mp4"
    clip.write_bytes(b"\0\0\0\x18ftypisom" + bytes(2_000))
    return Settings(
        data=tmp_path,
        database_url=database.url,
        max_upload_bytes=MAX_UPLOAD_BYTES,
        sample_clip=clip,
    )


@pytest.fixture
def blobs(settings: Settings) -> Blobs:
    settings.blob_folder.mkdir(parents=True)
    return Blobs(settings.blob_folder)


@pytest.fixture
def hints() -> list[str]:
    """Grows by one with every hint to the workers."""
    return []


@pytest.fixture
def app(settings: Settings, database: Database, blobs: Blobs, hints: list[str]) -> OpenAPI:
    return create_app(settings, database, blobs, lambda: hints.append("look"))


@pytest.fixture
def client(app: OpenAPI) -> FlaskClient:
    return app.test_client()
