"""Model files as values, read once per process: what is hashed is what is computed with."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from storage.errors import ModelContractError

MODEL_REMEDY = "set AFFECTLINE_MODEL to an ONNX file made by model_training.export"


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


def load_model(path: Path) -> ModelFile:
    """Read the classifier, once per process. Raises ModelContractError if it can't be read."""
    return _read(path, MODEL_REMEDY)


def load_yunet(path: Path) -> ModelFile:
    """Read YuNet's file, once per process. Raises ModelContractError if it can't be read."""
    return _read(path, "set AFFECTLINE_YUNET to OpenCV Zoo's face_detection_yunet_2023mar.onnx")


@cache
def _read(path: Path, remedy: str) -> ModelFile:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelContractError(
            f"the model file {str(path)!r} can't be read ({error.strerror}); {remedy}"
        ) from error
    return ModelFile(content, hashlib.sha256(content).hexdigest())
