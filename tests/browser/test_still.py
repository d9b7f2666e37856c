"""A still image: boxes, classes and confidences over the picture, the seven of the selected face beside it."""

from itertools import combinations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from storage.tables import jobs
from tests.api.made_jobs import MadeUp, finish_job
from tests.browser.conftest import Installation
from tests.browser.made_recordings import describe_anew, lay_beside, lay_thumbnails
from tests.browser.pictures import png

KEEP_PICTURE = """async (id) => {
    const { keepPicture } = await import("/static/pictures.js");
    keepPicture(id, new File(["no picture to a browser"], "face.tiff", { type: "image/tiff" }));
}"""
KEEP_PNG = """async ([id, bytes]) => {
    const { keepPicture } = await import("/static/pictures.js");
    keepPicture(id, new File([new Uint8Array(bytes)], "face.png", { type: "image/png" }));
}"""


def show_still(page: Page, installation: Installation, *, faces: int) -> None:
    made = MadeUp(filename="face.png", frame_count=1, still=True, faces_of_frame=(faces,))
    job = finish_job(installation.database, installation.blobs, made)
    lay_beside(installation, job, "media", png(640, 480))
    page.goto(f"{installation.address}/#/jobs/{job.id}")


def test_it_shows_a_box_a_class_and_a_confidence_on_each_face(
    page: Page, installation: Installation
) -> None:
    show_still(page, installation, faces=2)

    expect(page.locator(".box-label")).to_have_text(["1Angry 88 %", "2Disgust 88 %"])
    boxes = page.locator(".stage rect")
    expect(boxes).to_have_count(2)
    stage = page.locator(".stage img").bounding_box()
    drawn = boxes.nth(1).bounding_box()
    assert stage and drawn
    scale = stage["width"] / 640  # the face lies at x 160, y 30 and is 80 wide and 90 high
    assert drawn["x"] - stage["x"] == pytest.approx(160 * scale, abs=3)
    assert drawn["y"] - stage["y"] == pytest.approx(30 * scale, abs=3)
    assert drawn["width"] == pytest.approx(80 * scale, abs=4)
    assert drawn["height"] == pytest.approx(90 * scale, abs=4)


def test_a_reading_is_uncertain_where_the_model_of_the_job_says_so(
    page: Page, installation: Installation
) -> None:
    show_still(page, installation, faces=1)
    expect(page.locator(".box-label")).to_have_text(["Angry 88 %"])
    with installation.database.writing() as connection:
        connection.execute(update(jobs).values(uncertain_below=9_000))

    page.reload()

    expect(page.locator(".box-label")).to_have_text(["Uncertain: angry 88 %"])


def test_the_bars_are_those_of_the_selected_face(page: Page, installation: Installation) -> None:
    show_still(page, installation, faces=2)
    disgust = page.locator(".bars tr", has_text="Disgust").locator(".number")
    expect(disgust).to_have_text("2.0 %")

    page.get_by_role("button", name="2Disgust 88 %").click()
    expect(disgust).to_have_text("88.0 %")
    page.locator(".stage rect").first.click()

    expect(disgust).to_have_text("2.0 %")


def test_a_picture_without_faces_says_so(page: Page, installation: Installation) -> None:
    show_still(page, installation, faces=0)

    expect(page.locator("figcaption")).to_have_text("No face was found in this picture.")
    expect(page.locator(".bars")).to_have_count(0)


def test_labels_of_crowded_faces_stay_on_the_picture_and_apart(
    page: Page, installation: Installation
) -> None:
    show_still(page, installation, faces=5)

    for width in (1000, 500, 330):
        page.set_viewport_size({"width": width, "height": 800})
        expect(page.locator(".box-label")).to_have_count(5)
        page.evaluate(
            "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
        )
        stage, *labels = page.evaluate(
            """[".stage", ".box-label"].flatMap(wanted => Array.from(
                document.querySelectorAll(wanted), found => found.getBoundingClientRect().toJSON()))"""
        )
        for label in labels:
            assert stage["left"] - 1 <= label["left"] and label["right"] <= stage["right"] + 1
            assert stage["top"] - 1 <= label["top"] and label["bottom"] <= stage["bottom"] + 1
        for one, two in combinations(labels, 2):
            apart_x = one["right"] <= two["left"] + 1 or two["right"] <= one["left"] + 1
            apart_y = one["bottom"] <= two["top"] + 1 or two["bottom"] <= one["top"] + 1
            assert apart_x or apart_y


@pytest.mark.parametrize("sent", [True, False], ids=["sent by this tab", "sent by others"])
def test_a_picture_that_browsers_cannot_show_appears_with_its_preview(
    page: Page, installation: Installation, sent: bool
) -> None:
    """Symptom: a HEIC or TIFF never appeared to who stayed where its upload had led, as its preview came later."""
    made = MadeUp(filename="face.tiff", frame_count=1, still=True, faces_of_frame=(2,))
    job = finish_job(installation.database, installation.blobs, made)
    describe_anew(installation, job, container="tiff_pipe")
    if sent:
        page.evaluate(KEEP_PICTURE, job.id)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator("figcaption")).to_contain_text("This browser can't show the picture.")
    expect(page.locator(".stage rect")).to_have_count(2)

    lay_beside(installation, job, "preview.jpg", png(640, 480))
    lay_thumbnails(installation, job, tracks=0)

    expect(page.locator(".stage img")).to_be_visible()
    expect(page.locator(".stage img")).to_have_js_property("naturalWidth", 640)
    expect(page.locator("figcaption")).to_have_text("2 faces.")


def test_a_picture_that_this_browser_does_not_turn_waits_for_its_preview(
    page: Page, installation: Installation
) -> None:
    """Symptom: who had sent it saw it lying on its side, squeezed, beneath the boxes of the upright one."""
    made = MadeUp(filename="face.png", frame_count=1, still=True, faces_of_frame=(2,))
    job = finish_job(installation.database, installation.blobs, made)
    describe_anew(installation, job, rotation=90, width=480, height=640)
    page.evaluate(KEEP_PNG, [job.id, list(png(640, 480))])
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator("figcaption")).to_contain_text("This browser can't show the picture.")

    lay_beside(installation, job, "preview.jpg", png(480, 640))
    lay_thumbnails(installation, job, tracks=0)

    expect(page.locator(".stage img")).to_have_js_property("naturalWidth", 480)
