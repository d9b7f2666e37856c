"""One reader for each form of FER-2013; `datasets.read_faces` chooses among them."""

import csv
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_training.faces import FACE_SIZE, FaceSet, labelled_faces
from storage.errors import InputError
from storage.labels import EXPRESSIONS

SPLITS = ("training", "validation", "test")
"""The contest's Training, PublicTest and PrivateTest, by what they are for."""

ALL_SPLITS = "all"
"""Stands for every image, whatever split it is in."""

CSV_EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The csv's emotion numbers 0 to 6; not our order."""

CSV_USAGES = {"Training": "training", "PublicTest": "validation", "PrivateTest": "test"}
"""The csv's Usage column, and our word for it."""

CLASS_SPELLINGS = {
    "angry": ("angry", "anger"),
    "disgust": ("disgust", "disgusted"),
    "fear": ("fear", "fearful", "afraid"),
    "happy": ("happy", "happiness"),
    "neutral": ("neutral", "neutrality"),
    "sad": ("sad", "sadness"),
    "surprise": ("surprise", "surprised"),
}
"""Accepted names of class folders; upper and lower case are the same."""

SPLIT_SPELLINGS = {
    "training": ("train", "training"),
    "validation": ("validation", "val", "valid", "publictest", "public_test"),
    "test": ("test", "privatetest", "private_test"),
}
"""Accepted names of split folders; upper and lower case are the same."""

VOTE_EMOTIONS = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt",
)  # fmt: skip
"""What FER+ annotators could vote for, besides "unknown" and "NF" (no face); the order of `FaceSet.votes`."""

VOTE_KEYS = {"ferplus_votes", "vote_names"}
NPZ_KEYS = {"images", "labels", "duplicate_group"} | VOTE_KEYS

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg"}


def read_npz(path: Path) -> FaceSet:
    """Read an npz with `images` and `labels`; `duplicate_group` and FER+ votes where they are there."""
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"{path}: expected an npz file as numpy.savez writes it, got something else"
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = {"images", "labels"} - set(arrays.files)
            if missing:
                raise InputError(
                    f"{path}: expected the keys images and labels, missing: "
                    f"{', '.join(sorted(missing))}; it has: {', '.join(arrays.files) or 'none'}"
                )
            wanted = NPZ_KEYS & set(arrays.files)
            found = {key: arrays[key] for key in wanted}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected an npz file of plain arrays, got: {error}") from None
    images, labels = found["images"], found["labels"]
    _check_arrays(path, images, labels)
    groups = found.get("duplicate_group")
    if groups is not None and groups.shape != labels.shape:
        raise InputError(f"{path}: expected duplicate_group of {labels.shape}, got {groups.shape}")
    groups = None if groups is None else groups.astype(np.int64)
    known = labels.astype(np.int64).clip(min=-1).astype(np.int8)
    return labelled_faces(images, known, groups, _npz_votes(path, found))


def _npz_votes(path: Path, found: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32] | None:
    """Return (n, 8) shares of the votes for an emotion, or None where the file has no votes.

    Votes for "unknown" and "no face" do not count: nothing can be learned from them here.
    """
    if not found.keys() >= VOTE_KEYS:
        return None
    votes, names = found["ferplus_votes"], [str(name) for name in found["vote_names"]]
    expected = (len(found["labels"]), len(names))
    if votes.shape != expected or not set(VOTE_EMOTIONS) <= set(names):
        raise InputError(
            f"{path}: expected ferplus_votes of {expected} with vote_names for "
            f"{', '.join(VOTE_EMOTIONS)}; got {votes.shape} with {', '.join(names)}"
        )
    counts = votes[:, [names.index(name) for name in VOTE_EMOTIONS]].astype(np.float32)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _check_arrays(path: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int8]) -> None:
    """Raise InputError unless the two arrays are faces and their labels."""
    if images.dtype != np.uint8 or images.shape[1:] != (FACE_SIZE, FACE_SIZE):
        raise InputError(
            f"{path}: expected images as uint8 (n, {FACE_SIZE}, {FACE_SIZE}), "
            f"got {images.dtype} {images.shape}"
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise InputError(
            f"{path}: expected labels as integers ({len(images)},), "
            f"got {labels.dtype} {labels.shape}"
        )
    if labels.size and labels.max() >= len(EXPRESSIONS):
        raise InputError(
            f"{path}: expected labels from 0 to {len(EXPRESSIONS) - 1}, got {labels.max()}"
        )


def read_csv(path: Path, split: str) -> FaceSet:
    """Read the contest's csv; without a Usage column every row is read."""
    images: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            columns = _csv_columns(path, rows.fieldnames or ())
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                if "usage" in columns and not _usage_wanted(where, row[columns["usage"]], split):
                    continue
                labels.append(_csv_label(where, row[columns["emotion"]]))
                images.append(_csv_pixels(where, row[columns["pixels"]]))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected a csv file in UTF-8, got: {error}") from None
    return _stack(images, labels)


def _csv_columns(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the name each column has in this file, by its name in lower case without spaces."""
    columns = {name.strip().lower(): name for name in names}
    missing = {"emotion", "pixels"} - columns.keys()
    if missing:
        raise InputError(
            f"{path}: expected the columns emotion,pixels,Usage, "
            f"missing: {', '.join(sorted(missing))}; it has: {', '.join(columns) or 'none'}"
        )
    return columns


def _usage_wanted(where: str, usage: str | None, split: str) -> bool:
    """Return whether a row of this Usage belongs to the split."""
    name = (usage or "").strip()
    if name not in CSV_USAGES:
        raise InputError(
            f"{where}: expected Usage to be one of {', '.join(CSV_USAGES)}, got '{name}'"
        )
    return split in (ALL_SPLITS, CSV_USAGES[name])


def _csv_label(where: str, text: str | None) -> int:
    """Return our label for the csv's emotion number; below zero stays below zero."""
    try:
        number = int(text or "")
    except ValueError:
        number = len(CSV_EMOTIONS)
    if number >= len(CSV_EMOTIONS):
        raise InputError(f"{where}: expected emotion to be a number from 0 to 6, got '{text}'")
    return EXPRESSIONS.index(CSV_EMOTIONS[number]) if number >= 0 else -1


def _csv_pixels(where: str, text: str | None) -> npt.NDArray[np.uint8]:
    """Return the picture of a row, (48, 48)."""
    try:
        pixels = np.array((text or "").split(), dtype=np.uint8)
    except (ValueError, OverflowError):
        raise InputError(f"{where}: expected pixels to be numbers from 0 to 255") from None
    if pixels.size != FACE_SIZE * FACE_SIZE:
        raise InputError(f"{where}: expected {FACE_SIZE * FACE_SIZE} pixels, got {pixels.size}")
    return pixels.reshape(FACE_SIZE, FACE_SIZE)


def read_folders(path: Path, split: str) -> FaceSet:
    """Read class folders, or split folders that hold class folders.

    Pictures are made grey and 48 by 48, as the seed's generator did.
    """
    images: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    for folder in _split_folders(path, split):
        for name, class_folder in _class_folders(folder):
            for picture in sorted(class_folder.iterdir()):
                if picture.suffix.lower() in PICTURE_SUFFIXES:
                    images.append(_read_picture(picture))
                    labels.append(EXPRESSIONS.index(name))
    return _stack(images, labels)


def _split_folders(path: Path, split: str) -> list[Path]:
    """Return the folders of the split: `path` itself if it names no splits."""
    found = [
        (name, folder)
        for folder in _folders(path)
        for name, spellings in SPLIT_SPELLINGS.items()
        if folder.name.lower() in spellings
    ]
    if not found:
        return [path]
    wanted = [folder for name, folder in found if split in (ALL_SPLITS, name)]
    if not wanted:
        raise InputError(
            f"{path}: expected a folder for the {split} split "
            f"({', '.join(SPLIT_SPELLINGS[split])}), "
            f"it has: {', '.join(folder.name for _, folder in found)}"
        )
    return wanted


def _class_folders(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the expression each folder stands for, and the folder."""
    known = {spelling: name for name, all_of in CLASS_SPELLINGS.items() for spelling in all_of}
    folders = _folders(path)
    if not folders:
        raise InputError(f"{path}: expected class folders ({', '.join(EXPRESSIONS)}), found none")
    for folder in folders:
        if folder.name.lower() not in known:
            raise InputError(
                f"{folder}: expected a class folder with one of the names "
                f"{', '.join(sorted(known))}; got '{folder.name}'"
            )
        yield known[folder.name.lower()], folder


def _folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def _read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Return a picture file as grey (48, 48)."""
    import cv2  # here, so that csv and npz are read without it

    encoded = np.fromfile(path, dtype=np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE) if encoded.size else None
    if picture is None:
        raise InputError(f"{path}: expected a PNG or JPEG picture, got something unreadable")
    if picture.shape != (FACE_SIZE, FACE_SIZE):
        picture = cv2.resize(picture, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(picture, dtype=np.uint8)


def _stack(images: list[npt.NDArray[np.uint8]], labels: list[int]) -> FaceSet:
    stacked = np.array(images, dtype=np.uint8).reshape(-1, FACE_SIZE, FACE_SIZE)
    return labelled_faces(stacked, np.array(labels, dtype=np.int8))
