"""Seeking in the list of lanes, which may have to be scrolled."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Installation
from tests.browser.made_recordings import TALK, finish_video

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
