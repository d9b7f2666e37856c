"""The first view: choose or drop recordings and see them leave."""

import re

from playwright.sync_api import Page, expect

from storage.jobs import list_jobs
from tests.browser.conftest import Installation, Watch
from tests.browser.pictures import png
from tests.waiting import wait_until

PNG = png(640, 480)
PICTURE = {"name": "face.png", "mimeType": "image/png", "buffer": PNG}


def choose(page: Page, *files: dict) -> None:
    page.set_input_files("#file", files=[{**PICTURE, **file} for file in files or ({},)])


def slow_down(page: Page) -> None:
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)


def test_a_file_that_was_sent_is_shown_with_its_job(page: Page, installation: Installation) -> None:
    choose(page)

    expect(page.get_by_role("heading", name="face.png")).to_be_visible()
    expect(page.locator(".job-head")).to_contain_text("Waiting for a free worker")
    job = list_jobs(installation.database)[0]
    assert page.url.endswith(f"#/jobs/{job.id}")


def test_several_files_become_as_many_jobs(page: Page, installation: Installation) -> None:
    choose(page, {"name": "one.png"}, {"name": "two.png"}, {"name": "three.png"})

    expect(page.locator("#recent .name")).to_have_text(["three.png", "two.png", "one.png"])
    expect(page.locator("#uploads")).to_be_hidden()
    assert len(list_jobs(installation.database)) == 3


def test_dropped_files_are_sent(page: Page, installation: Installation) -> None:
    dropped = page.evaluate_handle(
        """(bytes) => { const carried = new DataTransfer();
            for (const name of ["a.png", "b.png"])
                carried.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
            return carried; }""",
        list(PNG),
    )
    page.dispatch_event("#drop", "dragenter")
    expect(page.locator("#drop")).to_have_class(re.compile("over"))

    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})

    expect(page.locator("#drop")).not_to_have_class(re.compile("over"))
    expect(page.locator("#recent .name")).to_have_text(["b.png", "a.png"])


def test_an_upload_tells_how_far_it_is_and_can_be_cancelled(
    page: Page, installation: Installation
) -> None:
    slow_down(page)
    choose(page, {"buffer": PNG + bytes(900_000)})

    expect(page.locator("#uploads .hint")).to_have_text(
        re.compile(r"^[1-9]\d* kB of 90\d kB · \d+ kB per second · \d+ s left$")
    )
    page.get_by_role("button", name="Cancel face.png").click()

    expect(page.locator("#uploads")).to_be_hidden()
    wait_until(lambda: not any(installation.blobs.folder.iterdir()), "nothing of it is left")
    assert list_jobs(installation.database) == []


def test_an_upload_goes_on_while_another_view_is_looked_at(
    page: Page, installation: Installation
) -> None:
    slow_down(page)
    choose(page, {"buffer": PNG + bytes(200_000)})
    expect(page.locator("#uploads .name")).to_have_text("face.png")

    page.get_by_role("link", name="The measure").click()

    wait_until(lambda: len(list_jobs(installation.database)) == 1, "it has arrived")
    expect(page.get_by_role("heading", level=1)).to_contain_text("What it measures")


def test_a_refused_file_is_told_in_plain_words(
    page: Page, installation: Installation, watch: Watch
) -> None:
    choose(page, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"dear diary" * 100})

    alert = page.locator("#uploads [role=alert]")
    expect(alert).to_contain_text("which no supported format does; expected an image")
    assert list_jobs(installation.database) == []
    page.get_by_role("button", name="Dismiss notes.txt").click()
    expect(page.locator("#uploads")).to_be_hidden()
    assert [refusal[:3] for refusal in watch.refused] == ["415"]
    watch.refused.clear()


def test_a_file_too_large_is_refused_before_it_is_sent(page: Page) -> None:
    choose(page, {"buffer": bytes(1_000_001)})

    expect(page.get_by_role("alert")).to_contain_text("this installation accepts 1.0 MB")


def test_the_sample_clip_is_one_click_away(page: Page, installation: Installation) -> None:
    page.get_by_role("button", name="Try the sample clip").click()

    expect(page.get_by_role("heading", name="sample.mp4")).to_be_visible()
    assert list_jobs(installation.database)[0].filename == "sample.mp4"


def test_without_a_sample_clip_none_is_offered(page: Page, installation: Installation) -> None:
    assert installation.settings.sample_clip is not None
    installation.settings.sample_clip.unlink()
    page.reload()

    expect(page.get_by_text("Choose images or videos")).to_be_visible()
    expect(page.get_by_role("button", name="Try the sample clip")).to_have_count(0)


def test_what_is_needed_at_first_is_small(page: Page) -> None:
    page.reload()
    page.get_by_text("None yet.").wait_for()

    sent = page.evaluate(
        """performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
            .reduce((sum, entry) => sum + entry.transferSize, 0)"""
    )

    assert 10_000 < sent < 200_000
