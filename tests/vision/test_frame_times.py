"""Times of frames whose stream tells them badly."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from worker.vision.frame_times import complete_times, nominal_duration


def test_missing_time_follows_its_predecessors_duration() -> None:
    times = complete_times([0, None, 100], [30, 40, 40], nominal=40)

    assert times == ([0, 30, 100], True)


def test_missing_times_at_the_beginning_count_back_from_the_first_known_one() -> None:
    times = complete_times([None, None, 100], [None, None, None], nominal=40)

    assert times == ([20, 60, 100], True)


def test_times_out_of_order_are_sorted_and_not_estimated() -> None:
    assert complete_times([1, 3, 2, 4], [1] * 4, nominal=1) == ([1, 2, 3, 4], False)


def test_two_frames_of_one_time_are_moved_apart() -> None:
    assert complete_times([0, 40, 40, 120], [40] * 4, nominal=40) == ([0, 40, 80, 120], True)


def test_stream_whose_times_are_all_equal_is_timed_by_its_rate() -> None:
    assert complete_times([7, 7, 7], [0, 0, 0], nominal=40) == ([7, 47, 87], True)


@given(
    st.lists(st.one_of(st.none(), st.integers(-1000, 1000)), min_size=1, max_size=60),
    st.integers(1, 100),
)
def test_completed_times_always_ascend_and_keep_their_number(
    given_pts: list[int | None], nominal: int
) -> None:
    times = complete_times(given_pts, [None] * len(given_pts), nominal=nominal).pts

    assert len(times) == len(given_pts)
    assert all(earlier < later for earlier, later in pairwise(times))


def test_stream_without_a_rate_counts_as_25_frames_per_second() -> None:
    assert nominal_duration(None, Fraction(1, 1000)) == 40
    assert nominal_duration(Fraction(0), Fraction(1, 1000)) == 40
    assert nominal_duration(Fraction(30000, 1001), Fraction(1, 90000)) == 3003
