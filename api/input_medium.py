"""The first look of `annotate` at a file, before any worker decodes it, and the last, before a timeline is written of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.items import printable
from storage.blobs import file_location, sha256_of
from storage.errors import FileChanging, InputError, PathNotFound
from storage.jobs import StoredMedium
from worker.intake import HEAD_BYTES, check_head


@dataclass(frozen=True)
class FileState:
    """What of a file's status is another when it was written to or replaced."""

    size_bytes: int
    modified_ns: int
    inode: int


def read_medium(path: Path) -> tuple[StoredMedium, FileState]:
    """Look at a file's size, first bytes and sum of all. Returns its state before that too.

    Raises InputError, and FileChanging if it is written to meanwhile.
    """
    with _reading(path):
        if path.is_dir():
            raise PathNotFound(
                f"the folder {path} can't be listed: allow it to be read, or leave it out"
            )
        if path.exists() and not path.is_file():  # to read a pipe would wait for ever
            raise PathNotFound(f"{path} is not a file")
        state = _state_of(path)
        with path.open("rb") as file:
            check_head(file.read(HEAD_BYTES), size_bytes=state.size_bytes)
        if printable(path.resolve()) != str(path.resolve()):
            raise InputError("the path is not valid UTF-8; rename the file or its folder")
        digest = sha256_of(path)
    medium = StoredMedium(
        filename=path.name,
        location=file_location(path),
        size_bytes=state.size_bytes,
        sha256=digest,
    )
    check_unchanged(path, state, sha256=digest)
    return medium, state


def check_unchanged(path: Path, state: FileState, *, sha256: str) -> None:
    """Raise FileChanging if a file was written to or replaced since it was in that state, and PathNotFound if it is gone.

    Some network file systems number their files anew now and then: a file of another number and the same bytes is the same.
    """
    with _reading(path):
        now = _state_of(path)
        renumbered = (now.size_bytes, now.modified_ns) == (state.size_bytes, state.modified_ns)
        if now != state and not (renumbered and sha256_of(path) == sha256):
            raise FileChanging()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise PathNotFound if a file can't be read."""
    try:
        yield
    except OSError as error:
        raise PathNotFound(f"{path} can't be read: {error.strerror}") from error


def _state_of(path: Path) -> FileState:
    status = path.stat()
    return FileState(status.st_size, status.st_mtime_ns, status.st_ino)
