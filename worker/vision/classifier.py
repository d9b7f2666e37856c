"""The expression classifier: crops in, seven probabilities out."""

import json
from pathlib import Path

import numpy as np

from storage.errors import ModelContractError
from storage.labels import EXPRESSIONS, UNCERTAIN_BELOW
from storage.records import SCORE_UNIT
from worker.vision.boxes import Floats
from worker.vision.onnx_session import OnnxSession

FACE_SIZE = 48
BATCH = 32
"""Faces per run: larger batches gain nothing."""


class Classifier:
    """Reads the apparent expression of faces. The contract with the model file is checked when it is loaded."""

    def __init__(self, model_path: Path) -> None:
        """Load a model. Raises ModelContractError if its input, output or labels are not what this program expects."""
        if not model_path.is_file():
            raise ModelContractError(f"there is no model file {model_path}")
        self._session = OnnxSession(model_path)
        _check_contract(self._session)
        self.uncertain_below = _read_uncertain_below(self._session)
        """An answer with less confidence than this, 0 to 1, is uncertain; None where the file does not say."""

    @property
    def uncertain_score(self) -> int:
        """`uncertain_below` in ten-thousandths; the shipped model's where the file does not say."""
        below = self.uncertain_below
        return UNCERTAIN_BELOW if below is None else round(below * SCORE_UNIT)

    def probabilities(self, faces: Floats) -> Floats:
        """Classify faces in batches of at most BATCH.

        faces: (n, 48, 48, 1) float32, gray in 0..255.  Returns (n, 7) float32 in the order of EXPRESSIONS, rows adding up to
        1; n = 0 gives (0, 7). A face's result does not depend on the faces beside it.
        """
        parts = [np.zeros((0, len(EXPRESSIONS)), np.float32)]
        for start in range(0, len(faces), BATCH):
            parts += self._session.run(["probabilities"], faces=faces[start : start + BATCH])
        return np.concatenate(parts)


def _check_contract(session: OnnxSession) -> None:
    _check_tensor(session.inputs.get("faces"), [FACE_SIZE, FACE_SIZE, 1], "input 'faces'")
    _check_tensor(
        session.outputs.get("probabilities"), [len(EXPRESSIONS)], "output 'probabilities'"
    )
    stated = session.metadata.get("labels", "")
    try:
        labels = tuple(json.loads(stated))
    except (ValueError, TypeError):
        labels = ()
    if labels != EXPRESSIONS:
        raise ModelContractError(
            f"metadata 'labels' is {stated!r}; expected {json.dumps(EXPRESSIONS)}"
        )


def _check_tensor(
    found: tuple[str, list[int | str | None]] | None, tail: list[int], what: str
) -> None:
    expected = f"float32 (n, {', '.join(map(str, tail))})"
    if found is None:
        raise ModelContractError(f"{what} is missing; expected {expected}")
    kind, shape = found
    if kind != "tensor(float)" or len(shape) != 1 + len(tail) or shape[1:] != tail:
        raise ModelContractError(f"{what} is {kind} {shape}; expected {expected}")
    if isinstance(shape[0], int):
        raise ModelContractError(f"{what} takes {shape[0]} faces only; expected any number")


def _read_uncertain_below(session: OnnxSession) -> float | None:
    stated = session.metadata.get("uncertain_below")
    if stated is None:
        return None
    try:
        below = float(stated)
    except ValueError:
        below = float("nan")
    if not 0 <= below <= 1:
        raise ModelContractError(
            f"metadata 'uncertain_below' is {stated!r}; expected a confidence from 0 to 1, or no such key"
        )
    return below
