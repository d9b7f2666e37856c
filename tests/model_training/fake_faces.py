"""Tiny fake data sets: faces are noise over a bright patch whose place tells the expression."""

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from model_training.faces import FACE_SIZE, FaceSet, labelled_faces
from model_training.readers import VOTE_EMOTIONS
from storage.labels import EXPRESSIONS

KERAS_AND_NUMPY = (
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    ":keras.src.backend.tensorflow.core"
)
"""For pytest.mark.filterwarnings: Keras 3.15 reads its variables in a way numpy 2 frowns upon."""

CSV_NUMBERS = {
    "angry": 0,
    "disgust": 1,
    "fear": 2,
    "happy": 3,
    "sad": 4,
    "surprise": 5,
    "neutral": 6,
}
"""As the contest's description has them."""


def draw_faces(labels: list[int], *, seed: int = 0) -> FaceSet:
    """Draw one face for each label: dark noise, and a bright row of patches as high up as the label says."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (len(labels), FACE_SIZE, FACE_SIZE), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[6 * label : 6 * label + 6] += 150
    return labelled_faces(images, np.array(labels, dtype=np.int8))


def shuffled(faces: FaceSet) -> FaceSet:
    """Return the same faces in another order, their duplicate groups numbered in it: they are cut elsewhere."""
    order = np.random.default_rng(9).permutation(len(faces))
    return labelled_faces(faces.images[order], faces.labels[order])


def write_npz(faces: FaceSet, path: Path) -> Path:
    """Write as the npz form, with duplicate groups."""
    path = path.with_suffix(".npz")
    np.savez(
        path,
        images=faces.images,
        labels=faces.labels,
        duplicate_group=faces.duplicate_group,
    )
    return path


def write_voted(faces: FaceSet, path: Path) -> Path:
    """Write as the npz form, with ten annotators who name every label rightly."""
    votes = np.zeros((len(faces), len(VOTE_EMOTIONS)), np.int8)
    votes[np.arange(len(faces)), faces.labels] = 10
    with np.load(write_npz(faces, path)) as arrays:
        silent = dict(arrays)
    np.savez(path, ferplus_votes=votes, vote_names=np.array(VOTE_EMOTIONS), **silent)
    return path


def write_csv(faces: FaceSet, path: Path, *, usage: str = "Training") -> Path:
    """Write as the contest's csv, all rows of one Usage."""
    path = path.with_suffix(".csv")
    with path.open("w", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["emotion", "pixels", "Usage"])
        for image, label in zip(faces.images, faces.labels, strict=True):
            pixels = " ".join(map(str, image.ravel()))
            rows.writerow([CSV_NUMBERS[EXPRESSIONS[label]], pixels, usage])
    return path


def write_folders(faces: FaceSet, path: Path) -> Path:
    """Write as class folders of PNG pictures."""
    for number, (image, label) in enumerate(zip(faces.images, faces.labels, strict=True)):
        folder = path / EXPRESSIONS[label]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number:04}.png"), image)
    return path


def write_kaggle(faces: FaceSet, path: Path) -> Path:
    """Write all faces as the train half of the Kaggle layout; the other half is one happy face."""
    write_folders(faces, path / "train")
    write_folders(draw_faces([3], seed=99), path / "validation")
    return path


WRITERS: dict[str, Callable[[FaceSet, Path], Path]] = {
    "npz": write_npz,
    "csv": write_csv,
    "folders": write_folders,
    "kaggle": write_kaggle,
}
"""One per form; each takes the faces and a path without suffix and returns what it wrote."""


def as_rows(faces: FaceSet) -> list[tuple[int, bytes]]:
    """Return the faces as sorted (label, pixels), to compare sets whatever their order."""
    rows = zip(faces.labels.tolist(), faces.images, strict=True)
    return sorted((label, image.tobytes()) for label, image in rows)
