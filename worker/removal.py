"""Remove jobs with everything that belongs to them: media first, rows next, the job itself last."""

import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import OperationalError

from storage import jobs
from storage.blobs import Blobs
from storage.database import Database, is_full
from storage.errors import TransientError

logger = logging.getLogger(__name__)


def remove_job(database: Database, blobs: Blobs, job_id: str) -> None:
    """Remove a job for good. If this is cut off, `finish_removals` goes on with it. Raises NotFound.

    On a full disk not even the begin of a removal can be written: then its files go first, and make room for that.
    """
    try:
        job = jobs.begin_delete(database, job_id)
    except OperationalError as error:
        if not is_full(error) or not jobs.exists(database, job_id):
            raise
        blobs.delete(job_id)
        job = jobs.begin_delete(database, job_id)
    _remove(database, blobs, job, job_id)


def finish_removals(database: Database, blobs: Blobs) -> None:
    """Go on with removals that were cut off, or waited for readers of the database."""
    for job, job_id in jobs.deleting_jobs(database):
        _try(partial(_remove, database, blobs, job, job_id), job_id)


def remove_abandoned_uploads(database: Database, blobs: Blobs, *, older_than_s: float) -> None:
    """Remove the bytes of uploads whose server was killed before their job stood."""
    for job_id in blobs.list_older(older_than_s):
        if not jobs.exists(database, job_id):
            _try(partial(blobs.delete, job_id), job_id)


def _try(removal: Callable[[], None], job_id: str) -> None:
    """Remove, or leave it to the next time: one folder that can't be removed must not keep the others."""
    try:
        removal()
    except (OSError, TransientError) as error:
        logger.warning("the files of a job can't be removed: %s", error, extra={"job_id": job_id})


def _remove(database: Database, blobs: Blobs, job: int, job_id: str) -> None:
    blobs.delete(job_id)
    jobs.finish_delete(database, job)
