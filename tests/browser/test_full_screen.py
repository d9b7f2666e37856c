"""A video that fills the screen keeps its shape, and its boxes their places."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Installation
from tests.browser.made_recordings import finish_video


@pytest.mark.parametrize(
    ("window", "fitted"),
    [((1100, 600), (800, 600)), ((600, 1000), (600, 450))],
    ids=["wide window", "tall window"],
)
def test_a_picture_that_fills_the_screen_is_not_distorted(
    page: Page,
    installation: Installation,
    tmp_path: Path,
    window: tuple[int, int],
    fitted: tuple[int, int],
) -> None:
    job = finish_video(installation, tmp_path)
    page.set_viewport_size({"width": window[0], "height": window[1]})
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".box-label").first).to_be_visible()

    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("() => document.fullscreenElement !== null")
    page.wait_for_function(
        "(width) => Math.abs(document.querySelector('video').clientWidth - width) < 2",
        arg=fitted[0],
    )
    video, box, label = (
        page.locator(one).first.bounding_box() for one in ("video", ".stage rect", ".box-label")
    )

    assert video and box and label
    assert (video["width"], video["height"]) == pytest.approx(fitted, abs=2)
    assert video["x"] == pytest.approx((window[0] - fitted[0]) / 2, abs=2)
    assert video["y"] == pytest.approx((window[1] - fitted[1]) / 2, abs=2)
    scale = fitted[0] / 320  # the face lies at x 40, y 30 and is 80 wide and 90 high
    assert box["x"] - video["x"] == pytest.approx(40 * scale, abs=4)
    assert box["y"] - video["y"] == pytest.approx(30 * scale, abs=4)
    assert box["height"] == pytest.approx(90 * scale, abs=6)
    assert label["x"] == pytest.approx(box["x"], abs=5)
    assert label["y"] + label["height"] == pytest.approx(box["y"], abs=8)
