"""A real browser before a real server; the workers' part is played by the test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from storage.blobs import Blobs
from storage.database import Database, migrate
from storage.jobs import list_jobs
from storage.settings import Settings
from tests.api.serving import serving
from worker.removal import remove_job

EXECUTABLE = "/usr/bin/chromium"  # Debian's package
FLAGS = [
    "--no-sandbox",  # for root, as in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Installation:
    """A running server and what stands behind it."""

    address: str
    settings: Settings
    database: Database
    blobs: Blobs


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without it the test is skipped on a laptop and fails in CI."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=FLAGS)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"chromium can't be started here: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@contextmanager
def installing(settings: Settings) -> Iterator[Installation]:
    """Run a server on an empty database."""
    settings.blob_folder.mkdir()
    database = Database(settings.resolved_database_url)
    migrate(database)
    with serving(settings) as address:
        yield Installation(address, settings, database, Blobs(settings.blob_folder))
    database.close()


@pytest.fixture(scope="session")
def shared_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    data = tmp_path_factory.mktemp("installation")
    settings = Settings(data=data, max_upload_bytes=1_000_000, sample_clip=data / "sample.mp4")
    with installing(settings) as installation:
        yield installation


@pytest.fixture
def installation(shared_installation: Installation) -> Installation:
    """A running installation without any job, with a sample clip."""
    for job in list_jobs(shared_installation.database):
        remove_job(shared_installation.database, shared_installation.blobs, job.id)
    assert shared_installation.settings.sample_clip is not None
    shared_installation.settings.sample_clip.write_bytes(b"\0\0\0\x18ftypisom" + bytes(2_000))
    return shared_installation


@pytest.fixture
def page(browser: Browser, installation: Installation) -> Iterator[Page]:
    """The page, just opened; nothing may break on it, ask another host or be refused by its own policy."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    broken: list[str] = []
    elsewhere: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("dialog", lambda dialog: broken.append(f"a dialog: {dialog.message}"))
    page.on(
        "console",
        lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None,
    )
    own = (installation.address, "blob:", "data:")
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(own) else elsewhere.append(asked.url),
    )
    page.goto(installation.address)

    yield page

    context.close()
    assert broken == []
    assert elsewhere == []
