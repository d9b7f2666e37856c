"""Each disturbance does what its name says, by the amount it is given."""

from collections.abc import Callable

import numpy as np
import pytest

from model_training import disturbances
from model_training.cartoons import draw_cartoons
from model_training.trials import TRIALS

ALL = {name: (trial.disturb, trial.levels) for name, trial in TRIALS.items()}


def dot(x: int, y: int) -> np.ndarray:
    """One picture (1, 48, 48): dark, but for a bright square of 4 pixels about a place."""
    picture = np.full((1, 48, 48), 20, np.uint8)
    picture[0, y - 2 : y + 2, x - 2 : x + 2] = 220
    return picture


def place_of(picture: np.ndarray) -> tuple[float, float]:
    """The middle (x, y) of what is bright."""
    y, x = np.nonzero(picture[0] > 120)
    return float(x.mean()), float(y.mean())


def sharpness(pictures: np.ndarray) -> float:
    return float(np.abs(np.diff(pictures.astype(float), axis=2)).mean())


def test_a_box_to_the_right_moves_the_face_to_the_left():
    x, y = place_of(disturbances.shift_right(dot(24, 24), 0.25))

    assert (x, y) == pytest.approx((23.5 - 12, 23.5), abs=0.3)


def test_a_box_further_down_moves_the_face_up():
    x, y = place_of(disturbances.shift_down(dot(24, 24), 0.25))

    assert (x, y) == pytest.approx((23.5, 23.5 - 12), abs=0.3)


def test_a_larger_box_draws_the_face_together():
    x, _ = place_of(disturbances.enlarge(dot(36, 24), 0.2))

    assert x == pytest.approx(23.5 + 12 / 1.2, abs=0.3)


def test_a_turn_goes_counter_clockwise():
    x, y = place_of(disturbances.turn(dot(36, 24), 90))

    assert (x, y) == pytest.approx((23.5, 23.5 - 12), abs=0.3)


def test_beyond_the_picture_the_edge_is_repeated():
    picture = np.full((1, 48, 48), 50, np.uint8)
    picture[0, :, -1] = 200

    moved = disturbances.shift_right(picture, 0.25)

    assert (moved[0, :, -12:] == 200).all()
    assert (moved[0, :, :35] == 50).all()


@pytest.mark.parametrize(
    ("disturb", "harmless", "level"),
    [
        (disturbances.blur, 0, 2),
        (disturbances.shrink, 48, 12),
    ],
    ids=["blur", "small faces"],
)
def test_detail_is_lost(
    disturb: Callable[[np.ndarray, float], np.ndarray], harmless: float, level: float
):
    faces = draw_cartoons(2).images

    assert np.array_equal(disturb(faces, harmless), faces)
    assert sharpness(disturb(faces, level)) < 0.6 * sharpness(faces)


def test_a_lower_quality_is_further_from_the_picture():
    faces = draw_cartoons(2).images.astype(int)

    errors = [
        np.abs(disturbances.compress(faces.astype(np.uint8), quality) - faces).mean()
        for quality in (95, 50, 5)
    ]

    assert errors == sorted(errors)
    assert errors[0] < 4 < errors[2]


def test_in_the_dark_little_but_noise_is_left():
    faces = np.full((3, 48, 48), 200, np.uint8)

    dark = disturbances.darken(faces, 0.1)

    assert dark.mean() == pytest.approx(20, abs=0.3)
    assert dark.std() == pytest.approx(disturbances.READ_NOISE, abs=0.3)


@pytest.mark.parametrize("name", ALL)
def test_every_level_repeats_and_leaves_the_faces_alone(name: str):
    disturb, levels = ALL[name]
    faces = draw_cartoons(1).images
    before = faces.copy()

    for level in levels:
        first, again = disturb(faces, level), disturb(faces, level)

        assert first.shape == faces.shape
        assert first.dtype == np.uint8
        assert np.array_equal(first, again)
    assert np.array_equal(faces, before)


@pytest.mark.parametrize("name", ALL)
def test_no_faces_are_no_faces(name: str):
    disturb, levels = ALL[name]

    assert disturb(np.zeros((0, 48, 48), np.uint8), levels[-1]).shape == (0, 48, 48)
