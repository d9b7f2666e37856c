"""What is shown of a video that is done: its shape, its faces' names, and faces beyond those that are listed."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.api.made_jobs import MadeUp
from tests.browser.conftest import Installation
from tests.browser.made_recordings import TALK, finish_video, lay_beside
from tests.browser.pictures import numbered_film
from tests.browser.test_video import first_face, open_video

PEAKS = {"happy": {"time_s": 1.0, "track": 1, "probability": 0.9}}


def test_pixels_that_are_not_square_are_not_shown_as_squares(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: a film in PAL was squeezed."""
    job = finish_video(installation, tmp_path)
    film = numbered_film(tmp_path / "wide.mp4", frames=100, pixel_shape="3/2")
    lay_beside(installation, job, "media", film.read_bytes())
    open_video(page, installation, job.id)
    face = first_face(installation, job)
    expect(page.locator(".stage")).to_have_css("aspect-ratio", "480 / 240")  # maybe after metadata

    video, drawn = (page.locator(one).first.bounding_box() for one in ("video", ".stage rect"))

    assert video and drawn
    assert video["width"] / video["height"] == pytest.approx(1.5 * 320 / 240, rel=0.01)
    across, down = video["width"] / 320, video["height"] / 240
    assert drawn["x"] - video["x"] == pytest.approx(face["box"]["x"] * across, abs=3)
    assert drawn["y"] - video["y"] == pytest.approx(face["box"]["y"] * down, abs=3)


def test_a_name_given_to_a_face_stands_at_its_peaks(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    def peaked(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json={**reply.json(), "peaks": PEAKS})

    page.route("**/summary", peaked)
    job = finish_video(installation, tmp_path, MadeUp(frame_count=20, faces_of_frame=(2,)))
    open_video(page, installation, job.id)
    expect(page.locator(".peak")).to_contain_text("Happy, Face 2")

    page.get_by_role("button", name="Face 2", exact=False).first.click()
    page.get_by_label("Name", exact=True).fill("Ada")
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".peak")).to_contain_text("Happy, Ada")


def test_faces_that_are_not_listed_are_told(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: of ten thousand faces a thousand had lanes, and those of them seen for a moment were counted for all."""

    def first(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json={"tracks": reply.json()["tracks"][:2]})

    page.route("**/tracks?*", first)
    made = replace(TALK, faces_of_frame=(*(1,) * 50, 3, *(1,) * 49))
    open_video(page, installation, finish_video(installation, tmp_path, made).id)

    expect(page.locator(".lanes")).to_contain_text("The first 2 of 3 faces.")
    expect(page.locator(".facts")).to_contain_text("Faces followed3")
    expect(page.locator(".facts")).not_to_contain_text("for a moment")


def test_the_keyboard_goes_on_with_the_faces_that_have_come(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    made = replace(TALK, faces_of_frame=(*(1,) * 50, 2, *(1,) * 49))
    open_video(page, installation, finish_video(installation, tmp_path, made).id)

    page.get_by_role("button", name="Show 1 more, seen for a moment").press("Enter")

    expect(page.locator('.lane[data-track="1"] button')).to_be_focused()
