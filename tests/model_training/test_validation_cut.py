"""The validation part that is cut off the training data: fair, repeatable, and without copies across the cut."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model_training.faces import FaceSet, cut_validation, find_copies
from tests.model_training.fake_faces import draw_faces

grouped_labels = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 20)), min_size=1, max_size=80)


def _faces(rows: list[tuple[int, int]]) -> FaceSet:
    """Return blank faces with the given (label, duplicate group)."""
    labels, groups = np.array(rows).T
    images = np.zeros((len(rows), 48, 48), np.uint8)
    return FaceSet(images, labels.astype(np.int8), groups.astype(np.int64))


@given(rows=grouped_labels, seed=st.integers(0, 5))
def test_no_duplicate_group_straddles_the_cut(rows: list[tuple[int, int]], seed: int):
    training, validation = cut_validation(_faces(rows), fraction=0.3, seed=seed)

    assert not set(training.duplicate_group) & set(validation.duplicate_group)
    assert len(training) + len(validation) == len(rows)


def test_every_class_keeps_its_share():
    faces = draw_faces([0] * 10 + [3] * 200 + [6] * 50)

    _, validation = cut_validation(faces, fraction=0.1, seed=1)

    counts = validation.class_counts()
    assert (counts["angry"], counts["happy"], counts["surprise"]) == (1, 20, 5)


def test_the_same_seed_cuts_the_same_and_another_seed_does_not():
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 20)

    first, again, other = (
        cut_validation(faces, fraction=0.1, seed=seed)[1].duplicate_group.tolist()
        for seed in (1, 1, 2)
    )

    assert first == again != other


def test_copies_are_found_by_their_pixels():
    training, test = draw_faces([0, 1, 2], seed=1), draw_faces([3, 4], seed=2)
    test.images[1] = training.images[2]

    assert find_copies(test, training).tolist() == [False, True]
