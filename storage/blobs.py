"""Where media lie: one folder per job under server-made names, or a file of the caller's own for
`annotate`.

A location is kept in `media.location`: `blob:<job id>/media` or `file:<absolute path>`. What is made of a medium (preview,
thumbnails) lies beside it under names of worker.pictures and goes with it.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from storage.errors import ConfigurationError, MediumUnavailable, PathNotFound, TransientError

_JOB_FOLDER = re.compile(r"[0-9a-f]{32}(\.deleted)?")
_CHUNK_BYTES = 1024 * 1024
_DOOMED = ".deleted"
_MOST_REMOVALS = 100


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
        """Remove all bytes of a job; removing what is gone already is no error, and what was cut off goes on.

        The folder is renamed first: a worker that still makes pictures of the job finds it gone, and can add no more to
        it than what it was just about to. Raises TransientError if files stay in use (network shares keep those).
        """
        doomed = self.folder / f"{job_id}{_DOOMED}"
        with contextlib.suppress(FileNotFoundError):
            (self.folder / job_id).rename(doomed)
        _remove(doomed)

    def exists_beside(self, job_id: str, name: str) -> bool:
        """Tell whether a file of that name was made of a job's medium."""
        return (self.folder / job_id / name).is_file()

    def open_beside(self, job_id: str, name: str) -> int:
        """Open what was made of a job's medium and return its descriptor. Raises PathNotFound while it is not there."""
        return self.open(f"blob:{job_id}/{name}")

    @contextlib.contextmanager
    def creating_beside(self, job_id: str, name: str) -> Iterator[BinaryIO]:
        """Open a new file beside a job's medium; readers see it, whole, when the block has ended without an exception.

        Any number of workers may do so at once, with the same content: one of theirs stays, and nothing of those that were
        killed. Raises PathNotFound if the job's folder is gone.
        """
        folder = self.folder / job_id
        hidden = folder / f".{name}.{uuid4().hex}"
        try:
            with hidden.open("x+b") as file:
                yield file
            _publish(hidden, folder / name)
        except FileNotFoundError as error:
            raise PathNotFound("the job's folder is gone: the job was deleted") from error
        finally:
            hidden.unlink(missing_ok=True)

    def list_older(self, age_s: float) -> list[str]:
        """List the ids of the jobs whose folder was last changed longer ago than that.

        What else lies there (of file managers, of network shares) is not ours and not listed.
        """
        until_s = time.time() - age_s
        try:
            named = [f for f in self.folder.iterdir() if _JOB_FOLDER.fullmatch(f.name)]
            old = [f for f in named if f.is_dir() and f.stat().st_mtime < until_s]
            return sorted({f.name.removesuffix(_DOOMED) for f in old})
        except FileNotFoundError:  # no upload yet, or one that was removed just now
            return []

    def open(self, location: str) -> int:
        """Open a medium for reading and return its descriptor, to be closed by the caller.

        Raises PathNotFound if it is gone, MediumUnavailable if this machine can't open it now, ConfigurationError if it lacks
        the folder of all uploads: then nothing is known of any of them.
        """
        path = self._path(location)
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
            if is_upload(location) and not self.folder.is_dir():
                raise ConfigurationError(
                    f"the folder of all uploads, {self.folder}, is not there: is its drive mounted? Else set AFFECTLINE_DATA"
                ) from error
            raise PathNotFound(f"the medium can't be opened: {error.strerror}") from error
        except OSError as error:
            raise MediumUnavailable(
                f"the medium can't be opened at the moment: {error.strerror}"
            ) from error

    def _path(self, location: str) -> Path:
        scheme, _, rest = location.partition(":")
        return Path(rest) if scheme == "file" else self.folder / rest


def _publish(hidden: Path, file: Path) -> None:
    """Give a file its name; remove what others left who were killed while they made the same, or still write."""
    try:
        hidden.replace(file)
    except FileNotFoundError:
        if not file.exists():  # else another one was quicker, and has removed ours
            raise
    for left in file.parent.glob(f".{file.name}.*"):
        left.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    for _ in range(_MOST_REMOVALS):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            # FileNotFoundError: before Python 3.13 also for a file that vanished after it was listed
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise
        if not folder.exists():
            return
    raise TransientError(f"the folder {folder.name} can't be emptied: its files are in use")


def is_upload(location: str) -> bool:
    """Tell whether a medium lies in a folder of its job, rather than where its owner put it."""
    return location.startswith("blob:")


def job_of(location: str) -> str:
    """Return the id of the job whose folder holds an uploaded medium."""
    return location.removeprefix("blob:").partition("/")[0]


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
