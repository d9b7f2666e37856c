"""Replies that come when something else is done by then."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.api.made_jobs import MadeUp, finish_job, queue_job
from tests.browser.conftest import Installation, Watch
from tests.browser.made_recordings import lay_thumbnails


def hold(page: Page, address: str, method: str) -> list[Route]:
    """Hold the next request of a method for an address; returns the list in which it is noted."""
    held: list[Route] = []

    def answer(route: Route) -> None:
        if route.request.method == method and not held:
            held.append(route)
        else:
            route.continue_()

    page.route(address, answer)
    return held


def wait_for(page: Page, held: list[Route]) -> Route:
    while not held:
        page.wait_for_timeout(20)
    return held[0]


def test_a_late_list_leaves_who_types_where_they_are(
    page: Page, installation: Installation
) -> None:
    """Symptom: what was typed after the list came was lost, since the heading had the focus."""
    queue_job(installation.database, installation.blobs)
    page.get_by_role("link", name="The measure").click()
    held = hold(page, "**/v1/jobs?*", "GET")
    page.get_by_role("link", name="Recordings", exact=True).click()
    route = wait_for(page, held)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    search = page.get_by_label("Search by name")
    search.focus()

    route.continue_()

    expect(page.locator("#jobs .name")).to_have_text(["talk.mp4"])
    expect(search).to_be_focused()


@pytest.mark.parametrize("status", [202, 503])
def test_a_late_sample_leaves_who_looks_at_another_view_there(
    page: Page, installation: Installation, watch: Watch, status: int
) -> None:
    job = finish_job(installation.database, installation.blobs)
    held = hold(page, "**/v1/sample-jobs?*", "POST")
    page.get_by_role("button", name="Try the sample clip").click()
    route = wait_for(page, held)

    page.get_by_role("link", name="Live").click()
    expect(page.get_by_role("heading", name="Live")).to_be_focused()
    route.fulfill(status=status, json={"id": job.id, "detail": "Not now."})
    page.wait_for_timeout(500)

    assert page.url.endswith("#/live")
    watch.refused.clear()


def test_a_slow_deletion_leaves_who_looks_at_another_view_there(
    page: Page, installation: Installation
) -> None:
    job = finish_job(installation.database, installation.blobs)
    lay_thumbnails(installation, job, tracks=1)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    held = hold(page, f"**/v1/jobs/{job.id}", "DELETE")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    route = wait_for(page, held)

    page.get_by_role("link", name="Live").click()
    route.continue_()

    expect(page.get_by_role("status")).to_have_text("talk.mp4 was deleted.")
    page.wait_for_timeout(300)
    assert page.url.endswith("#/live")


def test_back_does_not_lead_to_a_recording_that_was_deleted(
    page: Page, installation: Installation, watch: Watch
) -> None:
    job = queue_job(installation.database, installation.blobs, MadeUp(filename="gone.mp4"))
    page.get_by_role("link", name="The measure").click()
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Recordings")).to_be_focused()

    page.go_back()

    expect(page.get_by_role("heading", name="What it measures")).to_be_visible()
    watch.refused.clear()  # a look that was under way


def test_back_takes_the_question_of_its_view_along(page: Page, installation: Installation) -> None:
    job = queue_job(installation.database, installation.blobs)
    page.get_by_role("link", name="Live").click()
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    page.go_back()

    expect(page.get_by_role("heading", name="Live")).to_be_focused()
    expect(page.locator("dialog")).to_be_hidden()
