"""Labels over a moving picture: on it, and whole."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from storage.jobs import JobView
from tests.browser.conftest import Installation
from tests.browser.made_recordings import finish_video

RECTANGLES = """[".stage", ".box-label", ".stage rect"].map(
    (wanted) => document.querySelector(wanted).getBoundingClientRect().toJSON())"""


def put_faces(installation: Installation, job: JobView, box: tuple[int, int, int, int]) -> None:
    """Have the face of every frame lie at x, y, width, height."""
    x, y, width, height = box
    statement = text("update observations set x=:x, y=:y, width=:w, height=:h where job=:job")
    with installation.database.writing() as connection:
        connection.execute(statement, {"x": x, "y": y, "w": width, "h": height, "job": job.job})


@pytest.mark.parametrize(
    "box",
    [(60, 8, 180, 228), (200, 60, 40, 60), (230, 60, 40, 60), (270, 60, 40, 60)],
    ids=["close-up", "five eighths", "seven tenths", "right"],
)
def test_a_label_is_on_the_stage_as_a_whole(
    page: Page, installation: Installation, tmp_path: Path, box: tuple[int, int, int, int]
) -> None:
    job = finish_video(installation, tmp_path)
    put_faces(installation, job, box)

    for width in (1100, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{installation.address}/#/jobs/{job.id}")
        expect(page.locator(".box-label")).to_be_attached()
        expect(page.locator(".facts")).to_be_visible()
        stage, label, _ = page.evaluate(RECTANGLES)
        assert stage["left"] <= label["left"] and label["right"] <= stage["right"]
        assert stage["top"] <= label["top"] and label["bottom"] <= stage["bottom"]


def test_a_label_lies_above_its_box_also_after_the_stage_has_another_size(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    put_faces(installation, job, (100, 100, 60, 80))
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".facts")).to_be_visible()
    expect(page.locator(".box-label")).to_be_visible()

    for width in (1100, 500):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate(
            "() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
        )
        _, label, box = page.evaluate(RECTANGLES)
        assert label["left"] == pytest.approx(box["left"], abs=3)
        assert label["bottom"] == pytest.approx(box["top"] - 3, abs=3)
