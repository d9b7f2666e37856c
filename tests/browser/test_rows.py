"""The rows behind the boxes: all of a stretch however dense its frames, and those of now rather than of then."""

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect
from sqlalchemy import text, update

from storage.jobs import JobView
from storage.tables import media
from tests.api.made_jobs import MadeUp, end_job, finish_job, plan_job, see_segment
from tests.browser.conftest import Installation
from tests.browser.made_recordings import lay_film, lay_thumbnails

SEEK = "(scrub, time) => { scrub.value = time; scrub.dispatchEvent(new Event('input')); }"
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
