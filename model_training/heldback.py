"""The part of the data that a run holds back: cut off when it begins, and cut off again from the same data afterwards.

Whatever is chosen after training (calibration, threshold, adjustment, one model among several) is
chosen here, so that the public test stays a test.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_training.datasets import read_faces
from model_training.faces import FaceSet, cut_validation, find_copies
from storage.errors import InputError

CUT_OFF = ", cut off by duplicate group"
"""Ends the source, in meta.json, of a part that was not given, but cut off the training data."""


def was_cut(part: Mapping[str, Any]) -> bool:
    """Tell whether a part, as meta.json describes it, was cut off rather than given as a file of its own."""
    return str(part["source"]).endswith(CUT_OFF)


def cut_seed(part: Mapping[str, Any], run_seed: int) -> int:
    """Return the seed that a part was cut off with, as meta.json describes it: mostly that of its run."""
    return int(part.get("cut_seed", run_seed))


def digest_of(faces: FaceSet) -> str:
    """Return a SHA-256 that only faces with the same pixels have, in whatever order they come."""
    each = sorted(hashlib.sha256(image.tobytes()).digest() for image in faces.images)
    return hashlib.sha256(b"".join(each)).hexdigest()


def may_be_same(part: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two parts, as meta.json describes them, may have the same faces: a run of before digests may have any."""
    return "digest" not in part or "digest" not in other or part["digest"] == other["digest"]


def check_faces(faces: FaceSet, part: Mapping[str, Any], *, given: str) -> None:
    """Raise InputError unless faces are those of a part, as meta.json describes it.

    The same data in another order is cut elsewhere, into as many faces of each expression: only the digest tells, where
    there is one.  given: named in messages.
    """
    if faces.class_counts() != part["classes"]:
        raise InputError(
            f"{given}: expected the data of the run, whose validation part has {part['classes']}, "
            f"got {faces.class_counts()}"
        )
    if not may_be_same(part, {"digest": digest_of(faces)}):
        raise InputError(
            f"{given}: expected the data of the run, got other faces than it held back, if as many of each expression; "
            "give the file or folder that the run was given, as it was: in another order others are cut off"
        )


def read_parts(
    data: Path, validation: Path | None, *, fraction: float, seed: int
) -> tuple[FaceSet, FaceSet]:
    """Return training and validation faces; without a validation file these are cut off those.

    Raises InputError if there are too few to cut, or if validation would show nothing but training faces.
    """
    training = read_faces(data, split="training")
    if validation is not None:
        return training, _without_illusions(training, validation)
    parts = cut_validation(training, fraction=fraction, seed=seed)
    if not len(parts[1]):
        raise InputError(
            f"{data}: expected enough images to hold a tenth back for validation, got "
            f"{len(training)}; give more, or name validation data with --validation"
        )
    return parts


def _without_illusions(training: FaceSet, path: Path) -> FaceSet:
    """Return the validation faces of a file, and say how many of them are learned from."""
    faces = read_faces(path, split="validation")
    copies = int(find_copies(faces, training).sum())
    if copies == len(faces):
        raise InputError(
            f"--validation {path}: expected other images than --data has, it has all {copies} of them"
        )
    if copies:
        print(f"{copies} of the {len(faces)} validation faces are exact copies of training faces")
    return faces


def held_back_part(data: Path, metadata: Mapping[str, str]) -> FaceSet:
    """Return the faces that a model's run was validated on: a file of their own, or cut from its data.

    data: what the run was given as --validation, or else as --data.  metadata: that of the exported
    model (`seed`, `settings` and `data` say how the cut was made).
    Raises InputError if they are others than the run had.
    """
    try:
        part = json.loads(metadata["data"])["validation"]
        cut = was_cut(part)
        if "classes" not in part:
            raise KeyError("classes")
        schedule = json.loads(metadata["settings"])["schedule"]
        seed = cut_seed(part, int(metadata["seed"]))
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            "expected a model of model_training.export, whose metadata says which faces its run "
            f"held back; got one where it can't be read: {error}"
        ) from None
    faces = read_faces(data, split="training" if cut else "validation")
    if cut:
        fraction = schedule.get("validation_fraction") or 0.0
        _, faces = cut_validation(faces, fraction=fraction, seed=seed)
    check_faces(faces, part, given=str(data))
    return faces


def held_back_by_all(runs: Mapping[Path, Mapping[str, str]], data: Path, *, option: str) -> FaceSet:
    """Return the faces that all runs held back: those of the run that held fewest back.

    runs: the metadata of each model, by its file.  data: what the runs were given.  option: named in messages.
    Raises InputError if another run learned from some of them.
    """
    parts = {path: held_back_part(data, metadata) for path, metadata in runs.items()}
    fewest = min(parts, key=lambda path: len(parts[path]))
    for path, theirs in parts.items():
        if not find_copies(parts[fewest], of=theirs).all():
            raise InputError(
                f"{option} {path}: expected runs that held the same faces back as that of {fewest}, or more; this one "
                "learned from some of them"
            )
    return parts[fewest]
