"""Identities over time: one face one track, whatever it does short of leaving."""

from hypothesis import given
from hypothesis import strategies as st

from storage.records import FaceRow
from tests.storage.made_jobs import FRAME_US, face_row
from worker.tracking import PATIENCE_US, Tracker, overlap

SIZE = 40
boxes = st.tuples(
    st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 60), st.integers(0, 60)
).map(lambda xywh: face_row(0, xywh=xywh))


def faces_at(*lefts: int) -> tuple[FaceRow, ...]:
    """Faces of one size at these left edges, all at the same height."""
    return tuple(face_row(0, face, xywh=(left, 0, SIZE, SIZE)) for face, left in enumerate(lefts))


def number_all(
    frames: list[tuple[FaceRow, ...]], *, step_us: int = FRAME_US
) -> tuple[Tracker, list[list[int]]]:
    tracker = Tracker()
    numbers = [tracker.number(index, index * step_us, faces) for index, faces in enumerate(frames)]
    return tracker, numbers


@given(boxes, boxes)
def test_overlap_is_symmetric_and_between_zero_and_one(one: FaceRow, other: FaceRow) -> None:
    assert overlap(one, other) == overlap(other, one)
    assert 0 <= overlap(one, other) <= 1


@given(boxes)
def test_a_box_overlaps_itself_wholly_unless_it_is_empty(box: FaceRow) -> None:
    assert overlap(box, box) == (1 if box.width and box.height else 0)


def test_a_slow_face_is_one_track() -> None:
    tracker, numbers = number_all([faces_at(5 * index) for index in range(20)])

    assert numbers == [[0]] * 20
    assert [(t.first_frame, t.last_frame, t.face_count) for t in tracker.tracks()] == [(0, 19, 20)]


def test_tracks_are_numbered_by_their_first_face() -> None:
    _, numbers = number_all([faces_at(0), faces_at(0, 200), faces_at(0, 100, 200)])

    assert numbers == [[0], [0, 1], [0, 2, 1]]


def test_people_who_cross_keep_their_tracks() -> None:
    """They pass at different heights, so that each overlaps the own last box better."""
    frames = []
    for index in range(21):
        right_goer = face_row(0, xywh=(6 * index, 0, SIZE, SIZE))
        left_goer = face_row(0, xywh=(120 - 6 * index, 15, SIZE, SIZE))
        frames.append((right_goer, left_goer) if index <= 10 else (left_goer, right_goer))

    _, numbers = number_all(frames)

    assert numbers[:11] == [[0, 1]] * 11
    assert numbers[11:] == [[1, 0]] * 10


def test_the_best_pair_is_matched_first() -> None:
    tracker = Tracker()
    tracker.number(0, 0, faces_at(0, 20))

    assert tracker.number(1, FRAME_US, faces_at(19)) == [1]


def test_a_face_is_found_again_within_patience() -> None:
    _, numbers = number_all([faces_at(0), (), faces_at(0)], step_us=PATIENCE_US // 2)

    assert numbers[-1] == [0]


def test_a_face_missed_for_longer_is_a_new_track() -> None:
    tracker, numbers = number_all([faces_at(0), (), faces_at(0)], step_us=PATIENCE_US // 2 + 1)

    assert numbers[-1] == [1]
    assert [track.face_count for track in tracker.tracks()] == [1, 1]


def test_patience_counts_time_and_not_frames() -> None:
    _, numbers = number_all([faces_at(0), *[()] * 400, faces_at(0)], step_us=1000)

    assert numbers[-1] == [0]


def test_sparse_sampling_does_not_break_a_track() -> None:
    _, numbers = number_all([faces_at(0)] * 4, step_us=10 * PATIENCE_US)

    assert numbers == [[0]] * 4


def test_sparse_sampling_does_not_bridge_a_frame_without_the_face() -> None:
    _, numbers = number_all([faces_at(0), (), faces_at(0)], step_us=10 * PATIENCE_US)

    assert numbers == [[0], [], [1]]


def test_a_jump_to_another_place_is_a_new_track() -> None:
    _, numbers = number_all([faces_at(0), faces_at(100)])

    assert numbers == [[0], [1]]


def test_times_of_a_track_are_those_of_its_first_and_last_face() -> None:
    tracker, _ = number_all([(), faces_at(0), faces_at(0), ()])

    track = tracker.tracks()[0]
    assert (track.first_frame, track.last_frame) == (1, 2)
    assert (track.first_time_us, track.last_time_us) == (FRAME_US, 2 * FRAME_US)


@given(st.lists(st.lists(boxes, max_size=4).map(tuple), max_size=12))
def test_no_two_faces_of_a_frame_share_a_track(frames: list[tuple[FaceRow, ...]]) -> None:
    tracker, numbers = number_all(frames)

    assert all(len(set(found)) == len(found) for found in numbers)
    counted = sum(track.face_count for track in tracker.tracks())
    assert counted == sum(map(len, frames))


def test_two_jobs_do_not_disturb_each_other() -> None:
    number_all([faces_at(0, 100)])

    _, numbers = number_all([faces_at(0)])

    assert numbers == [[0]]
