"""A run's checkpoint: where it stands and every number it has learned, in one file.

checkpoint.npz is replaced in one piece after every epoch. The order of the data and all distortions
follow from the seed and the numbers of epoch and step, so they need no place of their own.
"""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from storage.errors import InputError

CHECKPOINT = "checkpoint.npz"
POSITION = "position"


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands."""

    epochs: int
    """Behind it."""
    step: int
    """Steps behind it."""
    spent_s: float
    """On the run's clock, over all its parts."""
    best_loss: float
    """Lowest validation loss so far: the one of best.keras."""

    @classmethod
    def first(cls) -> "Checkpoint":
        """Return where every run begins."""
        return cls(0, 0, 0.0, float("inf"))


def write_checkpoint(
    folder: Path, checkpoint: Checkpoint, variables: Sequence[keras.Variable]
) -> None:
    """Replace the checkpoint of a run."""
    arrays = {f"{place:05}": np.asarray(variable.value) for place, variable in enumerate(variables)}
    draft = folder / f"draft_{CHECKPOINT}"
    arrays[POSITION] = np.array(json.dumps(asdict(checkpoint)))
    np.savez(draft, allow_pickle=False, **arrays)
    draft.replace(folder / CHECKPOINT)


def read_checkpoint(folder: Path, variables: Sequence[keras.Variable]) -> Checkpoint:
    """Put the numbers of a checkpoint into the variables and return where the run stands.

    Raises InputError if there is none, or if it belongs to another network.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise InputError(f"{path}: expected the checkpoint of a run to --resume, found no file")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            position = Checkpoint(**json.loads(str(arrays[POSITION])))
            found = [arrays[name] for name in sorted(set(arrays.files) - {POSITION})]
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected a checkpoint of a run, got: {error}") from None
    shapes = [tuple(variable.shape) for variable in variables]
    if [array.shape for array in found] != shapes:
        raise InputError(f"{path}: expected the checkpoint of this recipe's network, got another's")
    for variable, array in zip(variables, found, strict=True):
        variable.assign(array)
    return position
