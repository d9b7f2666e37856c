"""Seeking in the list of lanes, which may have to be scrolled."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Installation
from tests.browser.made_recordings import TALK, finish_video
from tests.browser.test_troubles import fail
from tests.browser.test_video import QUICK_TIMERS, open_video

Where = dict[str, float | int | str]


@pytest.fixture
def crowd(page: Page, installation: Installation, tmp_path: Path) -> Page:
    """The page of a video with twelve faces."""
    job = finish_video(installation, tmp_path, replace(TALK, faces_of_frame=(12,)))
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".lane")).to_have_count(12)
    page.wait_for_function("() => document.querySelector('video').readyState >= 2")
    return page


def at(page: Page, selector: str, share: float) -> Where:
    """Where a pointer is that touches the middle of an element, this far from its left."""
    box = page.locator(selector).first.bounding_box()
    assert box
    left, top = box["x"] + share * box["width"], box["y"] + box["height"] / 2
    return {"button": 0, "clientX": left, "clientY": top, "pointerType": "touch"}


def shown_s(page: Page) -> float:
    page.wait_for_timeout(200)  # for a seek that must not come
    return float(page.locator("video").evaluate("video => video.currentTime"))


def test_a_press_on_the_scrollbar_does_not_seek(crowd: Page) -> None:
    mouse = {**at(crowd, ".lanes", 0.999), "pointerType": "mouse"}

    crowd.locator(".lanes").dispatch_event("pointerdown", mouse)
    crowd.locator(".lanes").dispatch_event("pointerup", mouse)

    assert shown_s(crowd) == 0


def test_a_thumb_scrolls_the_lanes_without_seeking(crowd: Page) -> None:
    strip = crowd.locator(".strip").first
    down = at(crowd, ".strip", 0.5)

    strip.dispatch_event("pointerdown", down)
    strip.dispatch_event("pointermove", {**down, "clientY": float(down["clientY"]) - 20})
    strip.dispatch_event("pointercancel", down)  # as browsers say when they begin to scroll

    assert shown_s(crowd) == 0


def test_a_tap_on_a_lane_seeks(crowd: Page) -> None:
    tap = at(crowd, ".strip", 0.5)

    crowd.locator(".strip").first.dispatch_event("pointerdown", tap)
    crowd.locator(".strip").first.dispatch_event("pointerup", tap)

    crowd.wait_for_function(
        "() => Math.abs(document.querySelector('video').currentTime - 1.98) < 0.05"
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_the_playhead_does_not_strike_the_button_of_further_faces_through(
    page: Page, installation: Installation, tmp_path: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 1200})
    made = replace(TALK, faces_of_frame=(*(1,) * 50, 2, *(1,) * 49))
    open_video(page, installation, finish_video(installation, tmp_path, made).id)
    button = page.get_by_role("button", name="Show 1 more, seen for a moment")
    head, words = page.locator(".playhead").bounding_box(), button.bounding_box()
    assert head and words
    assert words["x"] < head["x"] < words["x"] + words["width"]

    seen = drawn_in(button)
    page.locator(".playhead").evaluate("(head) => (head.style.visibility = 'hidden')")

    assert np.abs(drawn_in(button) - seen).max() < 16


def drawn_in(button: Locator) -> npt.NDArray[np.int16]:
    """The pixels within a button's border."""
    picture = cv2.imdecode(np.frombuffer(button.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture[4:-4, 4:-4].astype(np.int16)


def test_the_ring_around_a_face_in_the_list_is_seen_whole(crowd: Page) -> None:
    """Symptom: the list cut it off but for its right side."""
    crowd.locator(".legend button").last.focus()
    crowd.keyboard.press("Tab")
    for _ in range(3):  # the buttons of the zoom
        crowd.keyboard.press("Tab")
    expect(crowd.locator(".lane button").first).to_be_focused()

    ring, room = crowd.evaluate(RING)

    assert room[0] <= ring[0] and room[1] <= ring[1] and ring[2] <= room[2]


RING = """() => {
    const { outlineWidth, outlineOffset } = getComputedStyle(document.activeElement);
    const out = parseFloat(outlineWidth) + parseFloat(outlineOffset);
    const button = document.activeElement.getBoundingClientRect();
    const list = document.querySelector(".lanes").getBoundingClientRect();
    return [[button.left - out, button.top - out, button.right + out], [list.left, list.top, list.right]];
}"""


def test_a_lane_that_could_not_be_read_is_filled_later(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: it stayed empty for good, as if that face were never there."""
    page.add_init_script(QUICK_TIMERS)
    page.goto("about:blank")
    failed = fail(page, "**/plot?track=1&points=*")

    open_video(
        page,
        installation,
        finish_video(installation, tmp_path, replace(TALK, faces_of_frame=(2,))).id,
    )

    lane = page.locator('.lane[data-track="1"]')
    lane.scroll_into_view_if_needed()

    expect(lane.locator(".strip rect").first).to_be_attached()
    assert len(failed) == 1
