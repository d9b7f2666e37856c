"""Remove jobs with everything that belongs to them: media first, rows next, the job itself last."""

import logging
from collections.abc import Callable
from functools import partial

from storage import jobs
from storage.blobs import Blobs
from storage.database import Database
from storage.errors import TransientError

logger = logging.getLogger(__name__)


def remove_job(database: Database, blobs: Blobs, job_id: str) -> None:
    """Remove a job for good. If this is cut off, the sweeper goes on with it. Raises NotFound."""
    _remove(database, blobs, jobs.begin_delete(database, job_id), job_id)


def finish_removals(database: Database, blobs: Blobs) -> int:
    """Go on with removals that were cut off. Returns how many are finished; the others are tried again later."""
    begun = jobs.deleting_jobs(database)
    return sum(
        _done(partial(_remove, database, blobs, job, job_id), job_id) for job, job_id in begun
    )


def remove_abandoned_uploads(database: Database, blobs: Blobs, *, older_than_s: float) -> int:
    """Remove the bytes of uploads whose server was killed before their job stood. Returns how many."""
    abandoned = [
        job_id for job_id in blobs.list_older(older_than_s) if not jobs.exists(database, job_id)
    ]
    return sum(_done(partial(blobs.delete, job_id), job_id) for job_id in abandoned)


def _done(removal: Callable[[], None], job_id: str) -> bool:
    """Whether a removal succeeded: one folder that can't be removed must not keep the others."""
    try:
        removal()
    except (OSError, TransientError) as error:
        logger.warning("the files of a job can't be removed: %s", error, extra={"job_id": job_id})
        return False
    return True


def _remove(database: Database, blobs: Blobs, job: int, job_id: str) -> None:
    blobs.delete(job_id)
    jobs.finish_delete(database, job)
