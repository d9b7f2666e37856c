"""Smoothing: sums exact, changes where they are and no wider than the time constant, the same for any split."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records import SCORE_UNIT, FaceRow
from storage.timelines import TimelineFace
from tests.storage.made_jobs import FRAME_US, face_row
from worker.smoothing import SMOOTHING_US, Smoother, shares

HAPPY = (0, 0, 0, 10_000, 0, 0, 0)
SAD = (0, 0, 0, 0, 0, 10_000, 0)
Seen = tuple[int, tuple[int, ...], int | None]  # time in microseconds, probabilities, quality

score = st.integers(0, 10_000)
courses = st.lists(
    st.tuples(st.integers(1, 400_000), st.tuples(*[score] * 7), st.none() | score),
    min_size=1,
    max_size=40,
)


def face(frame: int, probabilities: Sequence[int], quality: int | None = None) -> TimelineFace:
    row = face_row(frame, quality=quality)
    return TimelineFace(FaceRow(*row[:8], *probabilities), track=None)


def smooth(seen: Sequence[Seen]) -> list[tuple[int, ...]]:
    """Smooth one track that is over."""
    smoother = Smoother()
    for frame, (time_us, probabilities, quality) in enumerate(seen):
        smoother.add(0, time_us, face(frame, probabilities, quality))
    return [found.smoothed for found in smoother.settle(through_us=0, open_tracks=set())]


def steady(*parts: tuple[int, tuple[int, ...]]) -> list[Seen]:
    """So many frames, 40 ms apart, of each expression in turn."""
    course = [probabilities for count, probabilities in parts for _ in range(count)]
    return [(index * FRAME_US, probabilities, None) for index, probabilities in enumerate(course)]


@given(courses)
def test_smoothed_probabilities_add_up_to_one_exactly(course) -> None:
    times = [sum(step for step, *_ in course[: n + 1]) for n in range(len(course))]

    found = smooth([(at, *rest) for at, (_, *rest) in zip(times, course, strict=True)])

    assert {sum(probabilities) for probabilities in found} == {SCORE_UNIT}
    assert all(value >= 0 for probabilities in found for value in probabilities)


def test_what_does_not_change_stays_as_it_is() -> None:
    mixed = (1_000, 500, 0, 4_000, 3_000, 1_499, 1)

    assert set(smooth(steady((30, mixed)))) == {mixed}


def test_a_change_is_spread_no_farther_than_the_time_constant_and_is_half_where_it_is() -> None:
    found = smooth(steady((25, HAPPY), (25, SAD)))

    change_us = 25 * FRAME_US
    for frame, probabilities in enumerate(found):
        if frame * FRAME_US <= change_us - SMOOTHING_US:
            assert probabilities == HAPPY
        if frame * FRAME_US >= change_us + SMOOTHING_US:
            assert probabilities == SAD
    sadness = [probabilities[5] for probabilities in found]
    assert sadness == sorted(sadness)
    assert sadness[24] < SCORE_UNIT / 2 < sadness[25]
    assert sadness[24] + sadness[25] == SCORE_UNIT


def test_noise_is_smaller_than_before() -> None:
    seen = steady(*[(1, HAPPY if n % 2 else SAD) for n in range(50)])

    happiness = [probabilities[3] for probabilities in smooth(seen)][5:-5]

    assert all(4_500 < value < 5_500 for value in happiness)


def test_a_face_far_from_others_in_time_keeps_its_own_probabilities() -> None:
    seen = [(index * SMOOTHING_US, HAPPY if index % 2 else SAD, None) for index in range(6)]

    assert smooth(seen) == [probabilities for _, probabilities, _ in seen]


def test_nothing_leaks_over_a_gap_longer_than_the_time_constant() -> None:
    seen = steady((10, HAPPY), (20, SAD))
    kept = [one for index, one in enumerate(seen) if not 9 <= index <= 15]

    assert smooth(kept) == [probabilities for _, probabilities, _ in kept]


def test_time_counts_and_not_frames() -> None:
    """The same change at twice the frame rate is spread over as much time."""
    slow = smooth(steady((25, HAPPY), (25, SAD)))
    fast = smooth([(at // 2, p, quality) for at, p, quality in steady((50, HAPPY), (50, SAD))])

    assert sum(probabilities not in (HAPPY, SAD) for probabilities in slow) == 12
    assert sum(probabilities not in (HAPPY, SAD) for probabilities in fast) == 24


def test_a_poor_face_says_little() -> None:
    def happiness(quality: int) -> int:
        seen = [
            (at, p, quality if p == SAD else 9_000)
            for at, p, _ in steady((5, HAPPY), (1, SAD), (5, HAPPY))
        ]
        return smooth(seen)[5][3]

    assert happiness(quality=100) > 9_500 > 9_000 > happiness(quality=9_000)


def test_probabilities_that_are_all_zero_are_shared_evenly() -> None:
    (found,) = smooth([(0, (0,) * 7, None)])

    assert sum(found) == SCORE_UNIT
    assert max(found) - min(found) == 1


def test_tracks_do_not_mix() -> None:
    smoother = Smoother()
    for frame in range(10):
        smoother.add(0, frame * FRAME_US, face(frame, HAPPY))
        smoother.add(1, frame * FRAME_US, face(frame, SAD))

    found = smoother.settle(through_us=9 * FRAME_US, open_tracks=set())

    assert {(identity.track, identity.smoothed) for identity in found} == {(0, HAPPY), (1, SAD)}


def test_a_face_is_given_back_once_nothing_to_come_can_change_it() -> None:
    smoother = Smoother()
    for frame, (at, probabilities, _) in enumerate(steady((10, HAPPY))):
        smoother.add(0, at, face(frame, probabilities))

    first = smoother.settle(through_us=9 * FRAME_US, open_tracks={0})
    again = smoother.settle(through_us=9 * FRAME_US, open_tracks={0})
    rest = smoother.settle(through_us=9 * FRAME_US, open_tracks=set())

    assert [identity.frame for identity in first] == [0, 1, 2]
    assert again == []
    assert [identity.frame for identity in rest] == [3, 4, 5, 6, 7, 8, 9]


@given(courses, st.sets(st.integers(0, 39)))
def test_stopping_in_between_changes_nothing(course, stops: set[int]) -> None:
    times = [sum(step for step, *_ in course[: n + 1]) for n in range(len(course))]
    smoother, found = Smoother(), []

    for frame, (at, (_, probabilities, quality)) in enumerate(zip(times, course, strict=True)):
        smoother.add(0, at, face(frame, probabilities, quality))
        if frame in stops:
            found += smoother.settle(through_us=at, open_tracks={0})
    found += smoother.settle(through_us=times[-1], open_tracks=set())

    whole = smooth([(at, *rest) for at, (_, *rest) in zip(times, course, strict=True)])
    assert [identity.frame for identity in found] == list(range(len(course)))
    assert [identity.smoothed for identity in found] == whole


def test_a_long_video_is_not_remembered() -> None:
    smoother = Smoother()
    for frame in range(3_000):
        smoother.add(0, frame * FRAME_US, face(frame, HAPPY))
        if frame % 100 == 99:
            smoother.settle(through_us=frame * FRAME_US, open_tracks={0})

    (course,) = smoother._courses.values()
    assert len(course.times_us) <= 2 * SMOOTHING_US // FRAME_US + 1


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([1, 1, 1], (3_334, 3_333, 3_333)),
        ([2, 1], (6_667, 3_333)),
        ([1, 2], (3_333, 6_667)),
        ([0, 5], (0, 10_000)),
        ([1, 1, 1, 1, 1, 1, 1], (1_429, 1_429, 1_429, 1_429, 1_428, 1_428, 1_428)),
    ],
)
def test_what_rounding_leaves_goes_to_the_largest_remainders(amounts, expected) -> None:
    assert shares(amounts) == expected
