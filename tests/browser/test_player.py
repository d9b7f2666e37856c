"""The player before its recording is there, and where its ways to other moments are slow or fail."""

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
from tests.browser.test_video import QUICK_TIMERS, open_video, wait_for_picture

LATE_METADATA = """(() => {
    const listen = EventTarget.prototype.addEventListener;
    HTMLVideoElement.prototype.addEventListener = function (name, heard, ...more) {
        const late = (event) => setTimeout(() => heard(event), 700);
        return listen.call(this, name, name === "loadedmetadata" ? late : heard, ...more);
    };
})()"""
"""As where the page is busy: the video says that it is loaded after its first picture was shown."""


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


def finish_minute(page: Page, installation: Installation, folder: Path) -> None:
    """Show a job of a minute whose film is ten seconds long: its rows take several requests."""
    made = MadeUp(frame_count=1500, segment_frames=1500, faces_of_frame=(1,))
    job = finish_job(installation.database, installation.blobs, made)
    lay_film(installation, job, folder, frames=250)
    lay_thumbnails(installation, job, tracks=1)
    open_video(page, installation, job.id)


def test_a_step_for_which_rows_cannot_be_had_says_so(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    finish_minute(page, installation, tmp_path)
    page.route("**/timeline?*", lambda route: route.abort())
    page.get_by_label("Position").evaluate(SEEK, 40)

    for key in ("ArrowRight", "]"):
        page.keyboard.press(key)
        expect(page.get_by_text("The server doesn't answer")).to_be_visible()
        page.unroute("**/timeline?*")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_text("The server doesn't answer")).to_have_count(0)
        page.route("**/timeline?*", lambda route: route.abort())
        page.get_by_label("Position").evaluate(SEEK, 20)


def test_a_change_found_late_does_not_lead_away_from_what_was_sought_since(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: long after `]` the video jumped away from where the user had gone on."""
    held: list[Route] = []
    page.route("**/timeline?*", lambda route: held.append(route), times=1)
    open_video(page, installation, finish_video(installation, tmp_path).id)
    page.get_by_text("Raw", exact=True).click()  # each frame's face reads as another expression
    page.keyboard.press("]")
    page.get_by_label("Position").evaluate(SEEK, 2)
    wait_for_picture(page, 50)

    held[0].continue_()
    expect(page.locator(".stage rect").first).to_be_attached()
    page.wait_for_timeout(500)  # for a jump that must not come

    expect(page.locator(".time")).to_contain_text("0:02.00")


def test_a_recording_that_broke_off_is_loaded_again_where_it_was(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: after a restart of the server "This browser can't play the recording" stayed until a reload."""
    page.add_init_script(QUICK_TIMERS)
    page.goto("about:blank")
    open_video(page, installation, finish_video(installation, tmp_path).id)
    page.get_by_label("Position").evaluate(SEEK, 1.2)
    wait_for_picture(page, 30)

    page.locator("video").evaluate(
        """(video) => {
                video.addEventListener("loadstart", () => (window.loadedAgain = true));
                Object.defineProperty(video, "error", { value: { code: 2 }, configurable: true });
                video.dispatchEvent(new Event("error"));
                delete video.error;
            }"""
    )
    expect(page.get_by_text("The recording can't be fetched now")).to_be_visible()
    page.wait_for_function("() => window.loadedAgain")
    expect(page.get_by_text("The recording can't be fetched now")).to_have_count(0)
    wait_for_picture(page, 30)
    expect(page.locator(".time")).to_contain_text("0:01.20")


def test_where_it_is_zoomed_in_the_timeline_goes_along_with_a_seek(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: slider and arrow keys left the stretch that was shown, and the playhead was nowhere."""
    open_video(page, installation, finish_video(installation, tmp_path).id)
    for _ in range(5):
        page.get_by_role("button", name="Zoom in").click()
    head = page.locator(".playhead")

    page.get_by_label("Position").evaluate(SEEK, 2)
    expect(head).to_be_visible()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
        expect(head).to_be_visible()
    wait_for_picture(page, 38)


def test_a_bracket_that_needs_the_option_key_is_one_all_the_same(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: on a Mac with a German or French keyboard no key led to the next change."""
    open_video(page, installation, finish_video(installation, tmp_path).id)
    page.get_by_text("Raw", exact=True).click()  # each frame's face reads as another expression

    page.keyboard.press("Alt+]")

    expect(page.locator(".time")).to_contain_text("0:00.04")
