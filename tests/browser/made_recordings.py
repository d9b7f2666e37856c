"""Made-up jobs with a real video, so that there is something to play."""

from pathlib import Path

from sqlalchemy import update

from storage.jobs import JobView, get_job
from storage.tables import media
from tests.api.made_jobs import MadeUp, finish_job
from tests.browser.conftest import Installation
from tests.browser.pictures import numbered_film, png

TALK = MadeUp(frame_count=100, segment_frames=100, faces_of_frame=(1,))
"""Four seconds with one face, whose box lies 30 + frame % 7 pixels from the top."""


def finish_video(
    installation: Installation, folder: Path, made: MadeUp = TALK, *, first_tick: int = 0
) -> JobView:
    """Make a job that is done, of a video whose pictures show their numbers."""
    job = finish_job(installation.database, installation.blobs, made)
    lay_film(installation, job, folder, frames=made.frame_count, first_tick=first_tick)
    lay_thumbnails(installation, job, tracks=max(made.faces_of_frame))
    return job


def lay_film(
    installation: Installation, job: JobView, folder: Path, *, frames: int, first_tick: int = 0
) -> None:
    """Give a job that is planned a video that browsers play."""
    film = numbered_film(folder / "film.mp4", frames=frames, first_tick=first_tick)
    lay_beside(installation, job, "media", film.read_bytes())
    describe_anew(installation, job, container="mov,mp4,m4a,3gp,3g2,mj2", pixel_format="yuv420p")


def describe_anew(installation: Installation, job: JobView, **facts: str | int) -> None:
    """Have other things said of a planned job's medium."""
    info = get_job(installation.database, job.id).media_info or {}
    with installation.database.writing() as connection:
        connection.execute(update(media).where(media.c.job == job.job).values(info=info | facts))


def lay_thumbnails(installation: Installation, job: JobView, *, tracks: int) -> None:
    """Give a job the small pictures that the workers would have made."""
    for name in ("thumbnail.jpg", *(f"track-{track}.jpg" for track in range(tracks))):
        lay_beside(installation, job, name, png(16, 12))


def lay_beside(installation: Installation, job: JobView, name: str, content: bytes) -> None:
    (installation.blobs.folder / job.id / name).write_bytes(content)
