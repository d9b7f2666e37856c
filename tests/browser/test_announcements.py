"""What is told to people who listen to the page, and where their keyboard is then."""

from playwright.sync_api import Page, expect

from storage.decisions import cancel_job
from tests.api.made_jobs import fail_job, queue_job
from tests.browser.conftest import Installation, Watch
from tests.browser.pictures import png
from tests.browser.test_start import choose, slow_down

COUNT_ALERTS = """() => {
    const alert = document.querySelector("#uploads [role=alert]");
    window.told = 0;
    new MutationObserver(() => (window.told += 1)).observe(alert, { childList: true, characterData: true, subtree: true });
}"""


def test_cancelling_by_keyboard_is_told_and_leads_to_the_heading(
    page: Page, installation: Installation
) -> None:
    job = queue_job(installation.database, installation.blobs)
    page.goto(f"{installation.address}/#/jobs/{job.id}")

    page.get_by_role("button", name="Cancel").press("Enter")

    expect(page.get_by_role("status")).to_have_text("talk.mp4: Cancelled.")
    expect(page.get_by_role("heading", name="talk.mp4")).to_be_focused()


def test_trying_again_by_keyboard_is_told_and_leads_to_the_heading(
    page: Page, installation: Installation
) -> None:
    job = fail_job(installation.database, installation.blobs)
    page.goto(f"{installation.address}/#/jobs/{job.id}")

    page.get_by_role("button", name="Try again").press("Enter")

    expect(page.get_by_role("status")).to_have_text("talk.mp4: Waiting.")
    expect(page.get_by_role("heading", name="talk.mp4")).to_be_focused()


def test_a_job_that_somebody_else_cancelled_is_not_said_to_have_failed(
    page: Page, installation: Installation
) -> None:
    job = queue_job(installation.database, installation.blobs)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()

    cancel_job(installation.database, job.id)

    expect(page.get_by_role("status")).to_have_text("talk.mp4 was cancelled.")
    expect(cancel).to_be_hidden()
    expect(page.get_by_role("heading", name="talk.mp4")).to_be_focused()


def test_a_refused_file_is_told_once_while_another_one_is_sent(page: Page, watch: Watch) -> None:
    """Symptom: screen readers read it again at each step of the other file's upload."""
    slow_down(page)
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"dear diary" * 100}
    choose(page, notes, {"buffer": png(640, 480) + bytes(400_000)})
    expect(page.locator("#uploads [role=alert]")).to_be_visible()

    page.evaluate(COUNT_ALERTS)
    expect(page.locator("#uploads progress").nth(1)).not_to_have_js_property("value", 0)
    page.wait_for_function("() => document.querySelectorAll('#uploads progress')[1].value > 40")

    assert page.evaluate("window.told") == 0
    page.locator("#uploads li").nth(1).get_by_role(
        "button"
    ).click()  # or it would arrive in another test
    expect(page.locator("#uploads li")).to_have_count(1)
    watch.refused.clear()
