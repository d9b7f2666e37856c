"""Uploads that outlive a server that is away, and what isn't a file."""

import re
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Error, Page, Route, expect

from storage.jobs import list_jobs
from tests.browser.conftest import Installation, Watch
from tests.browser.test_start import choose
from tests.browser.test_troubles import fail

UPLOADS = "**/v1/jobs?filename*"
ASKS_TO_STAY = "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"


def drop(page: Page, *paths: Path) -> None:
    """Drop files of the disk where files are taken."""
    area = page.locator("#drop").bounding_box()
    assert area
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        where = {"x": area["x"] + 20, "y": area["y"] + 20}
        devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data, **where})


def test_files_that_wait_are_sent_when_the_server_is_back(
    page: Page, installation: Installation
) -> None:
    """Symptom: a server that restarted refused the whole queue in a blink, and each file had to be chosen again."""
    failed = fail(page, UPLOADS, times=2)

    choose(page, {"name": "one.png"}, {"name": "two.png"}, {"name": "three.png"})

    expect(page.locator("#uploads .hint").first).to_have_text(
        re.compile(r"^The upload broke off\. .* It is tried again soon\.$")
    )
    expect(page.get_by_text("Waits for its turn")).to_have_count(2)
    expect(page.locator("#recent .name")).to_have_text(["three.png", "two.png", "one.png"])
    expect(page.locator("#uploads")).to_be_hidden()
    assert len(failed) == 2


def test_a_file_that_is_tried_again_can_be_cancelled(
    page: Page, installation: Installation, watch: Watch
) -> None:
    def away(route: Route) -> None:
        route.fulfill(status=503, json={"detail": "The database doesn't answer."})

    page.route(re.compile("filename=one.png"), away)
    choose(page, {"name": "one.png"}, {"name": "two.png"})
    expect(page.locator("#uploads .hint").first).to_contain_text("The database doesn't answer.")

    page.get_by_role("button", name="Cancel one.png").click()

    expect(page.locator("#recent .name")).to_have_text(["two.png"])
    assert len(list_jobs(installation.database)) == 1
    watch.refused.clear()


def test_the_page_asks_before_it_is_closed_while_files_are_sent(page: Page) -> None:
    held: list[Route] = []
    page.route(UPLOADS, lambda route: held.append(route))
    assert not page.evaluate(ASKS_TO_STAY)

    choose(page, {"name": "one.png"}, {"name": "two.png"})
    expect(page.locator("#uploads li")).to_have_count(2)
    assert page.evaluate(ASKS_TO_STAY)

    for name in ("two.png", "one.png"):
        page.get_by_role("button", name=f"Cancel {name}").click()
    expect(page.locator("#uploads li")).to_have_count(0)
    assert not page.evaluate(ASKS_TO_STAY)
    for route in held:
        with suppress(Error):  # the page has given it up
            route.abort()


def test_a_folder_that_is_dropped_is_told_apart(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: "The upload broke off", as if the server were at fault."""
    folder = tmp_path / "interviews"
    folder.mkdir()
    picture = tmp_path / "face.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2_000))

    drop(page, folder, picture)

    expect(page.get_by_role("alert")).to_have_text(
        "interviews is a folder, which can't be dropped here: choose the files in it."
    )
    expect(page.locator("#recent .name")).to_have_text(["face.png"])
