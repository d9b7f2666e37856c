"""The drawn faces: a data set like any other, the same wherever it is drawn."""

import numpy as np
import pytest

from model_training.cartoons import draw_cartoons
from model_training.faces import FaceSet
from storage.labels import EXPRESSIONS


@pytest.fixture(scope="module")
def crowds() -> tuple[FaceSet, FaceSet]:
    return draw_cartoons(150, seed=1), draw_cartoons(150, seed=2)


def test_there_are_as_many_of_each_expression_in_mixed_order():
    faces = draw_cartoons(5)

    assert faces.class_counts() == dict.fromkeys(EXPRESSIONS, 5)
    assert faces.images.shape == (35, 48, 48)
    assert not np.array_equal(faces.labels, np.sort(faces.labels))


def test_a_seed_draws_the_same_faces_and_another_others():
    first, again, other = (draw_cartoons(2, seed=seed) for seed in (1, 1, 2))

    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_no_two_faces_are_alike():
    faces = draw_cartoons(10)

    assert len(np.unique(faces.duplicate_group)) == len(faces)


@pytest.mark.parametrize("other", [name for name in EXPRESSIONS if name != "neutral"])
def test_an_expression_differs_from_a_neutral_face_by_more_than_chance(
    other: str, crowds: tuple[FaceSet, FaceSet]
):
    first, second = crowds

    def mean_face(faces: FaceSet, name: str) -> np.ndarray:
        mine = faces.images[faces.labels == EXPRESSIONS.index(name)].astype(float)
        return (mine / mine.mean(axis=(1, 2), keepdims=True)).mean(axis=0)[8:44, 10:38]

    neutral = mean_face(first, "neutral")
    by_chance = np.abs(neutral - mean_face(second, "neutral")).max()
    assert np.abs(neutral - mean_face(first, other)).max() > 1.5 * by_chance


def test_none_are_none():
    assert draw_cartoons(0).images.shape == (0, 48, 48)
