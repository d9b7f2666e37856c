"""Remove jobs with everything that belongs to them: media first, rows next, the job itself last."""

from storage import jobs
from storage.blobs import Blobs
from storage.database import Database


def remove_job(database: Database, blobs: Blobs, job_id: str) -> None:
    """Remove a job for good. If this is cut off, the sweeper goes on with it. Raises NotFound."""
    _remove(database, blobs, jobs.begin_delete(database, job_id), job_id)


def finish_removals(database: Database, blobs: Blobs) -> int:
    """Go on with removals that were cut off. Returns how many there were."""
    begun = jobs.deleting_jobs(database)
    for job, job_id in begun:
        _remove(database, blobs, job, job_id)
    return len(begun)


def remove_abandoned_uploads(database: Database, blobs: Blobs, *, older_than_s: float) -> int:
    """Remove the bytes of uploads whose server was killed before their job stood. Returns how many."""
    abandoned = [
        job_id for job_id in blobs.list_older(older_than_s) if not jobs.exists(database, job_id)
    ]
    for job_id in abandoned:
        blobs.delete(job_id)
    return len(abandoned)


def _remove(database: Database, blobs: Blobs, job: int, job_id: str) -> None:
    blobs.delete(job_id)
    jobs.finish_delete(database, job)
