"""An hour with five faces opens and pans by a few small replies, and is there before plotly has come."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from playwright.sync_api import Error, Page, Route, expect
from sqlalchemy import text, update

from storage.jobs import JobView
from storage.tables import media
from tests.api.made_jobs import MadeUp, end_job, finish_job, plan_job, see_segment
from tests.browser.conftest import Installation
from tests.browser.long_timeline import finish_hour
from tests.browser.made_recordings import TALK, lay_thumbnails

PLOT_BYTES = 300_000
SHOWN = "() => document.querySelector('.plot').layout.xaxis.range"
FIRST_BYTES = 1_500_000  # one plot, five lanes and the rows of ten seconds


def replies(page: Page) -> list[tuple[str, int]]:
    """Address and bytes of each reply of the API so far."""
    found: list[tuple[str, int]] = page.evaluate(
        """performance.getEntriesByType("resource")
            .filter((entry) => entry.name.includes("/v1/")).map((entry) => [entry.name, entry.encodedBodySize])"""
    )
    return found


def test_an_hour_opens_and_pans_by_small_replies(page: Page, installation: Installation) -> None:
    job = finish_hour(installation)
    lay_thumbnails(installation, job, tracks=5)

    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    page.locator(".lanes").scroll_into_view_if_needed()
    expect(page.locator(".strip rect").nth(5)).to_be_attached()
    area = page.locator(".plot .nsewdrag").bounding_box()
    assert area
    assert sum(size for _, size in replies(page)) < FIRST_BYTES
    points = page.evaluate("() => document.querySelector('.plot').data[0].x.length")
    assert 500 < points <= 3600

    for _ in range(8):
        page.get_by_role("button", name="Zoom in").click()
    page.wait_for_function("() => document.querySelector('.plot').layout.xaxis.range[1] < 100")
    page.wait_for_function("() => document.querySelector('.plot').data[0].x.length > 500")
    page.mouse.move(area["x"] + 600, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(area["x"] + 100, area["y"] + 60, steps=20)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.plot').layout.xaxis.range[0] > 20")

    plots = [size for address, size in replies(page) if "/plot?" in address]
    assert max(plots) < PLOT_BYTES
    assert len(plots) < 30  # each step of the zoom fetches once at most, and so does the pan


def test_a_drag_goes_on_when_other_data_arrives_meanwhile(
    page: Page, installation: Installation
) -> None:
    job = finish_hour(installation)
    lay_thumbnails(installation, job, tracks=5)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    page.wait_for_load_state("networkidle")
    area = page.locator(".plot .nsewdrag").bounding_box()
    assert area
    first, last = page.evaluate(SHOWN)

    page.mouse.move(area["x"] + 600, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(area["x"] + 500, area["y"] + 60, steps=5)
    with page.expect_response("**/plot?*scores=raw*"):
        page.get_by_text("Raw", exact=True).evaluate("(label) => label.click()")
    page.wait_for_timeout(300)
    page.mouse.move(area["x"] + 200, area["y"] + 60, steps=5)
    page.mouse.up()

    page.wait_for_timeout(300)
    moved = page.evaluate(SHOWN)[0] - first
    assert moved == pytest.approx(400 / area["width"] * (last - first), rel=0.05)


def zoom_without_an_answer(page: Page, installation: Installation) -> None:
    """Zoom in on an hour whose details can't be had, and see that this is said."""
    job = finish_hour(installation)
    lay_thumbnails(installation, job, tracks=5)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    page.route("**/plot?*", lambda route: route.abort())
    for _ in range(4):
        page.get_by_role("button", name="Zoom in").click()
    expect(page.get_by_text("The server doesn't answer")).to_be_visible()


BOXES = """(selector) => [...document.querySelectorAll(selector)].map((drawn) => {
    const { left, top, right, bottom } = drawn.getBoundingClientRect();
    return [left, top, right, bottom];
})"""


@pytest.fixture
def held(page: Page) -> Iterator[list[Route]]:
    """The requests for plotly, which get no answer until a test lets them go on."""
    requests: list[Route] = []
    page.route("**/plotly-*.js", lambda route: requests.append(route))
    yield requests
    for route in requests:
        with suppress(Error):  # it went on
            route.abort()


def open_sketch(page: Page, installation: Installation) -> None:
    job = finish_hour(installation)
    lay_thumbnails(installation, job, tracks=5)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".sketch path")).to_have_count(7)


def test_curves_are_there_before_plotly_and_where_plotly_draws_them(
    page: Page, installation: Installation, held: list[Route]
) -> None:
    open_sketch(page, installation)
    sketched = page.evaluate(BOXES, ".sketch path")

    held[0].continue_()
    expect(page.locator(".plot .scatterlayer .trace")).to_have_count(7)
    expect(page.locator(".sketch")).to_have_count(0)
    drawn = page.evaluate(BOXES, ".plot .scatterlayer .trace .js-line")

    for ours, theirs in zip(sketched, drawn, strict=True):
        assert ours == pytest.approx(theirs, abs=1.5)


def test_a_click_seeks_in_curves_that_wait_for_plotly(
    page: Page, installation: Installation, held: list[Route]
) -> None:
    open_sketch(page, installation)
    head = page.locator(".playhead")
    before = head.bounding_box()

    page.locator(".plot").click(position={"x": 600, "y": 60})

    after = head.bounding_box()
    assert before and after
    assert after["x"] > before["x"] + 100


def test_what_is_chosen_before_plotly_comes_is_what_plotly_shows(
    page: Page, installation: Installation, held: list[Route]
) -> None:
    open_sketch(page, installation)
    first = page.evaluate(BOXES, ".sketch path")
    page.get_by_role("button", name="Happy", exact=True).click()
    expect(page.locator(".sketch path")).to_have_count(6)
    page.get_by_role("button", name="Happy", exact=True).click()
    page.locator('.lane[data-track="3"] button').click()
    page.get_by_role("button", name="Zoom in").click()
    changed = f"(before) => JSON.stringify(({BOXES})('.sketch path')) !== before"
    page.wait_for_function(changed, arg=json.dumps(first, separators=(",", ":")))
    page.wait_for_load_state("networkidle")
    sketched = page.evaluate(BOXES, ".sketch path")

    held[0].continue_()
    expect(page.locator(".plot .scatterlayer .trace")).to_have_count(7)

    shown = page.evaluate(SHOWN)
    assert shown[1] - shown[0] < 3000
    plots = [address for address, _ in replies(page) if "scores=" in address]
    assert "track=3" in plots[-1]
    drawn = page.evaluate(BOXES, ".plot .scatterlayer .trace .js-line")
    tops = [top for _, top, _, _ in sketched]
    assert tops == pytest.approx([top for _, top, _, _ in drawn], abs=1.5)


def test_a_later_try_replaces_the_sketch(page: Page, installation: Installation) -> None:
    """Symptom: where plotly failed once, an old sketch stayed beneath the plot for good."""
    made = replace(TALK, segment_frames=50)
    job = plan_job(installation.database, installation.blobs, made)
    see_segment(installation.database, made)
    page.route("**/plotly-*.js", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".sketch")).to_have_count(1)
    page.unroute("**/plotly-*.js")

    see_segment(installation.database, made)
    end_job(installation.database, made)

    expect(page.locator(".plot .scatterlayer .trace")).to_have_count(7, timeout=15_000)
    expect(page.locator(".sketch")).to_have_count(0)


NOTE_CURVES = """new MutationObserver((changes) => {
    const added = changes.flatMap((change) => [...change.addedNodes]);
    if (added.some((node) => node.localName === "script" && node.src.includes("plotly"))) {
        window.curvesThen = document.querySelectorAll(".sketch path").length;
    }
}).observe(document, { childList: true, subtree: true })"""


def test_curves_are_there_before_plotly_keeps_the_browser_busy(
    page: Page, installation: Installation
) -> None:
    """Symptom: the browser compiled plotly for a second, and nothing was to be seen until it had drawn."""
    job = finish_hour(installation)
    lay_thumbnails(installation, job, tracks=5)
    page.add_init_script(NOTE_CURVES)
    page.goto("about:blank")

    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.locator(".plot .scatterlayer .trace")).to_have_count(7, timeout=15_000)
    assert page.evaluate("window.curvesThen") == 7


def test_curves_stay_where_plotly_does_not_come(page: Page, installation: Installation) -> None:
    job = finish_hour(installation)
    lay_thumbnails(installation, job, tracks=5)
    page.route("**/plotly-*.js", lambda route: route.abort())

    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.get_by_text("The plot's program can't be fetched")).to_be_visible()
    expect(page.locator(".sketch path")).to_have_count(7)


def finish_uneven(installation: Installation) -> JobView:
    """Make a job that is done: five seconds of 100 frames per second, then fifty of ten."""
    made = MadeUp(frame_count=1000, segment_frames=1000, faces_of_frame=(1,))
    job = finish_job(installation.database, installation.blobs, made)
    info = {**(job.media_info or {}), "duration_us": 55_000_000}
    with installation.database.writing() as connection:
        connection.execute(
            text(
                "UPDATE frames SET time_us = frame * 10000 + CASE WHEN frame < 500 THEN 0"
                " ELSE (frame - 500) * 90000 END WHERE job = :job"
            ),
            {"job": job.job},
        )
        connection.execute(update(media).where(media.c.job == job.job).values(info=info))
    lay_thumbnails(installation, job, tracks=1)
    return job


def test_where_frames_come_unevenly_the_boxes_are_those_of_the_frame_shown(
    page: Page, installation: Installation
) -> None:
    """Symptom: of a recording that was quick at first a click showed the boxes of another place, and → went there."""
    job = finish_uneven(installation)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".stage rect").first).to_be_attached()
    box = page.locator(".stage rect").first

    for second, frame in ((20.0, 650), (2.0, 200), (54.9, 999), (5.05, 500)):
        page.get_by_label("Position").evaluate(
            "(scrub, time) => { scrub.value = time; scrub.dispatchEvent(new Event('input')); }",
            second,
        )
        expect(box).to_have_attribute("y", str(30 + frame % 7))

    page.keyboard.press("ArrowRight")
    expect(page.locator(".controls .time")).to_contain_text("0:05.10")
    expect(box).to_have_attribute("y", str(30 + 501 % 7))
