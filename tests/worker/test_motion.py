"""Predictions: where a face goes, how uncertain that is, and that both depend on time and not on frames."""

import pytest

from worker.motion import HORIZON_S, Motion


def seen_at(xs: list[float], *, step_s: float) -> Motion:
    motion = Motion(xs[0], 50.0)
    for x in xs[1:]:
        motion.advance(step_s)
        motion.correct(x, 50.0)
    return motion


def test_a_steady_face_is_predicted_where_it_goes() -> None:
    motion = seen_at([4.0 * index for index in range(25)], step_s=0.04)

    motion.advance(0.2)

    assert motion.x == pytest.approx(24 * 4 + 0.2 * 100, abs=0.5)
    assert motion.y == pytest.approx(50)


def test_a_velocity_is_kept_no_longer_than_the_horizon() -> None:
    near, far = (seen_at([4.0 * index for index in range(25)], step_s=0.04) for _ in range(2))

    near.advance(HORIZON_S)
    far.advance(20 * HORIZON_S)

    assert far.x == near.x


def test_doubt_grows_with_time_and_shrinks_with_every_sight() -> None:
    motion = seen_at([0.0] * 10, step_s=0.04)
    sure = motion.variance
    motion.advance(0.04)
    after_a_frame = motion.variance
    motion.advance(0.4)
    after_a_loss = motion.variance

    motion.correct(0.0, 50.0)

    assert sure < after_a_frame < after_a_loss
    assert motion.variance < after_a_frame


def test_one_long_step_is_as_doubtful_as_many_short_ones() -> None:
    short, long = seen_at([0.0] * 10, step_s=0.04), seen_at([0.0] * 10, step_s=0.04)

    for _ in range(10):
        short.advance(0.03)
    long.advance(0.3)

    assert short.variance == pytest.approx(long.variance)
    assert short.speed_variance == pytest.approx(long.speed_variance)


def test_a_small_face_reaches_less_far_than_a_large_one() -> None:
    motion = seen_at([0.0] * 10, step_s=0.04)
    motion.advance(0.04)

    assert motion.reaches((20, 50), (0, 50), height=200)
    assert not motion.reaches((20, 50), (0, 50), height=40)
    assert motion.reaches((0, 50), (0, 50), height=40)
