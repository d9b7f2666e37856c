"""The lists of recordings: found again, followed, searched, deleted after a question."""

import unicodedata
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from storage.errors import ConfigurationError
from storage.jobs import get_job, list_jobs
from storage.records import JobState
from tests.api.made_jobs import (
    MadeUp,
    end_job,
    fail_job,
    finish_job,
    plan_next,
    queue_job,
    see_segment,
)
from tests.browser.conftest import Installation, Watch
from tests.browser.made_recordings import finish_video, lay_thumbnails
from tests.browser.test_start import choose
from worker.removal import remove_job


def show_list(page: Page, installation: Installation) -> None:
    page.goto(f"{installation.address}/#/jobs")
    page.reload()


def test_the_list_follows_jobs_that_others_sent(page: Page, installation: Installation) -> None:
    made = MadeUp(filename="theirs.mp4", frame_count=10)
    job = queue_job(installation.database, installation.blobs, made)
    lay_thumbnails(installation, job, tracks=0)
    show_list(page, installation)
    state, bar = page.locator("#jobs .state"), page.locator("#jobs progress")
    expect(state).to_have_text("Waiting")

    plan_next(installation.database, made)
    see_segment(installation.database, made)
    expect(state).to_have_text("Working")
    expect(bar).to_have_js_property("value", 50)
    see_segment(installation.database, made)
    end_job(installation.database, made)

    expect(state).to_have_text("Done")
    expect(bar).to_be_hidden()
    expect(page.locator("#jobs .thumb img")).to_be_visible()


def test_older_jobs_come_on_demand(page: Page, installation: Installation) -> None:
    for number in range(12):
        queue_job(installation.database, installation.blobs, MadeUp(filename=f"{number}.mp4"))
    show_list(page, installation)
    expect(page.locator("#jobs li")).to_have_count(10)

    page.get_by_role("button", name="Show older ones").click()

    expect(page.locator("#jobs .name")).to_have_text([f"{n}.mp4" for n in range(11, -1, -1)])
    expect(page.get_by_role("button", name="Show older ones")).to_be_hidden()


def test_a_search_finds_jobs_that_are_not_shown_yet(page: Page, installation: Installation) -> None:
    for number in range(12):
        queue_job(installation.database, installation.blobs, MadeUp(filename=f"Talk {number}.mp4"))
    show_list(page, installation)
    expect(page.locator("#jobs li")).to_have_count(10)

    page.get_by_label("Search by name").fill("talk 0")
    expect(page.locator("#jobs .name")).to_have_text(["Talk 0.mp4"])
    page.get_by_label("Search by name").fill("nobody")

    expect(page.get_by_text("No name has these words in it.")).to_be_visible()


def test_older_jobs_come_though_a_first_request_for_them_failed(
    page: Page, installation: Installation
) -> None:
    """Symptom: the button then asked for ever for what comes after "null"."""
    for number in range(12):
        queue_job(installation.database, installation.blobs, MadeUp(filename=f"{number}.mp4"))
    show_list(page, installation)
    expect(page.locator("#jobs li")).to_have_count(10)
    page.route("**/v1/jobs?*cursor=*", lambda route: route.abort(), times=1)
    older = page.get_by_role("button", name="Show older ones")

    older.click()
    expect(page.get_by_role("alert")).to_contain_text("The server doesn't answer")
    older.click()

    expect(page.locator("#jobs li")).to_have_count(12)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_search_ends_when_a_request_fails_and_goes_on_with_the_next_letter(
    page: Page, installation: Installation
) -> None:
    for number in range(12):
        queue_job(installation.database, installation.blobs, MadeUp(filename=f"Talk {number}.mp4"))
    show_list(page, installation)
    expect(page.locator("#jobs li")).to_have_count(10)
    page.route("**/v1/jobs?*cursor=*", lambda route: route.abort(), times=1)

    page.get_by_label("Search by name").fill("talk")
    expect(page.get_by_role("alert")).to_contain_text("The server doesn't answer")
    page.get_by_label("Search by name").fill("talk 0")

    expect(page.locator("#jobs .name")).to_have_text(["Talk 0.mp4"])


def test_a_failed_job_tells_why(page: Page, installation: Installation) -> None:
    fail_job(installation.database, installation.blobs)
    show_list(page, installation)
    expect(page.locator("#jobs .state")).to_have_text("Failed")

    page.locator("#jobs .open").click()

    expect(page.locator(".job-head")).to_contain_text("not one picture of 3 could be decoded")


def test_deleting_asks_first_and_works_by_keyboard(
    page: Page, installation: Installation, watch: Watch
) -> None:
    job = finish_job(installation.database, installation.blobs)
    lay_thumbnails(installation, job, tracks=0)
    show_list(page, installation)
    delete = page.get_by_role("button", name="Delete talk.mp4")

    delete.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("talk.mp4 is removed from the server for good")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert len(list_jobs(installation.database)) == 1

    expect(delete).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#jobs li")).to_have_count(0)
    expect(page.get_by_text("None yet.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert list_jobs(installation.database) == []
    assert list(installation.blobs.folder.iterdir()) == []
    assert set(watch.refused) <= {f"404 /v1/jobs/{job.id}"}  # a look that was under way
    watch.refused.clear()


def test_a_job_that_is_worked_on_can_be_cancelled(page: Page, installation: Installation) -> None:
    made = MadeUp(frame_count=10)
    job = queue_job(installation.database, installation.blobs, made)
    page.goto(f"{installation.address}/#/jobs/{job.id}")

    page.get_by_role("button", name="Cancel").click()

    expect(page.locator(".job-head .state")).to_have_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    assert get_job(installation.database, job.id).state is JobState.CANCELLED


def test_a_job_that_failed_can_be_tried_again(page: Page, installation: Installation) -> None:
    job = fail_job(installation.database, installation.blobs, ConfigurationError())
    page.goto(f"{installation.address}/#/jobs/{job.id}")

    page.get_by_role("button", name="Try again").click()

    expect(page.locator(".job-head .state")).to_have_text("Waiting")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    assert get_job(installation.database, job.id).state is JobState.QUEUED


def test_a_file_that_will_fail_again_is_not_offered_another_try(
    page: Page, installation: Installation
) -> None:
    job = fail_job(installation.database, installation.blobs)

    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.get_by_text("not one picture of 3 could be decoded")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()


def test_a_hostile_name_is_text_everywhere(
    page: Page, installation: Installation, tmp_path
) -> None:
    name = "<img src=x onerror=alert(1)>.mp4"
    finish_video(installation, tmp_path, MadeUp(filename=name))
    page.reload()
    expect(page.locator("#recent .name")).to_have_text(name)
    show_list(page, installation)
    page.get_by_role("button", name=f"Delete {name}").click()
    expect(page.locator("#delete-name")).to_have_text(name)
    page.keyboard.press("Escape")

    page.get_by_role("link", name=name).click()

    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".facts")).to_be_visible()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".lane .name").first).to_have_text(name)
    assert page.title() == f"{name} · Affectline"
    assert page.locator("[onerror]").count() == 0


def test_plots_are_fetched_when_a_video_is_about_to_be_opened(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    show_list(page, installation)
    link = page.get_by_role("link", name=job.filename)
    expect(link).to_be_visible()
    assert page.evaluate("() => window.Plotly === undefined")

    link.hover()

    page.wait_for_function("() => window.Plotly !== undefined")


def test_deleting_a_result_of_a_search_leaves_the_others(
    page: Page, installation: Installation
) -> None:
    """Symptom: only those among the newest two hundred recordings were still found."""
    names = ["talk, the oldest.mp4", *(f"{number}.mp4" for number in range(205)), "talk.mp4"]
    for name in names:
        queue_job(installation.database, installation.blobs, MadeUp(filename=name))
    show_list(page, installation)
    page.get_by_label("Search by name").fill("talk")
    found = page.locator("#jobs .name")
    expect(found).to_have_text(["talk.mp4", "talk, the oldest.mp4"])

    page.get_by_role("button", name="Delete talk.mp4").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_role("status")).to_have_text("talk.mp4 was deleted.")
    expect(found).to_have_text(["talk, the oldest.mp4"])


def test_a_search_finds_an_accent_however_it_is_written(
    page: Page, installation: Installation
) -> None:
    name = unicodedata.normalize("NFD", "Café.mp4")
    queue_job(installation.database, installation.blobs, MadeUp(filename=name))
    show_list(page, installation)

    page.get_by_label("Search by name").fill("café")

    expect(page.locator("#jobs .name")).to_have_text([name])


def test_an_upload_that_ends_is_in_the_list(page: Page, installation: Installation) -> None:
    held: list[Route] = []
    page.route("**/v1/jobs?filename*", lambda route: held.append(route))
    choose(page)
    page.get_by_role("link", name="Recordings", exact=True).click()
    expect(page.get_by_text("None yet.")).to_be_visible()

    held[0].continue_()

    expect(page.locator("#jobs .name")).to_have_text(["face.png"])


def test_a_recording_that_somebody_else_deleted_leaves_the_list(
    page: Page, installation: Installation, watch: Watch
) -> None:
    """Symptom: it stayed, and was asked for every three seconds for ever."""
    job = queue_job(installation.database, installation.blobs, MadeUp(filename="one.mp4"))
    queue_job(installation.database, installation.blobs, MadeUp(filename="two.mp4"))
    show_list(page, installation)
    page.get_by_role("link", name="one.mp4").focus()

    remove_job(installation.database, installation.blobs, job.id)

    expect(page.locator("#jobs .name")).to_have_text(["two.mp4"])
    expect(page.get_by_role("link", name="two.mp4")).to_be_focused()
    assert watch.refused == [f"404 /v1/jobs/{job.id}"]
    watch.refused.clear()
