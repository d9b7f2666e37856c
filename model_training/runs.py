"""The files a training run leaves in its folder, and how they are read back."""

import argparse
import csv
import hashlib
import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import NotRequired, TypedDict

import keras
import numpy as np
import tensorflow as tf

from model_training.checkpoints import CHECKPOINT
from model_training.faces import FaceSet
from model_training.heldback import CUT_OFF, cut_seed, digest_of, was_cut
from model_training.recipes import AnnealedRecipe, Recipe, TransferRecipe
from storage.errors import InputError

BEST_MODEL = "best.keras"
LAST_MODEL = "last.keras"
HISTORY = "history.csv"
META = "meta.json"
CURVES = "curves.png"


class PartMeta(TypedDict):
    """One part of the data of a run."""

    source: str
    """File name, without its folder; with CUT_OFF if the part is not all of it."""
    n: int
    """Images used."""
    classes: dict[str, int]
    """Images per expression."""
    cut_seed: NotRequired[int]
    """Seed of the cut, where it is not that of the run."""
    digest: NotRequired[str]
    """Of the faces held back: tells them from as many others (heldback.py). Runs of before have none."""


class RunMeta(TypedDict):
    """What a run was, known when it begins."""

    recipe: str
    settings: dict[str, dict[str, float | str | None]]
    """What the recipe says: augmentation and schedule, of a transfer also what it begins with."""
    seed: int
    start_from: str | None
    """File name of the weights it began with, or None for new ones."""
    teacher: str | None
    """File name of the teachers' answers, or None."""
    match: NotRequired[list[str]]
    """File names of the models that were asked about each picture as it was shown."""
    votes: NotRequired[bool]
    """Whether these were told the votes."""
    in_turn: NotRequired[bool]
    """Whether one of these was asked per step; else all were."""
    fingerprints: dict[str, str]
    """SHA-256 of the files it began with, by option: their names alone may come to mean others."""
    averaged: NotRequired[list[str]]
    """Names of the runs whose weights it is the mean of."""
    started: str
    """UTC, ISO 8601."""
    training: PartMeta
    validation: PartMeta
    libraries: dict[str, str]
    """Versions by name."""


def describe_run(
    recipe: Recipe | AnnealedRecipe | TransferRecipe,
    training: FaceSet,
    validation: FaceSet,
    *,
    options: argparse.Namespace,
) -> RunMeta:
    """Return what is known of a run before its first epoch."""
    source = options.validation.name if options.validation else options.data.name + CUT_OFF
    meta: RunMeta = {
        "recipe": recipe.name,
        "settings": _settings(recipe),
        "seed": options.seed,
        "start_from": _file_name(options.start_from),
        "teacher": _file_name(options.teacher),
        "fingerprints": _fingerprints(options),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "training": _describe_part(options.data.name, training),
        "validation": _describe_held_back(source, validation, options),
        "libraries": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
    }
    if options.match is not None:
        meta |= {"match": [path.name for path in options.match], "votes": options.votes}
        if options.in_turn:
            meta["in_turn"] = True
    return meta


def _settings(
    recipe: Recipe | AnnealedRecipe | TransferRecipe,
) -> dict[str, dict[str, float | str | None]]:
    settings = {
        "augmentation": asdict(recipe.augmentation),
        "schedule": asdict(recipe.schedule),
    }
    if isinstance(recipe, TransferRecipe):
        weights = Path(recipe.transfer.weights).name
        settings["transfer"] = asdict(recipe.transfer) | {"weights": weights}
    return settings


def _file_name(path: Path | None) -> str | None:
    return None if path is None else path.name


def _fingerprints(options: argparse.Namespace) -> dict[str, str]:
    given = {name: getattr(options, name, None) for name in ("start_from", "teacher", "weights")}
    files = {name: Path(path) for name, path in given.items() if path is not None}
    files |= {f"match {number}": path for number, path in enumerate(options.match or (), start=1)}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if path.is_file()
    }


def _describe_part(source: str, faces: FaceSet) -> PartMeta:
    return {"source": source, "n": len(faces), "classes": faces.class_counts()}


def _describe_held_back(source: str, faces: FaceSet, options: argparse.Namespace) -> PartMeta:
    part = _describe_part(source, faces)
    part["digest"] = digest_of(faces)
    if options.validation is None and options.cut_seed not in (None, options.seed):
        part["cut_seed"] = options.cut_seed
    return part


def begin_run(folder: Path, meta: RunMeta) -> None:
    """Make the folder of a new run and write its meta.json.

    Raises InputError if a model was trained there already: it would be lost, or be taken for this run's.
    """
    trained = [name for name in (CHECKPOINT, BEST_MODEL, LAST_MODEL) if (folder / name).exists()]
    if trained:
        raise InputError(
            f"{folder}: expected a folder without a trained model, found {trained[0]}; name another --out, "
            "or go on with the run that is there with --resume"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_meta(folder, meta)


def write_meta(folder: Path, meta: RunMeta) -> None:
    """Write meta.json into the folder of a run."""
    (folder / META).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


def read_meta(folder: Path) -> RunMeta:
    """Return the meta.json of a run; raise InputError if it has none."""
    path = folder / META
    try:
        meta: RunMeta = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected the {META} that model_training.train writes, got: {error}"
        ) from None
    return meta


def as_metadata(meta: RunMeta) -> dict[str, str]:
    """Return what an exported model's metadata would say of the cut."""
    data = {"training": meta["training"], "validation": meta["validation"]}
    return {
        "data": json.dumps(data),
        "settings": json.dumps(meta["settings"]),
        "seed": str(meta["seed"]),
    }


def check_same_run(folder: Path, meta: RunMeta) -> None:
    """Raise InputError unless the run in a folder began with the recipe, seed and data of meta."""
    begun = read_meta(folder)
    asked = json.loads(json.dumps(meta))  # as it would be read back
    same = (
        "recipe",
        "settings",
        "seed",
        "start_from",
        "teacher",
        "match",
        "votes",
        "in_turn",
        "fingerprints",
        "training",
        "validation",
    )
    if "digest" not in begun["validation"]:
        asked["validation"].pop("digest", None)
    for name in same:
        had, wanted = _differing(begun.get(name), asked.get(name))
        if had != wanted:
            hint = " (--precision)" if "mixed_precision" in str(had) else ""
            raise InputError(
                f"{folder / META}: expected the run to --resume to have the {name} {wanted}, "
                f"it has {had}; give the options it began with{hint}"
            )


def _differing(had: object, wanted: object) -> tuple[object, object]:
    """Return the two; of dictionaries, and those in them, only what differs."""
    if not (isinstance(had, dict) and isinstance(wanted, dict)):
        return had, wanted
    names = [name for name in {**had, **wanted} if had.get(name) != wanted.get(name)]
    parts = {name: _differing(had.get(name), wanted.get(name)) for name in names}
    return {name: one for name, (one, _) in parts.items()}, {
        name: other for name, (_, other) in parts.items()
    }


def held_back_by(meta: RunMeta) -> tuple[PartMeta, int | None]:
    """Return what a run held back but for the digest, and the seed that cut it off; None where it was a file of its own."""
    part = meta["validation"].copy()
    seed = cut_seed(part, meta["seed"]) if was_cut(part) else None
    part.pop("cut_seed", None)
    part.pop("digest", None)
    return part, seed


def load_network(path: Path) -> keras.Model:
    """Return the trained Keras model of a file. Raises InputError if it holds none."""
    if not path.is_file():
        raise InputError(f"{path}: expected a .keras file of model_training.train, found no file")
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, KeyError) as error:
        raise InputError(
            f"{path}: expected a .keras file, got: {str(error).splitlines()[0]}"
        ) from None


def read_history(folder: Path) -> dict[str, list[float]]:
    """Return the columns of history.csv by name, one number per epoch."""
    path = folder / HISTORY
    if not path.is_file():
        raise InputError(f"{path}: expected the {HISTORY} that model_training.train writes")
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}


def epoch_of(model: Path, history: dict[str, list[float]]) -> int:
    """Return the index of the epoch that a model of a run comes from: of last.keras the last, else the best."""
    return len(history["val_loss"]) - 1 if model.name == LAST_MODEL else best_epoch(history)


def best_epoch(history: dict[str, list[float]]) -> int:
    """Return the index of the epoch with the lowest validation loss: the one in best.keras."""
    return int(np.argmin(history["val_loss"]))
