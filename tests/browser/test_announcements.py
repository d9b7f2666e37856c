"""What is told to people who listen to the page, and where their keyboard is then."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from storage.decisions import cancel_job
from storage.errors import ConfigurationError
from tests.api.made_jobs import MadeUp, fail_job, queue_job
from tests.browser.conftest import Installation, Watch, looking_with_a_key
from tests.browser.made_recordings import finish_video
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
    job = fail_job(installation.database, installation.blobs, ConfigurationError())
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


def test_a_list_that_grows_keeps_the_keyboard_at_its_row(
    page: Page, installation: Installation
) -> None:
    queue_job(installation.database, installation.blobs, MadeUp(filename="older.mp4"))
    queue_job(installation.database, installation.blobs, MadeUp(filename="newer.mp4"))
    page.reload()
    row = page.get_by_role("link", name="older.mp4")
    row.focus()

    choose(page, {"name": "one.png"}, {"name": "two.png"})

    expect(page.locator("#recent .name")).to_have_text(
        ["two.png", "one.png", "newer.mp4", "older.mp4"]
    )
    expect(row).to_be_focused()


def test_showing_older_ones_leads_to_the_first_of_them(
    page: Page, installation: Installation
) -> None:
    for number in range(12):
        queue_job(installation.database, installation.blobs, MadeUp(filename=f"{number}.mp4"))
    page.get_by_role("link", name="Recordings", exact=True).click()

    page.get_by_role("button", name="Show older ones").press("Enter")

    expect(page.get_by_role("link", name=re.compile(r"\b1\.mp4"))).to_be_focused()


def test_dismissing_leads_to_the_next_one_and_then_to_the_files(page: Page, watch: Watch) -> None:
    notes = {"mimeType": "text/plain", "buffer": b"dear diary" * 100}
    choose(page, notes | {"name": "one.txt"}, notes | {"name": "two.txt"})

    page.get_by_role("button", name="Dismiss one.txt").press("Enter")
    second = page.get_by_role("button", name="Dismiss two.txt")
    expect(second).to_be_focused()
    second.press("Enter")

    expect(page.locator("#file")).to_be_focused()
    watch.refused.clear()


def test_a_key_that_is_asked_for_stops_the_video_and_leads_back_to_it(
    browser: Browser, tmp_path: Path, watch: Watch
) -> None:
    with looking_with_a_key(browser, tmp_path, watch) as (page, installation):
        job = finish_video(installation, tmp_path)
        page.goto(f"{installation.address}/#/jobs/{job.id}")
        key = page.get_by_label("This installation needs a key")
        key.fill("sesame")
        key.press("Enter")
        expect(page.get_by_role("heading", name=job.filename)).to_be_focused()
        video = page.locator("video")
        page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
        video.evaluate("video => { video.loop = true; return video.play(); }")

        # At once: a request that the page makes between the two would be refused, and the link be gone.
        page.get_by_role("link", name="Download CSV").evaluate(
            "link => { sessionStorage.setItem('affectline-api-key', 'of yesterday'); link.click(); }"
        )

        expect(key).to_be_focused()
        expect(video).to_have_js_property("paused", True)
        watch.refused.clear()
