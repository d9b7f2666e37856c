"""A recording that browsers can't play, before and after its preview is made."""

from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page, expect
from sqlalchemy import update

from storage.jobs import JobView
from storage.records import SegmentState
from storage.tables import jobs, segments
from tests.api.made_jobs import finish_job, plan_job, see_segment
from tests.browser.conftest import Installation
from tests.browser.made_recordings import TALK, describe_anew, lay_beside, lay_thumbnails
from tests.browser.pictures import numbered_film


def finish_tape(installation: Installation) -> JobView:
    """Make a job of a recording in AVI that is done since yesterday and has no preview yet."""
    job = finish_job(installation.database, installation.blobs, TALK)
    lay_thumbnails(installation, job, tracks=1)
    describe_anew(installation, job, container="avi")
    with installation.database.writing() as connection:
        connection.execute(
            update(jobs)
            .where(jobs.c.job == job.job)
            .values(finished_at=jobs.c.finished_at - 86_400)
        )
    return job


def test_a_preview_appears_however_late_it_is_made(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: one that waited behind the timelines of others for more than three minutes came only with a reload."""
    job = finish_tape(installation)
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    expect(page.get_by_text("A preview is being made.")).to_be_visible()

    film = numbered_film(tmp_path / "film.mp4", frames=100)
    lay_beside(installation, job, "preview.mp4", film.read_bytes())

    expect(page.locator("video")).to_have_js_property("readyState", 4)
    expect(page.get_by_text("can't be played")).to_be_hidden()


def test_a_preview_that_never_came_is_not_promised(page: Page, installation: Installation) -> None:
    job = finish_tape(installation)
    with installation.database.writing() as connection:
        connection.execute(
            update(segments)
            .where(segments.c.state == SegmentState.READY)
            .values(state=SegmentState.FAILED)
        )

    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.get_by_text("There is no preview of it.")).to_be_visible()


def test_while_the_job_runs_the_preview_is_said_to_come_later(
    page: Page, installation: Installation
) -> None:
    made = replace(TALK, segment_frames=50)
    job = plan_job(installation.database, installation.blobs, made)
    see_segment(installation.database, made)
    describe_anew(installation, job, container="avi")

    page.goto(f"{installation.address}/#/jobs/{job.id}")

    expect(page.get_by_text("A preview is made when the analysis is done.")).to_be_visible()
