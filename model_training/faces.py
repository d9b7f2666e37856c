"""Labelled faces as a value, and what can be asked of them: copies, groups, a validation part."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storage.labels import EXPRESSIONS

FACE_SIZE = 48
"""Width and height of a FER-2013 face in pixels."""


@dataclass(frozen=True)
class FaceSet:
    """Labelled grey faces, one row each."""

    images: npt.NDArray[np.uint8]
    """(n, 48, 48), 0 black to 255 white."""
    labels: npt.NDArray[np.int8]
    """(n,), index into EXPRESSIONS."""
    duplicate_group: npt.NDArray[np.int64]
    """(n,), the same number for images with the same pixels."""
    votes: npt.NDArray[np.float32] | None = None
    """(n, 8), the shares of FER+ annotators for each of their emotions; a row of zeros where none voted
    for an emotion. None where the data has no votes."""
    taught: npt.NDArray[np.float32] | None = None
    """(n, 7), the probabilities a teacher gives each face. None without a teacher."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "FaceSet":
        """Return the given rows (indices or mask) as a set of their own."""
        return FaceSet(
            self.images[rows],
            self.labels[rows],
            self.duplicate_group[rows],
            None if self.votes is None else self.votes[rows],
            None if self.taught is None else self.taught[rows],
        )

    def class_counts(self) -> dict[str, int]:
        """Return how many images each expression has."""
        counts = np.bincount(self.labels, minlength=len(EXPRESSIONS))
        return {name: int(n) for name, n in zip(EXPRESSIONS, counts, strict=True)}


def labelled_faces(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int8],
    duplicate_group: npt.NDArray[np.int64] | None = None,
    votes: npt.NDArray[np.float32] | None = None,
) -> FaceSet:
    """Build a FaceSet without the rows whose label is below zero.

    Without duplicate_group the groups are found by comparing pixels.
    """
    groups = group_duplicates(images) if duplicate_group is None else duplicate_group
    return FaceSet(images, labels, groups, votes).take(labels >= 0)


def group_duplicates(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return one number per image, the same for images with the same pixels."""
    number: dict[bytes, int] = {}
    groups = (number.setdefault(image.tobytes(), len(number)) for image in images)
    return np.fromiter(groups, dtype=np.int64, count=len(images))


def find_copies(faces: FaceSet, of: FaceSet) -> npt.NDArray[np.bool_]:
    """Return a mask (n,) of the faces whose exact pixels also stand in `of`."""
    known = {image.tobytes() for image in of.images}
    return np.array([image.tobytes() in known for image in faces.images], dtype=np.bool_)


def cut_validation(faces: FaceSet, *, fraction: float, seed: int) -> tuple[FaceSet, FaceSet]:
    """Cut a set into a training and a validation part, class by class, at random.

    Whole duplicate groups move, so no image of one part has a copy in the other. A class keeps its
    share of the images to within one group; a class with a single group stays in training.
    """
    groups, first, sizes = np.unique(faces.duplicate_group, return_index=True, return_counts=True)
    group_labels = faces.labels[first]
    rng = np.random.default_rng(seed)
    chosen: list[npt.NDArray[np.int64]] = []
    for label in range(len(EXPRESSIONS)):
        mine = rng.permutation(np.flatnonzero(group_labels == label))
        wanted = round(fraction * int(sizes[mine].sum()))
        enough = np.cumsum(sizes[mine]) <= wanted
        chosen.append(groups[mine[enough]])
    in_validation = np.isin(faces.duplicate_group, np.concatenate(chosen))
    return faces.take(~in_validation), faces.take(in_validation)
