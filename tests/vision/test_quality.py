"""The quality of faces: what makes it fall, and what must not."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from storage.labels import POOR_BELOW
from storage.records import SCORE_UNIT
from tests.vision.made_media import astronaut
from worker.vision.boxes import Floats
from worker.vision.quality import qualities

POOR = POOR_BELOW / SCORE_UNIT


def face(*, blur: float = 0) -> Floats:
    """A real face of 160 pixels, scaled to the classifier's input and then blurred."""
    gray = cv2.cvtColor(astronaut()[40:200, 140:300], cv2.COLOR_RGB2GRAY)
    crop = cv2.resize(gray, (48, 48), interpolation=cv2.INTER_AREA).astype(np.float32)
    return (cv2.GaussianBlur(crop, (0, 0), blur) if blur else crop)[:, :, None]


def quality(crop: Floats, *, side: float = 160, score: float = 1) -> float:
    (rated,) = qualities(crop[None], np.array([side], np.float32), np.array([score], np.float32))
    return float(rated)


def test_large_sharp_face_that_is_surely_one_has_full_quality() -> None:
    assert quality(face()) == 1


def test_quality_falls_with_size_and_is_poor_below_the_classifiers_needs() -> None:
    rated = [quality(face(), side=side) for side in (32, 24, 16, 12, 8, 3)]

    assert rated == pytest.approx([1, 0.79, 0.5, 0.29, 0, 0], abs=0.01)


def test_quality_falls_with_blur() -> None:
    rated = [quality(face(blur=sigma)) for sigma in (0, 1, 1.5, 2, 3, 5)]

    assert rated == sorted(rated, reverse=True)
    assert rated[1] > 0.9 and rated[3] < 0.6 and rated[4] < POOR and rated[5] < 0.15


def test_doubtful_face_has_less_quality() -> None:
    assert quality(face(), score=0.7) == pytest.approx(0.7)


def test_brightness_and_contrast_do_not_matter() -> None:
    dim = face(blur=1.8) * 0.3 + 20

    assert quality(dim) == pytest.approx(quality(face(blur=1.8)), abs=0.001)


def test_noise_on_a_flat_picture_is_not_sharpness() -> None:
    noise = np.random.default_rng(1).normal(120, 0.02, (48, 48, 1)).astype(np.float32)

    assert quality(noise) < POOR


def test_no_face_has_no_quality() -> None:
    none = qualities(np.zeros((0, 48, 48, 1), np.float32), *np.zeros((2, 0), np.float32))

    assert none.shape == (0,)


@given(
    arrays.arrays(np.float32, (48, 48, 1), elements=st.floats(0, 255, width=32)),
    st.floats(0, 1e5, width=32),
    st.floats(0, 1, width=32),
)
def test_quality_is_between_nothing_and_one(crop: Floats, side: float, score: float) -> None:
    assert 0 <= quality(crop, side=side, score=score) <= 1
