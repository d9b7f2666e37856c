"""The rows behind the boxes: all of a stretch however dense its frames, and those of now rather than of then."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import text, update

from storage.errors import PlanMismatch
from storage.jobs import JobView
from storage.tables import media
from tests.api.made_jobs import (
    MadeUp,
    end_job,
    fail_next,
    finish_job,
    plan_job,
    plan_next,
    see_segment,
)
from tests.browser.conftest import Installation
from tests.browser.long_timeline import finish_hour
from tests.browser.made_recordings import lay_film, lay_thumbnails

SEEK = "(scrub, time) => { scrub.value = time; scrub.dispatchEvent(new Event('input')); }"
DRAG = """(scrub, times) => {
    for (const time of times) { scrub.value = time; scrub.dispatchEvent(new Event('input')); }
}"""
GROWING = MadeUp(frame_count=100, segment_frames=50, faces_of_frame=(1,))
QUICK = 300  # looked-at frames, one of six, of the dense first half; after it every frame is one


def finish_thinned(installation: Installation) -> JobView:
    """Make a job that is done: half a minute of 60 frames per second, a minute of ten, at most ten per second looked at."""
    made = MadeUp(frame_count=900, segment_frames=900, faces_of_frame=(1,))
    job = finish_job(installation.database, installation.blobs, made)
    info = {**(job.media_info or {}), "frame_count": 2400, "duration_us": 89_900_000}
    number = f"CASE WHEN frame < {QUICK} THEN frame * 6 ELSE frame + 1500 END"
    with installation.database.writing() as connection:
        # by way of numbers that no other row has
        for table, also in (("observations", ""), ("frames", ", time_us = frame * 100000")):
            for statement in (
                f"UPDATE {table} SET frame = -1 - ({number}){also} WHERE job = :job",
                f"UPDATE {table} SET frame = -1 - frame WHERE job = :job",
            ):
                connection.execute(text(statement), {"job": job.job})
        connection.execute(update(media).where(media.c.job == job.job).values(info=info))
    lay_thumbnails(installation, job, tracks=1)
    return job


def test_where_looked_at_frames_come_densely_the_boxes_are_those_of_the_frame_shown(
    page: Page, installation: Installation
) -> None:
    """Symptom: a phone's film, quick at first, at most ten frames per second: boxes stood still for half a minute."""
    job = finish_thinned(installation)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    box = page.locator(".stage rect").first
    expect(box).to_be_attached()

    for place in (50, 650, 752, 850):
        page.get_by_label("Position").evaluate(SEEK, place / 10 + 0.05)
        expect(box).to_have_attribute("y", str(30 + place % 7))
        page.keyboard.press("ArrowRight")
        expect(page.locator(".controls .time")).to_contain_text(f":{(place + 1) / 10 % 60:05.2f} ")
        expect(box).to_have_attribute("y", str(30 + (place + 1) % 7))


def test_rows_that_come_when_the_job_has_ended_have_their_tracks(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: rows asked for just before the end belonged to no face until the page was loaded anew."""
    job = plan_job(installation.database, installation.blobs, GROWING)
    lay_film(installation, job, tmp_path, frames=100)
    lay_thumbnails(installation, job, tracks=1)
    see_segment(installation.database, GROWING)
    held: list[Route] = []
    page.route("**/timeline?*", lambda route: held.append(route), times=1)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    then = held[0].fetch()

    see_segment(installation.database, GROWING)
    end_job(installation.database, GROWING)
    expect(page.locator(".facts")).to_be_visible()
    held[0].fulfill(response=then)

    expect(page.locator(".stage rect.selected")).to_have_count(1)
    expect(page.locator(".panel .reading")).to_have_text(re.compile(r"\d+\s%$"))


def look_at_half(page: Page, installation: Installation, made: MadeUp, *, segments: int) -> Locator:
    """Open a recording of which so many segments are read; returns the boxes that are shown, one by now."""
    job = plan_job(installation.database, installation.blobs, made)
    for _ in range(segments):
        see_segment(installation.database, made)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    boxes = page.locator(".stage rect:visible")
    expect(boxes).to_have_count(1)
    return boxes


def plan_anew(installation: Installation, made: MadeUp) -> MadeUp:
    """Throw the plan away and make another, by which every frame has two faces."""
    fail_next(installation.database, PlanMismatch())
    anew = replace(made, faces_of_frame=(2,))
    plan_next(installation.database, anew)
    return anew


def test_boxes_of_a_plan_that_was_thrown_away_go_while_nobody_moves(
    page: Page, installation: Installation
) -> None:
    made = MadeUp(frame_count=900, segment_frames=300, faces_of_frame=(1,))
    boxes = look_at_half(page, installation, made, segments=2)

    anew = plan_anew(installation, made)
    expect(page.locator(".panel")).to_contain_text("Not read yet")
    see_segment(installation.database, anew)

    expect(boxes).to_have_count(2)


def test_rows_of_a_plan_that_was_thrown_away_are_forgotten(
    page: Page, installation: Installation
) -> None:
    """Symptom: a recording that was planned anew while somebody looked at it had boxes of both timelines."""
    made = MadeUp(frame_count=600, segment_frames=300, faces_of_frame=(1,))
    boxes = look_at_half(page, installation, made, segments=1)

    anew = plan_anew(installation, made)
    for _ in range(2):
        see_segment(installation.database, anew)
    page.get_by_label("Position").evaluate(SEEK, 450 * 0.04)
    expect(boxes).to_have_count(2)
    page.get_by_label("Position").evaluate(SEEK, 0.04)

    expect(boxes.first).to_have_attribute("y", "31")  # frame 1
    expect(boxes).to_have_count(2)


@pytest.fixture
def asked(page: Page) -> list[str]:
    """The addresses of rows that the page has asked for."""
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if "/timeline?" in sent.url else None)
    return asked


def test_who_looks_at_what_is_not_read_yet_does_not_ask_for_each_picture(
    page: Page, installation: Installation, asked: list[str]
) -> None:
    """Symptom: a video played on past what was read sent a request per picture, thirty a second."""
    job = plan_job(installation.database, installation.blobs, GROWING)
    see_segment(installation.database, GROWING)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".stage rect").first).to_be_attached()
    asked.clear()

    for place in range(60, 90):
        page.get_by_label("Position").evaluate(SEEK, place * 0.04)
        page.wait_for_timeout(33)

    expect(page.locator(".panel")).to_contain_text("Not read yet")
    searches = [one for one in asked if "from_s" in one]
    assert 1 <= len(searches) <= 15  # one per look at the job


def test_a_step_past_what_is_read_does_not_ask_for_the_whole_rest(
    page: Page, installation: Installation, asked: list[str]
) -> None:
    """Symptom: it asked for the rest of an hour, piece by piece, and forgot the pieces that were there."""
    made = MadeUp(frame_count=30_000, segment_frames=250, faces_of_frame=(1,))
    job = plan_job(installation.database, installation.blobs, made)
    see_segment(installation.database, made)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    box = page.locator(".stage rect").first
    page.get_by_label("Position").evaluate(SEEK, 249 * 0.04)
    expect(box).to_have_attribute("y", str(30 + 249 % 7))
    asked.clear()

    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(1_000)

    assert len(asked) <= 8  # the rest is 120 pieces
    expect(box).to_have_attribute("y", str(30 + 249 % 7))


def test_a_slider_that_is_dragged_asks_for_what_it_comes_to_and_not_for_what_it_passed(
    page: Page, installation: Installation, asked: list[str]
) -> None:
    """Symptom: pieces of the whole way were asked for, and the one that was wanted waited behind them."""
    job = finish_hour(installation)
    lay_thumbnails(installation, job, tracks=5)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.locator(".stage rect").first).to_be_attached()
    asked.clear()

    page.get_by_label("Position").evaluate(DRAG, list(range(20, 3_000, 20)))

    expect(page.locator(".panel .reading")).to_have_text(re.compile("88"))
    assert any(f"cursor={2_980 * 25 // 250 * 250 - 1}&" in one for one in asked)
    assert len(asked) <= 5


FAR = """async (wanted) => {
    const { changeBeside } = await import("/static/changes.js");
    const probabilities = Object.fromEntries(
        ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"].map((name) => [name, name === "sad" ? 0.94 : 0.01]),
    );
    const [first, last] = [100_000, 100_010];
    const frame = (n) => ({ frame: n, time_s: n, faces: n >= first && n <= last ? [{ track: 3, probabilities }] : [] });
    let steps = 0;
    const beside = async (one, way) => ((steps += 1), one.frame + way < 0 ? null : frame(one.frame + way));
    const frames = { find: async (time) => (time > 1_000_000 ? null : frame(Math.floor(time))), beside };
    const known = wanted.known ? { comes: first, goes: last } : {};
    const looking = changeBeside(frames, wanted.from, { way: wanted.way, track: 3, scores: "raw", ...known });
    return [await looking.catch((problem) => problem.message), steps];
}"""
"""Looks for a change of a face that is there for ten seconds, far away, one frame per second."""


def test_the_next_change_of_a_face_that_comes_much_later_is_where_it_comes(page: Page) -> None:
    """Symptom: `]` did nothing, and said nothing, if there was none within 20,000 frames."""
    assert page.evaluate(FAR, {"from": 5, "way": 1, "known": True}) == [100_000, 0]
    assert page.evaluate(FAR, {"from": 900_000, "way": -1, "known": True})[0] == 100_011
    assert page.evaluate(FAR, {"from": 100_011, "way": -1, "known": True})[0] == 100_000
    assert page.evaluate(FAR, {"from": 100_005, "way": 1, "known": True})[0] == 100_011


def test_before_the_first_frame_and_where_nothing_is_read_there_is_no_change(page: Page) -> None:
    assert page.evaluate(FAR, {"from": 0, "way": -1, "known": False}) == [None, 1]
    assert page.evaluate(FAR, {"from": 3, "way": -1, "known": False})[0] == 0
    assert page.evaluate(FAR, {"from": 2_000_000, "way": 1, "known": True}) == [None, 0]


def test_a_change_that_is_too_far_to_look_for_is_told(page: Page) -> None:
    found, steps = page.evaluate(FAR, {"from": 5, "way": 1, "known": False})

    assert found.startswith("There is no change in the next 20,000 frames.")
    assert steps == 20_000
