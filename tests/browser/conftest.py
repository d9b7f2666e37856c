"""A real browser before a real server; the workers' part is played by the test, or by real ones."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Response, expect, sync_playwright

from storage.blobs import Blobs
from storage.database import Database, migrate
from storage.jobs import list_jobs
from storage.settings import Settings
from tests.api.serving import is_idle, serving
from tests.browser.pictures import camera_film
from tests.end_to_end.running import RunningSystem, running_system
from tests.waiting import wait_until
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
    "--autoplay-policy=no-user-gesture-required",
]
CAMERA_FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Installation:
    """A running server and what stands behind it."""

    address: str
    settings: Settings
    database: Database
    blobs: Blobs


@dataclass
class Watch:
    """What went wrong on a page while a test looked at it."""

    broken: list[str] = field(
        default_factory=list
    )  #: scripts that failed, policies that were violated
    elsewhere: list[str] = field(default_factory=list)  #: requests to other hosts
    refused: list[str] = field(default_factory=list)  #: what the server refused: "404 /v1/…"

    def over(self, page: Page, address: str) -> None:
        """Watch a page of the installation at this address."""
        page.on("pageerror", lambda error: self.broken.append(str(error)))
        page.on("dialog", lambda dialog: self.broken.append(f"a dialog: {dialog.message}"))
        page.on("console", lambda said: self._hear(said.type, said.text))
        own = (address, "blob:", "data:")
        page.on(
            "request", lambda a: None if a.url.startswith(own) else self.elsewhere.append(a.url)
        )
        page.on("response", lambda reply: self._see(reply, address))

    def _hear(self, kind: str, text: str) -> None:
        # what the server refused is heard of in `refused` too, with its address
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.broken.append(text)

    def _see(self, reply: Response, address: str) -> None:
        if reply.status >= 400:
            self.refused.append(f"{reply.status} {reply.url.removeprefix(address)}")


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera sees: a talking head, over and over."""
    return camera_film(tmp_path_factory.mktemp("camera") / "head.mjpeg")


@pytest.fixture(scope="session")
def browser(film: Path) -> Iterator[Browser]:
    """Chromium; without it the test is skipped on a laptop and fails in CI."""
    flags = [*FLAGS, *CAMERA_FLAGS, f"--use-file-for-fake-video-capture={film}"]
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=flags)
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
    # an upload that the former test broke off may have arrived whole all the same
    wait_until(lambda: is_idle(shared_installation.address), "no request is under way")
    while left := list_jobs(shared_installation.database):
        for job in left:
            remove_job(shared_installation.database, shared_installation.blobs, job.id)
    assert shared_installation.settings.sample_clip is not None
    shared_installation.settings.sample_clip.write_bytes(b"\0\0\0\x18ftypisom" + bytes(2_000))
    return shared_installation


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """The whole system, with a real worker."""
    with running_system(tmp_path_factory.mktemp("system")) as running:
        yield running


@contextmanager
def looking(browser: Browser, address: str, watch: Watch) -> Iterator[Page]:
    """A page of its own, under watch, not opened yet."""
    context = browser.new_context(viewport={"width": 1100, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    watch.over(page, address)
    yield page
    context.close()


@contextmanager
def looking_with_a_key(
    browser: Browser, folder: Path, watch: Watch, *, key: str = "sesame"
) -> Iterator[tuple[Page, Installation]]:
    """An installation that needs a key, and a page for it, not opened yet."""
    settings = Settings(data=folder / "data", api_key=key)
    settings.data.mkdir()
    with (
        installing(settings) as installation,
        looking(browser, installation.address, watch) as page,
    ):
        yield page, installation


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Nothing may break on a page, ask another host, be refused by its own policy or, unless expected, by the server."""
    watch = Watch()
    yield watch
    assert watch == Watch()


@pytest.fixture
def page(browser: Browser, installation: Installation, watch: Watch) -> Iterator[Page]:
    """The page of an installation without workers, just opened."""
    with looking(browser, installation.address, watch) as page:
        page.goto(installation.address)
        yield page


@pytest.fixture
def guarded(browser: Browser, tmp_path: Path, watch: Watch) -> Iterator[tuple[Page, Installation]]:
    """The page of an installation with a key, which the tab knows."""
    with looking_with_a_key(browser, tmp_path, watch) as (page, installation):
        page.add_init_script("sessionStorage.setItem('affectline-api-key', 'sesame')")
        page.goto(installation.address)
        yield page, installation
