"""The player before its recording is there, and where its ways to other moments are slow or fail."""

from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.api.made_jobs import MadeUp, finish_job
from tests.browser.conftest import Installation
from tests.browser.made_recordings import (
    TALK,
    describe_anew,
    finish_video,
    lay_beside,
    lay_film,
    lay_thumbnails,
)
from tests.browser.pictures import numbered_film
from tests.browser.test_rows import SEEK
from tests.browser.test_video import open_video, wait_for_picture

LATE_METADATA = """(() => {
    const listen = EventTarget.prototype.addEventListener;
    HTMLVideoElement.prototype.addEventListener = function (name, heard, ...more) {
        const late = (event) => setTimeout(() => heard(event), 700);
        return listen.call(this, name, name === "loadedmetadata" ? late : heard, ...more);
    };
})()"""
"""As where the page is busy: the video says that it is loaded after its first picture was shown."""

QUICK_TIMERS = "(() => { const wait = setTimeout; window.setTimeout = (f, ms, ...a) => wait(f, ms / 20, ...a); })()"


def test_a_moment_sought_before_the_recording_is_there_is_shown(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: where the first picture came before the page heard of it, the video stood at its beginning."""
    job = finish_video(installation, tmp_path, first_tick=25)
    held: list[Route] = []
    page.route("**/media", lambda route: held.append(route), times=1)
    page.add_init_script(LATE_METADATA)
    page.goto("about:blank")
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".facts")).to_be_visible()
    page.get_by_label("Position").evaluate(SEEK, 1.2)

    held[0].continue_()

    wait_for_picture(page, 30)
    expect(page.locator(".time")).to_contain_text("0:01.20")


def test_a_speed_chosen_before_the_recording_is_there_is_kept(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_job(installation.database, installation.blobs, TALK)
    lay_thumbnails(installation, job, tracks=1)
    describe_anew(installation, job, container="avi")
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".facts")).to_be_visible()
    page.get_by_label("Speed").select_option("2")

    film = numbered_film(tmp_path / "film.mp4", frames=100)
    lay_beside(installation, job, "preview.mp4", film.read_bytes())
    page.wait_for_function("() => document.querySelector('video').readyState >= 2")

    assert page.locator("video").evaluate("video => video.playbackRate") == 2
