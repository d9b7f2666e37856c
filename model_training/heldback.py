"""The part of the training data that a run held back, cut off again from that data.

Whatever is chosen after training (temperature, threshold, adjustment, one model among several) is
chosen here, so that the public test stays a test.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from model_training.datasets import read_faces
from model_training.faces import FaceSet, cut_validation
from storage.errors import InputError


def held_back_part(data: Path, metadata: Mapping[str, str]) -> FaceSet:
    """Return the faces that a model's run was validated on: a file of their own, or cut from its data.

    data: what the run was given as --validation, or else as --data.  metadata: that of the exported
    model (`seed`, `settings` and `data` say how the cut was made).
    Raises InputError if they are not as many of each expression as the run had.
    """
    try:
        wanted = json.loads(metadata["data"])["validation"]["classes"]
        schedule = json.loads(metadata["settings"])["schedule"]
        seed = int(metadata["seed"])
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            "expected a model of model_training.export, whose metadata says which faces its run "
            f"held back; got one where it can't be read: {error}"
        ) from None
    faces = read_faces(data, split="validation")
    if faces.class_counts() != wanted:
        fraction = schedule.get("validation_fraction") or 0.0
        training = read_faces(data, split="training")
        _, faces = cut_validation(training, fraction=fraction, seed=seed)
    if faces.class_counts() != wanted:
        raise InputError(
            f"{data}: expected the data of the run, whose validation part has {wanted}, "
            f"got {faces.class_counts()}"
        )
    return faces
