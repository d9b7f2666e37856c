"""Where media lie: one folder per job under server-made names, or a file of the caller's own for
`annotate`.

A location is kept in `media.location`: `blob:<job id>/media` or `file:<absolute path>`.
"""

import contextlib
import hashlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import BinaryIO

from storage.errors import PathNotFound, TransientError

_JOB_ID = re.compile(r"[0-9a-f]{32}")
_CHUNK_BYTES = 1024 * 1024


class Blobs:
    """The folder of all uploads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, job_id: str) -> tuple[str, BinaryIO]:
        """Make the job's folder and open its medium for writing. Returns (location, file)."""
        folder = self.folder / job_id
        folder.mkdir(parents=True, exist_ok=True)
        return f"blob:{job_id}/media", (folder / "media").open("xb")

    def delete(self, job_id: str) -> None:
        """Remove all bytes of a job; removing what is gone already is no error."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder / job_id)

    def list_older(self, age_s: float) -> list[str]:
        """List the ids of the jobs whose folder was last changed longer ago than that.

        What else lies there (of file managers, of network shares) is not ours and not listed.
        """
        until_s = time.time() - age_s
        try:
            ours = [f for f in self.folder.iterdir() if _JOB_ID.fullmatch(f.name) and f.is_dir()]
            return [f.name for f in ours if f.stat().st_mtime < until_s]
        except FileNotFoundError:  # no upload yet, or one that was removed just now
            return []

    def open(self, location: str) -> int:
        """Open a medium for reading and return its descriptor, to be closed by the caller.

        Raises PathNotFound if it is gone, TransientError if this machine can't open it now.
        """
        path = self._path(location)
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
            raise PathNotFound(f"the medium can't be opened: {error.strerror}") from error
        except OSError as error:
            raise TransientError(f"the medium can't be opened now: {error.strerror}") from error

    def _path(self, location: str) -> Path:
        scheme, _, rest = location.partition(":")
        return Path(rest) if scheme == "file" else self.folder / rest


def file_location(path: Path) -> str:
    """The location of a file that stays where its owner put it."""
    return f"file:{path.resolve()}"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
