"""Requests that fail once or twice: the page says so, asks again and loses nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.api.made_jobs import MadeUp, end_job, plan_job, queue_job, see_segment
from tests.browser.conftest import Installation, Watch, looking_with_a_key
from tests.browser.made_recordings import finish_video, lay_film, lay_thumbnails

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


@pytest.fixture
def guarded(browser: Browser, tmp_path: Path, watch: Watch) -> Iterator[tuple[Page, Installation]]:
    """The page of an installation with a key, which the tab knows."""
    with looking_with_a_key(browser, tmp_path, watch) as (page, installation):
        page.add_init_script("sessionStorage.setItem('affectline-api-key', 'sesame')")
        page.goto(installation.address)
        yield page, installation


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
