"""The changes that training pictures go through: within their ranges, and the same for the same seed."""

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from model_training.chance import Draw
from model_training.degradation import cosine_transform
from model_training.distortion import (
    distort,
    distorted_batches,
    epoch_order,
    mix_pairs,
    soft_truth,
)
from model_training.recipes import Distortion
from tests.model_training.fake_faces import draw_faces

STILL = Distortion(
    flip=0, rotation_degrees=0, scale=0, size=0, shift=0, brightness=0, contrast=0, compression=0,
    low_resolution=0, blur=0, dim=0, grain=0, erase=0, mixup=0,
)  # fmt: skip
"""Changes nothing; tests vary one range of it."""


def _distort(
    faces: npt.NDArray[np.float32], *, seed: tuple[int, int] = (1, 0), **ranges: float
) -> npt.NDArray[np.float32]:
    """Return the faces changed within the given ranges and no other."""
    chosen = Distortion(**{**vars(STILL), **ranges})
    return np.asarray(distort(tf.constant(faces), chosen, Draw(len(faces), tf.constant(seed))))


def _faces(n: int) -> npt.NDArray[np.float32]:
    """Return n different faces (n, 48, 48, 1) whose left and right, and top and bottom, differ."""
    faces = draw_faces([label % 7 for label in range(n)]).images[..., None].astype(np.float32)
    faces[:, :, :10] *= 0.5
    return faces


def _grey(n: int) -> npt.NDArray[np.float32]:
    return np.full((n, 48, 48, 1), 137, np.float32)


def test_without_any_range_nothing_changes():
    faces = _faces(8)

    assert _distort(faces) == pytest.approx(faces, abs=0.01)


def test_half_of_the_faces_are_mirrored():
    faces = _faces(60)

    changed = _distort(faces, flip=0.5)

    same = [np.allclose(a, b, atol=0.1) for a, b in zip(changed, faces, strict=True)]
    mirrored = [
        np.allclose(a, b, atol=0.1) for a, b in zip(changed, faces[:, :, ::-1], strict=True)
    ]
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert 15 < sum(mirrored) < 45


@pytest.mark.parametrize("ranges", [{"rotation_degrees": 45}, {"scale": 0.5}, {"shift": 0.4}])
def test_a_flat_face_stays_flat_wherever_it_is_moved(ranges: dict[str, float]):
    assert _distort(_grey(16), **ranges) == pytest.approx(_grey(16), abs=0.01)


def _dot(n: int, row: int, column: int) -> npt.NDArray[np.float32]:
    """Return black faces with a bright square of 3 by 3 pixels about a place."""
    faces = np.zeros((n, 48, 48, 1), np.float32)
    faces[:, row - 1 : row + 2, column - 1 : column + 2] = 200
    return faces


def _places(faces: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return (n, 2): row and column of each face's centre of brightness."""
    weights = faces[..., 0] / faces.sum(axis=(1, 2, 3))[:, None, None]
    rows, columns = np.mgrid[:48, :48]
    return np.stack([(weights * rows).sum((1, 2)), (weights * columns).sum((1, 2))], axis=1)


def test_shifts_stay_within_their_share_of_the_picture_and_use_it():
    moved = _places(_distort(_dot(200, 24, 24), shift=0.1)) - 24

    assert np.abs(moved).max() <= 4.8 + 0.3
    assert (moved.max(axis=0) > 4).all() and (moved.min(axis=0) < -4).all()


def test_faces_turn_about_their_middle_by_up_to_the_degrees():
    places = _places(_distort(_dot(200, 10, 24), rotation_degrees=15)) - 23.5

    turned = np.degrees(np.arctan2(places[:, 1], -places[:, 0])) - np.degrees(np.arctan2(0.5, 13.5))
    assert np.linalg.norm(places, axis=1) == pytest.approx(np.full(200, 13.5), abs=0.4)
    assert 13 < turned.max() <= 15.7
    assert -13 > turned.min() >= -15.7


def test_height_and_width_are_scaled_each_on_its_own():
    places = (_places(_distort(_dot(200, 34, 34), scale=0.2)) - 23.5) / 10.5

    assert places.min() >= 0.77
    assert places.max() <= 1.23
    assert abs(np.corrcoef(places[:, 0], places[:, 1])).min() < 0.3


def test_size_changes_height_and_width_together_by_a_normal_factor():
    places = (_places(_distort(_dot(400, 32, 32), size=0.1)) - 23.5) / 8.5

    assert np.corrcoef(places[:, 0], places[:, 1])[0, 1] > 0.95
    assert np.log(places).mean() == pytest.approx(0, abs=0.03)
    assert np.log(places).std() == pytest.approx(0.1, abs=0.02)


def test_brightness_is_added_and_stays_within_the_range_of_a_picture():
    brighter = _distort(_grey(200), brightness=0.2) - 137
    light = _distort(np.full((50, 48, 48, 1), 250, np.float32), brightness=0.2)

    assert 45 < brighter.max() <= 51.01
    assert -45 > brighter.min() >= -51.01
    assert light.max() <= 255


def test_contrast_changes_distances_from_the_mean_only():
    faces = _faces(50)

    changed = _distort(faces, contrast=0.2)

    inside = changed.min(axis=(1, 2, 3)) > 0  # nothing was clipped at black
    assert changed[inside].mean(axis=(1, 2, 3)) == pytest.approx(
        faces[inside].mean(axis=(1, 2, 3)), abs=0.01
    )
    ratio = changed.std(axis=(1, 2, 3)) / faces.std(axis=(1, 2, 3))
    assert 0.79 < ratio.min() < 0.9 and 1.1 < ratio.max() < 1.21


def test_a_coarse_face_has_lost_its_finest_detail_and_no_light():
    board = np.indices((48, 48)).sum(axis=0) % 2 * np.float32(200)
    faces = np.broadcast_to(board[..., None], (40, 48, 48, 1)).astype(np.float32)

    changed = _distort(faces, low_resolution=0.5)

    spread = changed.std(axis=(1, 2, 3))
    assert 10 < (spread < 50).sum() < 30
    assert set(np.round(spread[spread >= 50])) == {100}
    assert changed.mean(axis=(1, 2, 3)) == pytest.approx(np.full(40, 100), abs=0.1)


def test_coarse_faces_are_those_of_24_and_of_16_pixels():
    dots = _dot(60, 24, 24)

    peaks = _distort(dots, low_resolution=1).max(axis=(1, 2, 3))

    assert len(set(np.round(peaks))) == 2


def test_compression_removes_the_fine_waves_and_keeps_the_light():
    board = np.indices((48, 48)).sum(axis=0) % 2 * np.float32(8) + 100
    faces = np.broadcast_to(board[..., None], (40, 48, 48, 1)).astype(np.float32)

    changed = _distort(faces, compression=1)

    assert changed.std(axis=(1, 2, 3)).max() < 1 < faces.std()
    assert changed.mean(axis=(1, 2, 3)) == pytest.approx(np.full(40, 104), abs=5)


def test_compression_of_a_face_is_visible_and_small():
    faces = _faces(20)

    error = np.abs(_distort(faces, compression=1) - faces).mean(axis=(1, 2, 3))

    assert error.min() > 0.5 and error.max() < 25


def test_the_cosine_transform_is_orthonormal_and_begins_with_the_mean():
    matrix = cosine_transform()

    assert matrix @ matrix.T == pytest.approx(np.eye(8), abs=1e-6)
    assert matrix[0] == pytest.approx(np.full(8, 8**-0.5))


def test_a_blurred_face_is_softer_at_once_and_keeps_its_place():
    changed = _distort(_dot(40, 20, 30), blur=0.5)

    peaks = changed.max(axis=(1, 2, 3))
    assert {200} < set(np.round(peaks)) and len(set(np.round(peaks))) == 3
    assert _places(changed) == pytest.approx(np.full((40, 2), [20, 30]), abs=0.01)


def test_a_dim_face_keeps_a_fifth_to_seven_tenths_of_its_light():
    light = _distort(_grey(200), dim=1)[:, 0, 0, 0] / 137

    assert 0.2 <= light.min() < 0.25 and 0.65 < light.max() <= 0.7


def test_grain_is_noise_of_at_most_twelve_about_the_same_light():
    changed = _distort(_grey(100), grain=1)

    assert changed.mean() == pytest.approx(137, abs=0.5)
    assert 10 < changed.std(axis=(1, 2, 3)).max() < 12.5


def _mixed(n: int = 200, **ranges: float) -> tuple[npt.NDArray[np.float32], ...]:
    """Return black faces said to be class 0 mixed with white ones said to be class 1: light, truth, votes."""
    white = np.arange(n) >= n // 2
    faces = np.broadcast_to(255 * white[:, None, None, None], (n, 48, 48, 1)).astype(np.float32)
    truth = np.eye(7, dtype=np.float32)[white.astype(int)]
    votes = np.eye(8, dtype=np.float32)[white.astype(int)]
    chosen = Distortion(**{**vars(STILL), **ranges})
    draw = Draw(n, tf.constant((1, 0)))
    mixed = mix_pairs(*map(tf.constant, (faces, truth, votes)), ranges=chosen, draw=draw)
    return tuple(np.asarray(part) for part in mixed)


def test_mixed_faces_say_of_each_half_what_they_show_of_it():
    faces, truth, votes = _mixed(mixup=1)

    light = faces.mean(axis=(1, 2, 3)) / 255
    assert truth[:, 1] == pytest.approx(light, abs=1e-5)
    assert votes[:, 1] == pytest.approx(light, abs=1e-5)
    assert truth.sum(axis=1) == pytest.approx(np.ones(200))
    assert ((light > 0) & (light < 1)).sum() > 150


def test_a_mixed_face_keeps_at_least_half_of_itself():
    _, truth, _ = _mixed(mixup=1)

    own = np.r_[truth[:100, 0], truth[100:, 1]]
    assert own.min() >= 0.5
    assert own.min() < 0.6


def test_only_the_share_that_is_asked_for_is_mixed():
    _, truth, _ = _mixed(mixup=0.5)

    assert 70 < (truth.max(axis=1) == 1).sum() < 130


def test_a_teacher_is_believed_by_its_share_and_labels_by_the_rest():
    faces = draw_faces([2])
    said = np.full((1, 7), 1 / 7, np.float32)
    taught = type(faces)(faces.images, faces.labels, faces.duplicate_group, None, said)

    truth = soft_truth(taught, 0.7)

    assert truth[0, 2] == pytest.approx(0.3 + 0.1)
    assert truth.sum() == pytest.approx(1)
    assert soft_truth(faces, 0.7).tolist() == [[0, 0, 1, 0, 0, 0, 0]]


def test_half_of_the_faces_lose_one_rectangle_of_at_most_sixteen_pixels():
    changed = np.round(_distort(_grey(200), erase=0.5, erase_pixels=16)[..., 0]) != 137

    sizes = np.stack([changed.any(axis=2).sum(axis=1), changed.any(axis=1).sum(axis=1)], axis=1)
    assert 60 < (sizes[:, 0] > 0).sum() < 140
    assert 14 <= sizes.max() <= 16
    assert np.array_equal(changed.sum(axis=(1, 2)), sizes.prod(axis=1))


def test_the_same_seed_and_step_give_the_same_changes_and_others_do_not():
    faces, ranges = _faces(4), vars(Distortion())

    first, again, later, other = (
        _distort(faces, seed=seed, **ranges) for seed in ((1, 5), (1, 5), (1, 6), (2, 5))
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, later)
    assert not np.array_equal(first, other)


def test_every_epoch_has_full_batches_in_an_order_of_its_own():
    orders = [epoch_order(20, batch_size=6, seed=1, epoch=epoch) for epoch in (0, 0, 1)]

    assert [order.shape for order in orders] == [(3, 6)] * 3
    assert len(set(orders[0].ravel())) == 18
    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


def test_fewer_faces_than_a_batch_make_one_batch():
    assert epoch_order(5, batch_size=128, seed=1, epoch=0).shape == (1, 5)


def test_batches_keep_each_face_with_its_label_and_votes():
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 2)
    shares = np.eye(8, dtype=np.float32)[faces.labels]
    voted = type(faces)(faces.images, faces.labels, faces.duplicate_group, shares)

    batches = list(distorted_batches(voted, STILL, batch_size=4, seed=1, epoch=0))

    assert len(batches) == 3
    for images, truth, votes in batches:
        bright = np.asarray(images)[..., 0].mean(axis=2).argmax(axis=1) // 6
        assert bright.tolist() == truth.numpy().argmax(axis=1).tolist()
        assert votes.numpy().argmax(axis=1).tolist() == truth.numpy().argmax(axis=1).tolist()


def test_data_without_votes_gives_rows_of_zeros():
    [(_, _, votes)] = distorted_batches(draw_faces([0, 1]), STILL, batch_size=4, seed=1, epoch=0)

    assert votes.numpy().tolist() == [[0.0] * 8] * 2
