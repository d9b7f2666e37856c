"""Requests that fail once or twice: the page says so, asks again and loses nothing."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.api.made_jobs import MadeUp, end_job, fail_next, plan_job, queue_job, see_segment
from tests.browser.conftest import Installation, Watch
from tests.browser.made_recordings import describe_anew, finish_video, lay_film, lay_thumbnails
from tests.browser.test_rows import SEEK
from tests.browser.test_video import QUICK_TIMERS, wait_for_picture

GROWING = MadeUp(frame_count=50, segment_frames=25, faces_of_frame=(1,))
POINTS = "(points) => document.querySelector('.plot')?.data?.[0].x.length === points"


def fail(page: Page, address: str, *, times: int = 1) -> list[str]:
    """Let the next requests for an address fail; returns the list in which those that did are noted."""
    failed: list[str] = []

    def answer(route: Route) -> None:
        failed.append(route.request.url)
        route.abort()

    page.route(address, answer, times=times)
    return failed


def open_growing(page: Page, installation: Installation, folder: Path) -> None:
    """Show a video of which the first half was looked at."""
    job = plan_job(installation.database, installation.blobs, GROWING)
    lay_film(installation, job, folder, frames=50)
    lay_thumbnails(installation, job, tracks=1)
    see_segment(installation.database, GROWING)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    page.wait_for_function(POINTS, arg=25)


def test_a_timeline_grows_on_in_one_player_after_a_plot_that_failed(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: each failure left another player on the page, and another listener to its keys."""
    open_growing(page, installation, tmp_path)
    failed = fail(page, "**/plot?*", times=2)

    see_segment(installation.database, GROWING)
    expect(page.get_by_role("alert")).to_have_text(
        "The server doesn't answer. Is it still running?"
    )
    page.wait_for_function(POINTS, arg=50)

    assert len(failed) == 2
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("video")).to_have_count(1)


@pytest.mark.parametrize("part", ["tracks?*", "summary"])
def test_the_end_of_a_job_is_shown_though_a_request_for_it_failed(
    page: Page, installation: Installation, tmp_path: Path, part: str
) -> None:
    open_growing(page, installation, tmp_path)
    failed = fail(page, f"**/{part}", times=2)

    see_segment(installation.database, GROWING)
    end_job(installation.database, GROWING)

    expect(page.locator(".facts")).to_be_visible()
    assert len(failed) == 2
    expect(page.locator(".lane")).to_have_count(1)
    expect(page.locator("video")).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_job_that_is_done_is_shown_though_a_first_request_failed(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: it is not looked at again, so that nothing of it ever came."""
    job = finish_video(installation, tmp_path)
    fail(page, "**/summary")

    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.locator(".facts")).to_be_visible()
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    expect(page.locator("video")).to_have_count(1)


def test_a_part_that_was_away_for_long_is_shown_when_it_is_back(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: after half a minute without a summary the page gave up for good."""
    page.add_init_script(
        "(() => { const wait = setTimeout; window.setTimeout = (f, ms, ...a) => wait(f, ms / 50, ...a); })()"
    )
    page.goto("about:blank")
    job = finish_video(installation, tmp_path)
    failed = fail(page, "**/summary", times=12)

    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.locator(".facts")).to_be_visible()
    assert len(failed) == 12


def test_a_timeline_grows_while_its_recording_is_fetched(
    guarded: tuple[Page, Installation], tmp_path: Path
) -> None:
    """Symptom: with a key nothing of a running job was shown until its whole recording had come."""
    page, installation = guarded
    held: list[Route] = []
    page.route("**/media", lambda route: held.append(route))

    open_growing(page, installation, tmp_path)
    expect(page.get_by_text("Fetching the recording…")).to_be_visible()
    see_segment(installation.database, GROWING)
    page.wait_for_function(POINTS, arg=50)
    held[0].continue_()

    page.wait_for_function("() => document.querySelector('video').readyState >= 2")
    expect(page.get_by_text("Fetching the recording…")).to_have_count(0)
    assert len(held) == 1


def test_a_recording_that_could_not_be_fetched_is_fetched_again(
    guarded: tuple[Page, Installation], tmp_path: Path
) -> None:
    page, installation = guarded
    job = finish_video(installation, tmp_path)
    fail(page, "**/media")

    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.get_by_text("The server doesn't answer")).to_be_visible()
    expect(page.locator(".facts")).to_be_visible()

    page.wait_for_function("() => document.querySelector('video').readyState >= 2")
    expect(page.get_by_text("The server doesn't answer")).to_have_count(0)


def test_why_a_cancel_failed_stays_to_be_read(page: Page, installation: Installation) -> None:
    """Symptom: the next good look at the job, two seconds later, wiped it away."""
    job = queue_job(installation.database, installation.blobs)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    fail(page, "**/cancel")

    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("The server doesn't answer")
    for _ in range(2):
        with page.expect_response(f"**/v1/jobs/{job.id}"):
            pass

    expect(page.get_by_role("alert")).to_contain_text("The server doesn't answer")


def test_a_list_that_failed_at_first_comes_by_itself(
    page: Page, installation: Installation
) -> None:
    queue_job(installation.database, installation.blobs)
    fail(page, "**/v1/jobs?*")

    page.get_by_role("link", name="Recordings", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The server doesn't answer")

    expect(page.locator("#jobs .name")).to_have_text(["talk.mp4"])
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_recording_that_failed_at_first_comes_by_itself(
    page: Page, installation: Installation
) -> None:
    """Symptom: an alert alone, for ever, under no heading."""
    job = queue_job(installation.database, installation.blobs)
    page.get_by_role("link", name="Live").click()
    fail(page, f"**/v1/jobs/{job.id}", times=2)

    page.evaluate("(id) => (location.hash = `#/jobs/${id}`)", job.id)
    expect(page.get_by_role("alert")).to_contain_text("The server doesn't answer")
    expect(page.get_by_role("heading", name="Recording")).to_be_focused()

    expect(page.get_by_role("heading", name="talk.mp4")).to_be_focused()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_recording_that_is_gone_is_told_under_a_heading(
    page: Page, installation: Installation, watch: Watch
) -> None:
    page.goto(f"{installation.address}/#/jobs/{'0' * 32}")

    expect(page.get_by_role("heading", name="Recording")).to_be_focused()
    expect(page.get_by_role("alert")).to_be_visible()
    assert [refusal[:3] for refusal in watch.refused] == ["404"]
    watch.refused.clear()


def test_a_download_that_fails_is_told(
    guarded: tuple[Page, Installation], tmp_path: Path, watch: Watch
) -> None:
    page, installation = guarded
    job = finish_video(installation, tmp_path)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    busy = {"detail": "The database doesn't answer."}
    page.route("**/timeline.csv*", lambda route: route.fulfill(status=503, json=busy), times=1)
    link = page.get_by_role("link", name="Download CSV")

    link.click()
    expect(page.get_by_role("alert")).to_have_text("The database doesn't answer.")
    with page.expect_download():
        link.click()

    expect(page.get_by_role("alert")).to_have_count(0)
    watch.refused.clear()


def test_boxes_stay_on_their_pictures_though_it_was_to_play_before_it_was_there(
    guarded: tuple[Page, Installation], tmp_path: Path
) -> None:
    """Symptom: Play pressed while the recording was fetched moved all boxes and seeks by its start offset."""
    page, installation = guarded
    held: list[Route] = []
    page.route("**/media", lambda route: held.append(route))
    job = finish_video(installation, tmp_path, first_tick=25)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".facts")).to_be_visible()

    page.keyboard.press("Space")
    held[0].continue_()
    page.wait_for_function("() => document.querySelector('video').currentTime > 1.5")
    page.keyboard.press("Space")
    page.get_by_label("Position").evaluate(SEEK, 1.2)

    wait_for_picture(page, 30)


def test_a_recording_that_the_server_did_not_give_at_first_is_loaded_again(
    page: Page, installation: Installation, tmp_path: Path, watch: Watch
) -> None:
    """Symptom: a server that was busy was taken for a recording that the browser can't play, for good."""
    page.add_init_script(QUICK_TIMERS)
    page.goto("about:blank")
    job = finish_video(installation, tmp_path)
    page.route("**/media", lambda route: route.fulfill(status=503, json={}))
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.get_by_text("The recording can't be fetched now")).to_be_visible()

    page.unroute("**/media")

    page.wait_for_function("() => document.querySelector('video').readyState >= 2")
    expect(page.get_by_text("can't be fetched")).to_have_count(0)
    watch.refused.clear()


def test_what_is_said_of_a_recording_is_true_still_when_its_job_has_failed(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: "Not read yet" and "A preview is made when the analysis is done." stayed under "Failed"."""
    job = plan_job(installation.database, installation.blobs, GROWING)
    describe_anew(installation, job, container="avi")
    see_segment(installation.database, GROWING)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.get_by_text("A preview is made when the analysis is done.")).to_be_visible()
    page.get_by_label("Position").evaluate(SEEK, 1.5)
    expect(page.locator(".panel")).to_contain_text("Not read yet")

    fail_next(installation.database)

    expect(page.get_by_text("There is no preview of it.")).to_be_visible()
    expect(page.locator(".panel")).to_contain_text("Not read")
    expect(page.locator(".panel")).not_to_contain_text("yet")
