"""A video beside its timeline: boxes in step with the picture, seeking, tracks, names, sums."""

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import FloatRect, Locator, Page, Route, expect

from storage.exports import csv_lines
from storage.jobs import JobView
from storage.timelines import iterate_frames
from tests.api.made_jobs import MadeUp, end_job, plan_next, queue_job, see_segment
from tests.browser.conftest import Installation
from tests.browser.made_recordings import TALK, finish_video, lay_beside, lay_film, lay_thumbnails
from tests.browser.pictures import READ_NUMBER

FRAME_S = 0.04
QUICK_TIMERS = "(() => { const wait = setTimeout; window.setTimeout = (f, ms, ...a) => wait(f, ms / 5, ...a); })()"
WATCH_BOXES = """() => {
    const video = document.querySelector("video");
    window.seen = []; // [media time of a picture, the top of the box that is drawn with it]
    const look = (_, { mediaTime }) => {
        const box = document.querySelector(".stage rect:not([style*=none])");
        window.seen.push([mediaTime, Number(box?.getAttribute("y"))]);
        video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
}"""


def open_video(page: Page, installation: Installation, job_id: str) -> None:
    page.goto(f"{installation.address}/#/jobs/{job_id}")
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    expect(page.locator(".facts")).to_be_visible()
    page.wait_for_function("() => document.querySelector('video').readyState >= 2")


def shown_picture(page: Page) -> int:
    return page.locator("video").evaluate(READ_NUMBER)


def drawn_top(page: Page) -> int:
    return int(page.locator(".stage rect").first.get_attribute("y") or -1)


def area_of(plot: Locator) -> FloatRect:
    """The lines' own area, in pixels of the window."""
    area = plot.locator(".nsewdrag").bounding_box()
    assert area
    return area


def wait_for_picture(page: Page, number: int) -> None:
    page.wait_for_function(
        f"(n) => ({READ_NUMBER})(document.querySelector('video')) === n", arg=number
    )


@pytest.mark.parametrize("first_tick", [0, 25], ids=["from zero", "one second late"])
def test_each_box_belongs_to_the_picture_it_is_drawn_on(
    page: Page, installation: Installation, tmp_path: Path, first_tick: int
) -> None:
    job = finish_video(installation, tmp_path, first_tick=first_tick)
    open_video(page, installation, job.id)

    page.evaluate(WATCH_BOXES)
    page.keyboard.press("Space")
    page.wait_for_function("() => window.seen.length > 25")
    seen = page.evaluate("window.seen")

    frames = [round(media_s / FRAME_S) - first_tick for media_s, _ in seen]
    assert len(set(frames)) > 10
    assert [top for _, top in seen] == [30 + frame % 7 for frame in frames]
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")  # with the picture at rest its own number can be compared too
    page.wait_for_function(
        f"(read) => ({READ_NUMBER})(document.querySelector('video')) % 7 + 30"
        " === Number(document.querySelector('.stage rect').getAttribute('y'))"
    )


def first_face(installation: Installation, job: JobView) -> dict:
    """The first face of a job's first frame, as the API tells it."""
    timeline = httpx.get(f"{installation.address}/v1/jobs/{job.id}/timeline").json()
    return timeline["frames"][0]["faces"][0]


def test_the_box_lies_where_the_api_says(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    open_video(page, installation, job.id)
    face = first_face(installation, job)

    video, drawn = (page.locator(one).first.bounding_box() for one in ("video", ".stage rect"))

    assert video and drawn
    scale = video["width"] / 320
    assert drawn["x"] - video["x"] == pytest.approx(face["box"]["x"] * scale, abs=3)
    assert drawn["y"] - video["y"] == pytest.approx(face["box"]["y"] * scale, abs=3)
    assert drawn["width"] == pytest.approx(face["box"]["width"] * scale, abs=5)
    assert drawn["height"] == pytest.approx(face["box"]["height"] * scale, abs=5)


def test_a_click_on_the_plot_seeks_to_the_frame(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    open_video(page, installation, job.id)
    area = area_of(page.locator(".plot"))

    for share in (0.25, 0.8):
        wanted_s = share * 99 * FRAME_S
        page.mouse.click(area["x"] + share * area["width"], area["y"] + 60)
        wait_for_picture(page, int(wanted_s / FRAME_S))

        assert page.locator("video").evaluate("video => video.currentTime") == pytest.approx(
            wanted_s, abs=FRAME_S
        )
        head = page.locator(".playhead").bounding_box()
        assert head
        assert head["x"] + 5 == pytest.approx(area["x"] + share * area["width"], abs=6)


def test_a_drag_along_a_lane_seeks_as_it_goes(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    open_video(page, installation, job.id)
    lane = page.locator(".strip").first
    lane.scroll_into_view_if_needed()
    strip = lane.bounding_box()
    assert strip

    page.mouse.move(strip["x"] + 10, strip["y"] + 5)
    page.mouse.down()
    page.mouse.move(strip["x"] + 0.5 * strip["width"], strip["y"] + 5, steps=5)
    page.mouse.up()

    wait_for_picture(page, 49)


def test_the_playhead_moves_while_it_plays(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    open_video(page, installation, job.id)
    head = page.locator(".playhead")
    before = head.bounding_box()

    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.5")
    page.get_by_role("button", name="Pause").click()

    after = head.bounding_box()
    assert before and after
    assert after["x"] > before["x"] + 50
    expect(page.locator(".time")).to_have_text(re.compile(r"^0:0[0-3]\.\d\d / 0:03\.96$"))


def test_arrows_go_frame_by_frame(page: Page, installation: Installation, tmp_path: Path) -> None:
    job = finish_video(installation, tmp_path)
    open_video(page, installation, job.id)

    for number in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        wait_for_picture(page, number)
    page.keyboard.press("ArrowLeft")
    wait_for_picture(page, 2)

    assert drawn_top(page) == 30 + 2


def test_brackets_go_to_the_next_change_of_expression(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    gaps = MadeUp(frame_count=40, segment_frames=40, faces_of_frame=(1,) * 10 + (0,) * 10)
    job = finish_video(installation, tmp_path, gaps)
    open_video(page, installation, job.id)
    page.get_by_text("Raw", exact=True).click()  # each frame's face reads as another expression

    page.keyboard.press("]")
    wait_for_picture(page, 1)
    page.keyboard.press("]")
    wait_for_picture(page, 2)
    page.keyboard.press("[")
    wait_for_picture(page, 1)


def test_plus_zooms_in_and_a_drag_pans(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    open_video(page, installation, job.id)
    area = area_of(page.locator(".plot"))
    middle = area["x"] + area["width"] / 2
    page.mouse.click(middle, area["y"] + 60)
    wait_for_picture(page, 49)
    strip = page.locator(".strip").first

    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    zoomed = [float(part) for part in (strip.get_attribute("viewBox") or "").split()]
    assert zoomed[2] == pytest.approx(99 * FRAME_S / 1.6**3)
    page.mouse.move(middle, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(middle - area["width"] / 4, area["y"] + 60, steps=6)
    page.mouse.up()

    panned = [float(part) for part in (strip.get_attribute("viewBox") or "").split()]
    assert panned[2] == pytest.approx(zoomed[2])
    assert panned[0] == pytest.approx(zoomed[0] + zoomed[2] / 4, abs=zoomed[2] / 50)
    assert shown_picture(page) == 49  # a drag is no click
    page.get_by_role("button", name="Show all").click()
    assert (strip.get_attribute("viewBox") or "").startswith("0 0 3.96")


def test_a_lane_has_gaps_where_its_face_is_not(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    gaps = MadeUp(frame_count=40, segment_frames=40, faces_of_frame=(1,) * 10 + (0,) * 5 + (1,) * 5)
    job = finish_video(installation, tmp_path, gaps)
    open_video(page, installation, job.id)
    page.locator(".lane").first.scroll_into_view_if_needed()

    page.wait_for_selector(".strip rect", state="attached")
    stretches = page.locator(".strip").first.evaluate(
        "strip => Array.from(strip.children, r => [Number(r.getAttribute('x')), Number(r.getAttribute('width'))])"
    )

    covered = [x for x, _ in stretches] + [x + width for x, width in stretches]
    assert not [x for x in covered if 10.5 * FRAME_S < x < 14.5 * FRAME_S]
    assert sum(width for _, width in stretches) == pytest.approx(30 * FRAME_S, abs=FRAME_S)
    expect(page.locator(".lane .thumb img").first).to_be_visible()


def test_a_name_given_to_a_face_stands_in_the_csv(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path, MadeUp(frame_count=20, faces_of_frame=(2,)))
    open_video(page, installation, job.id)

    page.locator(".lanes").get_by_role("button", name="Face 2").click()
    page.get_by_label("Name", exact=True).fill("Ada")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ada")).to_be_visible()
    expect(page.locator(".lane .name")).to_have_text(["Face 1", "Ada"])
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download CSV").click()

    assert downloading.value.suggested_filename == "talk.csv"
    downloading.value.save_as(tmp_path / "got.csv")
    frames = iterate_frames(installation.database, job.job)
    assert (tmp_path / "got.csv").read_text() == "".join(csv_lines(frames, persons={1: "Ada"}))


def test_raw_and_smoothed_are_one_click_apart(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    open_video(page, installation, job.id)
    face = first_face(installation, job)
    angry = page.locator(".panel .bars tr", has_text="Angry").locator(".number")
    expect(angry).to_have_text(f"{100 * face['smoothed']['angry']:.1f} %")

    page.get_by_text("Raw", exact=True).click()

    expect(angry).to_have_text("88.0 %")
    expect(page.locator(".box-label").first).to_have_text("Angry 88 %")
    smoothed = f"/v1/jobs/{job.id}/timeline.csv?scores=smoothed"
    expect(page.get_by_role("link", name="Smoothed CSV")).to_have_attribute("href", smoothed)


def test_the_summary_says_what_the_api_says(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    made = MadeUp(frame_count=60, segment_frames=60)
    job = finish_video(installation, tmp_path, made)
    open_video(page, installation, job.id)
    summary = httpx.get(f"{installation.address}/v1/jobs/{job.id}/summary").json()

    facts = page.locator(".facts")
    expect(facts).to_contain_text("Frames looked at60")
    expect(facts).to_contain_text("Without a face20 (33 %)")
    for name, share in summary["share"].items():
        row = page.locator(".pair .bars tr", has_text=re.compile(f"^{name}", re.IGNORECASE))
        expect(row.locator(".number")).to_have_text(f"{100 * share:.1f} %")


def test_a_press_on_a_peak_leads_to_where_its_curve_is_highest(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: peaks were means of whole seconds: none was told where a curve rose above it for less, and a press on one led
    to the beginning of its second, where another expression was strongest."""
    job = finish_video(installation, tmp_path)
    open_video(page, installation, job.id)
    frames = httpx.get(f"{installation.address}/v1/jobs/{job.id}/timeline").json()["frames"]
    disgust = [frame["faces"][0]["smoothed"]["disgust"] for frame in frames]
    assert disgust.index(max(disgust)) == 99

    expect(page.locator(".peak")).to_have_count(2)
    page.locator(".peak", has_text="Disgust").click()

    wait_for_picture(page, 99)
    shown = page.locator(".panel .bars tr", has_text="Disgust").locator(".number")
    expect(shown).to_have_text(f"{100 * max(disgust):.1f} %")
    expect(page.locator(".peaks")).to_contain_text("None of the others reached 20 %.")


def test_it_is_said_whose_peaks_are_not_told(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    made = replace(TALK, faces_of_frame=(*(1,) * 50, 2, *(1,) * 49))
    open_video(page, installation, finish_video(installation, tmp_path, made).id)

    expect(page.locator(".peaks")).to_contain_text(
        "None of the others reached 20 %, but for faces that are small, unsharp or seen for a moment."
    )


def test_the_help_tells_what_a_click_and_a_drag_do(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    open_video(page, installation, finish_video(installation, tmp_path).id)

    expect(page.locator(".keys")).to_contain_text("Click seek")
    expect(page.locator(".keys")).to_contain_text("Drag pan the curves, or seek along a face")


def test_until_rows_and_picture_have_come_nobody_is_said_to_be_missing(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: "Not in this frame" beside a picture that was still black."""
    made = MadeUp(frame_count=30, faces_of_frame=(0, 1, 1))
    job = finish_video(installation, tmp_path, made)
    held: dict[str, list[Route]] = {"**/timeline?*": [], "**/media": []}
    for address, requests in held.items():
        page.route(address, lambda route, _, held=requests: held.append(route))
    reading = page.locator(".panel .reading")

    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".facts")).to_be_visible()
    expect(reading).to_have_text("Loading…")
    with page.expect_response("**/timeline?*"):
        let_go(page, held, "**/timeline?*")
    page.wait_for_timeout(300)
    expect(reading).to_have_text("Loading…")
    let_go(page, held, "**/media")

    expect(reading).to_have_text("Not in this frame")


def let_go(page: Page, held: dict[str, list[Route]], address: str) -> None:
    """Answer the requests for an address that were held back, and all that follow."""
    page.unroute(address)
    page.route(address, lambda route: route.continue_())
    for route in held[address]:
        route.continue_()


def test_a_timeline_grows_while_its_job_runs(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    database, made = (
        installation.database,
        MadeUp(frame_count=50, segment_frames=25, faces_of_frame=(1,)),
    )
    job = queue_job(database, installation.blobs, made)
    lay_thumbnails(installation, job, tracks=1)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".job-head")).to_contain_text("Waiting for a free worker")

    plan_next(database, made)
    lay_film(installation, job, tmp_path, frames=50)
    see_segment(database, made)
    expect(page.locator(".job-head")).to_contain_text("25 of 50 frames · 50 %")
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    drawn = "(points) => document.querySelector('.plot').data[0].x.length === points"
    page.wait_for_function(drawn, arg=25)
    see_segment(database, made)
    page.wait_for_function(drawn, arg=50)
    expect(page.locator(".lane")).to_have_count(0)
    end_job(database, made)

    expect(page.locator(".lane")).to_have_count(1)
    expect(page.locator(".state")).to_have_text("Done")
    expect(page.get_by_role("link", name="Download CSV")).to_be_visible()


def test_progress_never_goes_back(page: Page, installation: Installation) -> None:
    page.evaluate(
        """async () => {
            const { Pace } = await import("/static/progress.js");
            const pace = new Pace();
            window.seen = [[10, 100], [50, 500], [40, 400], [60, 600]].map(([percent, frames_done], turn) => {
                pace.see({percent, frames_done, frames_total: 1000, stage: "analyse"}, 1000 * turn);
                return pace.percent;
            });
            window.words = pace.words({percent: 60, frames_done: 600, frames_total: 1000, stage: "analyse"});
        }"""
    )

    assert page.evaluate("seen") == [10, 50, 50, 60]
    assert re.fullmatch(
        r"Looking for faces · 600 of 1,000 frames · 60\u00a0% · \d+ frames per second · \d+ s left",
        page.evaluate("words"),
    )


def test_a_video_without_faces_says_so(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path, MadeUp(frame_count=10, faces_of_frame=(0,)))
    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.get_by_text("No face was found in this video.")).to_be_visible()
    expect(page.locator(".lane")).to_have_count(0)


def test_a_damaged_video_is_said_to_be_damaged(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    made = MadeUp(frame_count=10, damaged_packets=3)
    job = finish_video(installation, tmp_path, made)
    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.locator(".job-head")).to_contain_text("damaged: parts of it can't be decoded")


def test_a_video_that_cannot_be_played_keeps_its_timeline(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path, TALK)
    lay_beside(installation, job, "media", b"\0\0\0\x18ftypisom" + bytes(900))
    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.get_by_text("This browser can't play the recording")).to_be_visible()
    page.mouse.click(600, 10)
    page.keyboard.press("ArrowRight")

    expect(page.locator(".time")).to_have_text("0:00.04 / 0:03.96")
    assert drawn_top(page) == 31


def test_faces_seen_for_a_moment_are_set_apart(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """One face in all of 100 frames, another one in the fifty-first."""
    made = replace(TALK, faces_of_frame=(*(1,) * 50, 2, *(1,) * 49))
    job = finish_video(installation, tmp_path, made)

    open_video(page, installation, job.id)
    expect(page.locator(".lane:visible")).to_have_count(1)
    expect(page.locator(".facts")).to_contain_text("1, and 1 for a moment")
    page.get_by_role("button", name="Show 1 more, seen for a moment").click()

    expect(page.locator(".lane:visible")).to_have_count(2)
    expect(page.get_by_role("button", name="seen for a moment")).to_have_count(0)


def test_a_face_seen_for_a_moment_is_shown_when_its_box_is_chosen(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    made = replace(TALK, faces_of_frame=(2, *(1,) * 99))
    job = finish_video(installation, tmp_path, made)

    open_video(page, installation, job.id)
    expect(page.locator(".lane:visible")).to_have_count(1)
    page.locator(".stage rect").nth(1).click()

    expect(page.locator(".lane:visible")).to_have_count(2)
    expect(page.locator('.lane [aria-pressed="true"]')).to_contain_text("Face 2")


def test_a_press_on_an_expression_hides_its_curve_until_the_next(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    open_video(page, installation, job.id)
    happy = page.get_by_role("button", name="Happy", exact=True)
    curves = page.locator(".plot .scatterlayer .trace")
    expect(curves).to_have_count(7)

    happy.click()
    expect(curves).to_have_count(6)
    expect(happy).to_have_attribute("aria-pressed", "false")
    page.get_by_text("Raw").click()  # other data come, the curve stays away
    page.wait_for_load_state("networkidle")
    expect(curves).to_have_count(6)

    happy.press("Enter")
    expect(curves).to_have_count(7)
    expect(happy).to_have_attribute("aria-pressed", "true")
