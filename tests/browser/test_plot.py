"""What the plot shows of faces seen for one frame, past an hour, and after a request that failed."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Installation
from tests.browser.made_recordings import TALK, finish_video
from tests.browser.test_long_video import SHOWN, zoom_without_an_answer
from tests.browser.test_video import area_of, open_video


@pytest.mark.parametrize("by", ["plotly", "sketch"])
def test_a_face_in_single_frames_has_dots(
    page: Page, installation: Installation, tmp_path: Path, by: str
) -> None:
    """Symptom: a line through one point is nothing: the plot was empty."""
    job = finish_video(installation, tmp_path, replace(TALK, faces_of_frame=(1, *(0,) * 9)))
    if by == "sketch":
        page.route("**/plotly-*.js", lambda route: route.abort())
    page.goto(f"{installation.address}/#/jobs/{job.id}")

    dots = page.locator(".sketch circle" if by == "sketch" else ".plot .scatterlayer .point")
    expect(dots).to_have_count(7 * 10)
    page.get_by_role("button", name="Happy", exact=True).click()
    expect(dots).to_have_count(6 * 10)


def test_a_plot_dragged_past_its_start_goes_back_to_what_the_lanes_show(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: the curves lay seconds beside the lanes and the clicks, and "Show all" did not bring them back."""
    open_video(page, installation, finish_video(installation, tmp_path).id)
    area = area_of(page.locator(".plot"))

    page.mouse.move(area["x"] + 100, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(area["x"] + 400, area["y"] + 60, steps=6)
    page.mouse.up()

    page.wait_for_function(f"() => ({SHOWN})()[0] === 0")
    assert page.evaluate(SHOWN) == [0, pytest.approx(3.96)]
    expect(page.locator(".strip").first).to_have_attribute("viewBox", "0 0 3.96 1")


def test_an_error_of_the_plot_goes_when_it_can_be_fetched_again(
    page: Page, installation: Installation
) -> None:
    zoom_without_an_answer(page, installation)
    page.unroute("**/plot?*")

    page.get_by_role("button", name="Zoom in").click()

    expect(page.get_by_text("The server doesn't answer")).to_have_count(0)


def test_past_an_hour_the_clock_still_tells_frames_apart(page: Page) -> None:
    words = page.evaluate(
        """async () => {
            const { clock } = await import("/static/words.js");
            return [clock(4000.04, 2), clock(4000.2), clock(4000, 0), clock(62.5)];
        }"""
    )

    assert words == ["1:06:40.04", "1:06:40.2", "1:06:40", "1:02.5"]
