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


def _remove(database: Database, blobs: Blobs, job: int, job_id: str) -> None:
    blobs.delete(job_id)
    jobs.finish_delete(database, job)
