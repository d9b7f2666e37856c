"""The first look of `annotate` at a file: what is recorded of it before any worker decodes it."""

from pathlib import Path

from api.items import printable
from storage.blobs import file_location, sha256_of
from storage.errors import InputError, PathNotFound
from storage.jobs import StoredMedium
from worker.intake import HEAD_BYTES, check_head


def read_medium(path: Path) -> StoredMedium:
    """Look at a file's size and first bytes. Raises InputError."""
    try:
        if path.is_dir():
            raise PathNotFound(
                f"the folder {path} can't be listed: allow it to be read, or leave it out"
            )
        if path.exists() and not path.is_file():  # to read a pipe would wait for ever
            raise PathNotFound(f"{path} is not a file")
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            check_head(file.read(HEAD_BYTES), size_bytes=size_bytes)
        if printable(path.resolve()) != str(path.resolve()):
            raise InputError("the path is not valid UTF-8; rename the file or its folder")
        digest = sha256_of(path)
    except OSError as error:
        raise PathNotFound(f"{path} can't be read: {error.strerror}") from error
    return StoredMedium(
        filename=path.name, location=file_location(path), size_bytes=size_bytes, sha256=digest
    )
