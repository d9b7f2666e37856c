"""Which frames are looked at, and where segments are cut."""

from fractions import Fraction
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from worker.vision.sampling import looked_at
from worker.vision.segmentation import KeyPacket, cut

time_bases = st.sampled_from([Fraction(1, 1000), Fraction(1, 90000), Fraction(1001, 30000)])
frame_ticks = st.lists(st.integers(1, 5000), max_size=200).map(
    lambda gaps: list(accumulate(gaps, initial=0))
)
rates = st.floats(0.01, 1000, allow_nan=False)


@given(frame_ticks, time_bases, rates)
def test_sampling_never_exceeds_its_rate_and_keeps_order(
    ticks: list[int], time_base: Fraction, fps: float
) -> None:
    chosen = looked_at(ticks, time_base, fps)

    slots = [ticks[i] * time_base * Fraction(str(fps)) // 1 for i in chosen]
    assert all(earlier < later for earlier, later in pairwise(slots))
    assert all(earlier < later for earlier, later in pairwise(chosen))


@given(frame_ticks, time_bases, rates)
def test_sampling_begins_with_the_first_frame_and_skips_no_slot(
    ticks: list[int], time_base: Fraction, fps: float
) -> None:
    chosen = looked_at(ticks, time_base, fps)

    def slot(tick: int) -> int:
        return int(tick * time_base * Fraction(str(fps)) // 1)

    assert chosen[0] == 0
    assert {slot(ticks[i]) for i in chosen} == {slot(tick) for tick in ticks}


def test_without_a_rate_every_frame_is_looked_at() -> None:
    assert looked_at([0, 3, 4], Fraction(1, 25), None) == [0, 1, 2]


def test_no_frames_give_no_frames() -> None:
    assert looked_at([], Fraction(1, 25), 5.0) == []


def test_seven_tenths_of_a_frame_per_second_are_not_their_float() -> None:
    """0.7 as a binary fraction is a little less: the frame at 10 s would fall into the slot of the one at 9 s."""
    assert looked_at([0, 9, 10], Fraction(1), 0.7) == [0, 1, 2]


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=150),
    st.floats(0.5, 60),
    st.lists(st.integers(0, 149), max_size=20),
    st.integers(1, 2000),
    st.integers(1, 9),
)
def test_segments_cover_every_frame_once_and_begin_where_one_looks(
    gaps: list[int], fps: float, key_frames: list[int], target: int, window: int
) -> None:
    pts = list(accumulate(gaps))
    look = looked_at([p - pts[0] for p in pts], Fraction(1, 1000), fps)
    keys = [KeyPacket(pts[k], pts[k] - 30) for k in key_frames if k < len(pts)]

    segments = cut(pts, look, keys=keys, target_ticks=target, window=window)

    assert [p for s in segments for p in s.pts] == pts
    assert [f for s in segments for f in s.look] == look
    assert segments[0].entries == ()
    for earlier, later in pairwise(segments):
        assert later.first_frame == earlier.first_frame + len(earlier.pts)
        assert later.look[0] == later.first_frame
        assert look.index(later.first_frame) % window == 0
        assert earlier.closing_pts == (None if window == 1 else later.pts[0])
        assert later.pts[0] - earlier.pts[0] >= target
        assert later.opening_pts == pts[earlier.look[-1]]
        assert later.entries[0] == max(k.dts for k in keys if k.pts <= later.opening_pts)
    assert (segments[0].opening_pts, segments[-1].closing_pts) == (None, None)


def test_segments_list_the_key_packets_before_theirs_for_stepping_back() -> None:
    keys = [KeyPacket(pts, pts - 2) for pts in (0, 10, 20, 30)]

    segments = cut(range(40), range(40), keys=keys, target_ticks=10, window=1)

    assert [s.entries for s in segments] == [(), (8, -2), (18, 8, -2), (28, 18, 8)]


def test_key_packet_shown_after_the_segments_first_frame_is_no_entry() -> None:
    """It is decoded before that frame is shown, but decoding from it never gives the frame."""
    keys = [KeyPacket(0, -5), KeyPacket(10, 5), KeyPacket(12, 7)]

    segments = cut(range(20), range(20), keys=keys, target_ticks=10, window=1)

    assert [s.entries for s in segments] == [(), (5, -5)]


def test_picture_group_longer_than_the_target_is_not_cut_inside() -> None:
    segments = cut(
        range(100), range(100), keys=[KeyPacket(0, 0), KeyPacket(70, 70)], target_ticks=9, window=1
    )

    assert [len(s.pts) for s in segments] == [71, 29]
