"""The page as people use it: choose a recording, watch it, see what was seen, delete it."""

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from storage.exports import csv_lines
from storage.jobs import list_jobs
from storage.settings import Settings
from storage.timelines import iterate_frames
from tests.api.made_jobs import (
    MadeUp,
    end_job,
    fail_job,
    finish_job,
    plan_next,
    queue_job,
    see_segment,
)
from tests.browser.conftest import Installation, installing
from tests.browser.pictures import png
from tests.waiting import wait_until

PNG = png(640, 480)
PICTURE = {"name": "face.png", "mimeType": "image/png", "buffer": PNG}
STILL = MadeUp(filename="face.png", frame_count=1, still=True, faces_of_frame=(2,))


def choose(page: Page, **file: object) -> None:
    page.set_input_files("#file", files=[{**PICTURE, **file}])


def current(page: Page):
    return page.locator("#current")


def wait_for_jobs(installation: Installation, number: int) -> None:
    wait_until(lambda: len(list_jobs(installation.database)) == number, f"{number} jobs")


def test_a_picture_shows_a_box_a_class_and_a_confidence_on_each_face(
    page: Page, installation: Installation
) -> None:
    choose(page)
    wait_for_jobs(installation, 1)
    expect(current(page)).to_contain_text("Waiting for a free worker")
    plan_next(installation.database, STILL)
    see_segment(installation.database, STILL)
    end_job(installation.database, STILL)

    labels = page.locator(".box-label")
    expect(labels).to_have_text(["1Angry 88 %", "2Disgust 88 %"])
    expect(page.locator(".stage img")).to_be_visible()
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


def test_labels_of_crowded_faces_stay_on_the_picture_and_apart(
    page: Page, installation: Installation
) -> None:
    crowd = MadeUp(filename="face.png", frame_count=1, still=True, faces_of_frame=(5,))
    finish_job(installation.database, installation.blobs, crowd)

    for width in (1000, 500, 330):
        page.set_viewport_size({"width": width, "height": 800})
        page.reload()
        page.locator(".jobs .open").click()
        expect(page.locator(".box-label")).to_have_count(5)
        page.wait_for_timeout(200)  # two frames of the browser, for the placing
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


def test_a_video_shows_its_progress_its_summary_and_its_csv(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    database, made = installation.database, MadeUp(filename="talk.mp4")
    choose(page, name="talk.mp4", mimeType="video/mp4", buffer=b"\0\0\0\x18ftypisom" + bytes(900))
    wait_for_jobs(installation, 1)
    plan_next(database, made)
    see_segment(database, made)
    expect(current(page)).to_contain_text("5 of 12 frames · 41 %")
    expect(page.locator("#current-bar")).to_have_js_property("value", 41)
    see_segment(database, made)
    see_segment(database, made)
    end_job(database, made)

    expect(page.locator("#current-state")).to_have_text("Done")
    facts = page.locator(".facts")
    expect(facts).to_contain_text("Duration0:00.4")
    expect(facts).to_contain_text("Frames looked at12")
    expect(facts).to_contain_text("With a face8 (67 %)")
    summary = list_jobs(database)[0].summary
    assert summary is not None
    for name, share in summary["share"].items():
        row = page.locator(".bars tr", has_text=re.compile(f"^{name}", re.IGNORECASE))
        expect(row.locator(".number")).to_have_text(f"{100 * share:.1f} %")
    expect(page.locator(".strip svg")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download the CSV").click()
    assert downloading.value.suggested_filename == "talk.csv"
    downloading.value.save_as(tmp_path / "got.csv")
    expected = "".join(csv_lines(iterate_frames(database, list_jobs(database)[0].job)))
    assert (tmp_path / "got.csv").read_text() == expected


def test_a_hostile_name_is_text_everywhere(page: Page, installation: Installation) -> None:
    name = "<img src=x onerror=alert(1)>.mp4"
    finish_job(installation.database, installation.blobs, MadeUp(filename=name))
    page.reload()

    page.get_by_role("button", name=name, exact=False).first.click()

    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".bars")).to_be_visible()
    assert page.locator("main img").count() == 0


def test_an_upload_shows_how_far_it_is_and_can_be_cancelled(
    page: Page, installation: Installation
) -> None:
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    choose(page, buffer=PNG + bytes(900_000))

    expect(page.locator("#current-state")).to_have_text("Uploading")
    expect(page.locator("#current-step")).to_have_text(re.compile(r"^[1-9]\d* kB of 90\d kB$"))
    page.get_by_role("button", name="Cancel the upload").click()

    expect(current(page)).to_be_hidden()
    expect(page.locator("#upload-problem")).to_be_hidden()
    blobs = installation.blobs.folder
    wait_until(lambda: not any(blobs.iterdir()), "nothing of it is left")
    assert list_jobs(installation.database) == []


def test_the_list_follows_jobs_that_others_sent(page: Page, installation: Installation) -> None:
    made = MadeUp(filename="theirs.mp4", frame_count=5)
    queue_job(installation.database, installation.blobs, made)
    page.reload()
    state = page.locator(".jobs .state")
    expect(state).to_have_text("Waiting")

    plan_next(installation.database, made)
    expect(state).to_have_text("Working")
    see_segment(installation.database, made)
    end_job(installation.database, made)

    expect(state).to_have_text("Done")


def test_a_refused_file_is_told_in_plain_words(page: Page, installation: Installation) -> None:
    choose(page, name="notes.txt", mimeType="text/plain", buffer=b"dear diary" * 100)

    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("which no supported format does; expected an image")
    expect(current(page)).to_be_hidden()
    assert list_jobs(installation.database) == []


def test_a_file_too_large_is_refused_before_it_is_sent(page: Page) -> None:
    choose(page, buffer=bytes(1_000_001))

    expect(page.get_by_role("alert")).to_contain_text("this installation accepts 1.0 MB")


def test_a_failed_job_tells_why(page: Page, installation: Installation) -> None:
    fail_job(installation.database, installation.blobs)
    page.reload()

    page.locator(".jobs .open").click()

    expect(current(page)).to_contain_text("not one picture of 3 could be decoded")
    expect(page.locator("#current-state")).to_have_text("Failed")


def test_the_sample_clip_is_one_click_away(page: Page, installation: Installation) -> None:
    page.get_by_role("button", name="Try the sample clip").click()

    expect(page.get_by_role("heading", name="sample.mp4")).to_be_visible()
    assert list_jobs(installation.database)[0].filename == "sample.mp4"


def test_without_a_sample_clip_none_is_offered(page: Page, installation: Installation) -> None:
    assert installation.settings.sample_clip is not None
    installation.settings.sample_clip.unlink()
    page.reload()

    expect(page.get_by_text("Choose an image or a video")).to_be_visible()
    expect(page.get_by_role("button", name="Try the sample clip")).to_have_count(0)


def test_deleting_asks_first_and_works_by_keyboard(page: Page, installation: Installation) -> None:
    finish_job(installation.database, installation.blobs)
    page.reload()
    page.locator(".jobs .open").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".bars")).to_be_visible()

    page.get_by_role("button", name="Delete talk.mp4").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(
        "talk.mp4 is removed from the server for good"
    )
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert len(list_jobs(installation.database)) == 1

    expect(page.get_by_role("button", name="Delete talk.mp4")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator(".jobs li")).to_have_count(0)
    expect(page.get_by_text("None yet.")).to_be_visible()
    expect(current(page)).to_be_hidden()
    assert list_jobs(installation.database) == []
    assert list(installation.blobs.folder.iterdir()) == []


def test_a_link_to_a_job_shows_it_again(page: Page, installation: Installation) -> None:
    job = finish_job(installation.database, installation.blobs)

    page.goto(f"{installation.address}/#job-{job.id}")
    page.reload()

    expect(page.locator(".bars")).to_be_visible()


def test_older_jobs_come_on_demand(page: Page, installation: Installation) -> None:
    for number in range(12):
        queue_job(installation.database, installation.blobs, MadeUp(filename=f"{number}.mp4"))
    page.reload()
    expect(page.locator(".jobs li")).to_have_count(10)

    page.get_by_role("button", name="Show older ones").click()

    expect(page.locator(".jobs .name")).to_have_text([f"{n}.mp4" for n in range(11, -1, -1)])
    expect(page.get_by_role("button", name="Show older ones")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_need_no_sideways_scrolling(
    browser: Browser, installation: Installation, scheme: str
) -> None:
    long_name = "a_very_long_name_without_any_blank_" * 5 + ".mp4"
    job = finish_job(installation.database, installation.blobs, MadeUp(filename=long_name))
    page = browser.new_page(
        viewport={"width": 320, "height": 700},
        color_scheme=scheme,
    )

    page.goto(f"{installation.address}/#job-{job.id}")

    expect(page.locator(".bars")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.close()


class TestWithAKey:
    @pytest.fixture
    def installation(self, tmp_path: Path) -> Iterator[Installation]:
        with installing(Settings(data=tmp_path, api_key="sésame")) as installation:
            yield installation

    def test_the_page_asks_for_the_key_and_works_with_it(
        self, page: Page, installation: Installation
    ) -> None:
        finish_job(installation.database, installation.blobs)
        key = page.get_by_label("This installation needs a key")
        key.fill("wrong")
        key.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not the one of this installation")

        key.fill("sésame")
        key.press("Enter")

        page.locator(".jobs .open").click()
        expect(page.locator(".bars")).to_be_visible()
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download the CSV").click()
        assert downloading.value.suggested_filename == "talk.csv"
        choose(page)
        wait_for_jobs(installation, 2)
        page.reload()  # the tab still knows the key
        expect(page.locator(".jobs li")).to_have_count(2)
