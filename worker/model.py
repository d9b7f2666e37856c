"""The classifier's file as one value, read once per process: what is hashed is what is computed with."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from storage.errors import ModelContractError


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file's bytes and their SHA-256 in hexadecimal."""

    content: bytes = field(repr=False)
    sha256: str

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Yield a descriptor of the bytes in memory, which a child may inherit.

        A file that is replaced while a worker runs would mix two models under one hash.
        """
        descriptor = os.memfd_create("affectline-model")
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(self.content)
            yield descriptor
        finally:
            os.close(descriptor)


@cache
def load_model(path: Path) -> ModelFile:
    """Read a model file, once per process. Raises ModelContractError if it can't be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelContractError(
            f"the model file {path.name!r} can't be read ({error.strerror});"
            " set AFFECTLINE_MODEL to an ONNX file made by model_training.export"
        ) from error
    return ModelFile(content, hashlib.sha256(content).hexdigest())
