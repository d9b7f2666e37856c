"""Identities over time: one face one track, whatever it does short of leaving; two faces never one."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.timelines import TimelineFace, TimelineFrame
from tests.storage.made_jobs import FRAME_US, face_row
from worker.tracking import PATIENCE_US, Box, Tracker, overlap

SIZE = 40
Place = tuple[int, int]
boxes = st.tuples(
    st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 60), st.integers(0, 60)
)


def face(
    x: int, y: int = 0, *, size: int = SIZE, score: int = 9_900, quality: int | None = None
) -> TimelineFace:
    row = face_row(0, xywh=(x, y, size, size), quality=quality)
    return TimelineFace(row._replace(detection_score=score), track=None)


def frame(index: int, *faces: TimelineFace, step_us: int = FRAME_US, cut: bool = False):
    return TimelineFrame(index, index * step_us, faces, cut)


def number_all(
    frames: Iterable[tuple[TimelineFace, ...]], *, step_us: int = FRAME_US
) -> list[list[int]]:
    tracker = Tracker()
    return [
        tracker.number(frame(index, *faces, step_us=step_us)) for index, faces in enumerate(frames)
    ]


def faces_at(*lefts: int) -> tuple[TimelineFace, ...]:
    """Faces of one size at these left edges, all at the same height."""
    return tuple(face(left) for left in lefts)


@given(boxes, boxes)
def test_overlap_is_symmetric_and_between_zero_and_one(one, other) -> None:
    assert overlap(Box(*one), Box(*other)) == overlap(Box(*other), Box(*one))
    assert 0 <= overlap(Box(*one), Box(*other)) <= 1


@given(boxes)
def test_a_box_overlaps_itself_wholly_unless_it_is_empty(box) -> None:
    known = Box(*box)

    assert overlap(known, known) == (1 if known.width and known.height else 0)


def test_a_slow_face_is_one_track() -> None:
    assert number_all(faces_at(5 * index) for index in range(20)) == [[0]] * 20


def test_tracks_are_numbered_by_their_first_face() -> None:
    numbers = number_all([faces_at(0), faces_at(0, 200), faces_at(0, 100, 200)])

    assert numbers == [[0], [0, 1], [0, 2, 1]]


def test_the_faces_are_given_to_the_tracks_so_that_all_fit_best() -> None:
    """The face in the middle fits the left track best, but then the left face would fit none."""
    tracker = Tracker()
    tracker.number(frame(0, *faces_at(0, 30)))

    assert tracker.number(frame(1, *faces_at(-10, 14))) == [0, 1]


def test_a_face_is_found_again_within_patience() -> None:
    assert number_all([faces_at(0), (), faces_at(0)], step_us=PATIENCE_US // 2)[-1] == [0]


def test_a_face_missed_for_longer_is_a_new_track() -> None:
    assert number_all([faces_at(0), (), faces_at(0)], step_us=PATIENCE_US // 2 + 1)[-1] == [1]


def test_patience_counts_time_and_not_frames() -> None:
    assert number_all([faces_at(0), *[()] * 400, faces_at(0)], step_us=1000)[-1] == [0]


def test_a_track_that_can_get_no_face_any_more_is_forgotten() -> None:
    tracker = Tracker()
    tracker.number(frame(0, face(0)))
    assert tracker.open_tracks == {0}

    for index in range(1, 15):
        tracker.number(frame(index, face(300)))

    assert tracker.open_tracks == {1}


def test_sparse_sampling_does_not_break_a_track() -> None:
    assert number_all([faces_at(0)] * 4, step_us=10 * PATIENCE_US) == [[0]] * 4


def test_sparse_sampling_does_not_bridge_a_frame_without_the_face() -> None:
    numbers = number_all([faces_at(0), (), faces_at(0)], step_us=10 * PATIENCE_US)

    assert numbers == [[0], [], [1]]


def test_who_appears_beside_a_lost_face_between_sparse_frames_is_somebody_else() -> None:
    assert number_all([*[faces_at(0)] * 4, faces_at(SIZE)], step_us=400_000)[-1] == [1]


def test_a_head_that_moved_most_of_its_width_between_sparse_frames_is_the_same() -> None:
    numbers = number_all([faces_at(0), faces_at(24), faces_at(0), faces_at(26)], step_us=250_000)

    assert numbers == [[0]] * 4


def test_a_jump_within_one_frame_is_another_face() -> None:
    assert number_all([*[faces_at(0)] * 5, faces_at(24)])[-1] == [1]


def test_a_jump_to_another_place_is_a_new_track() -> None:
    assert number_all([faces_at(0), faces_at(100)]) == [[0], [1]]


def test_a_cut_ends_every_track_though_the_faces_stay_in_place() -> None:
    tracker = Tracker()
    before = tracker.number(frame(0, *faces_at(0, 100)))

    after = tracker.number(frame(1, *faces_at(0, 100), cut=True))

    assert (before, after) == ([0, 1], [2, 3])
    assert tracker.open_tracks == {2, 3}


def test_a_cut_without_a_face_ends_tracks_too() -> None:
    tracker = Tracker()
    tracker.number(frame(0, face(0)))
    tracker.number(frame(1, cut=True))

    assert tracker.number(frame(2, face(0))) == [1]


def test_a_face_lost_on_its_way_is_found_where_it_should_be() -> None:
    """Eight frames at 300 pixels per second, then hidden for a third of a second: no box is where the last one was."""
    seen = [faces_at(12 * index) for index in range(8)]
    hidden = [()] * 8
    again = faces_at(12 * 16)

    assert number_all([*seen, *hidden, again])[-1] == [0]


def test_a_head_that_stops_while_it_is_lost_is_found_where_it_was() -> None:
    seen = [faces_at(12 * index) for index in range(8)]

    assert number_all([*seen, *[()] * 8, faces_at(12 * 8)])[-1] == [0]


@pytest.mark.parametrize("doubt", [{"score": 7_200}, {"quality": 500}], ids=["score", "quality"])
def test_a_doubtful_face_has_second_pick(doubt: dict) -> None:
    """A ghost beside a face fits the track better than the face itself."""
    tracker = Tracker()
    tracker.number(frame(0, face(0)))

    assert tracker.number(frame(1, face(1, **doubt), face(6))) == [1, 0]


def test_a_doubtful_face_alone_keeps_its_track() -> None:
    assert number_all([(face(0),), (face(2, score=7_000),), (face(4),)]) == [[0]] * 3


def crossing(far_apart: int) -> list[tuple[tuple[TimelineFace, ...], list[str]]]:
    """Two people who walk past each other, one so many pixels lower: faces in reading order and whose they are."""
    frames = []
    for index in range(41):
        going = [(6 * index, 0, "right"), (240 - 6 * index, far_apart, "left")]
        going.sort()
        frames.append((tuple(face(x, y) for x, y, _ in going), [who for *_, who in going]))
    return frames


def identities(frames: list[tuple[tuple[TimelineFace, ...], list[str]]]) -> dict[int, set[str]]:
    """By track whose faces it has."""
    found: dict[int, set[str]] = {}
    numbers = number_all(faces for faces, _ in frames)
    for tracks, (_, names) in zip(numbers, frames, strict=True):
        for track, name in zip(tracks, names, strict=True):
            found.setdefault(track, set()).add(name)
    return found


@pytest.mark.parametrize("far_apart", [14, 20, 30])
def test_people_who_cross_keep_their_tracks(far_apart: int) -> None:
    """At 14 pixels lower their boxes overlap by less than half."""
    assert identities(crossing(far_apart)) == {0: {"right"}, 1: {"left"}}


def test_a_person_hidden_by_another_on_the_way_keeps_the_track() -> None:
    """The detector does not see the one behind while they overlap."""
    frames = []
    for faces, names in crossing(14):
        hides = (
            overlap(Box.of(faces[0].row), Box.of(faces[1].row)) > 0.1 if len(faces) > 1 else False
        )
        kept = [n for n, name in enumerate(names) if not (hides and name == "left")]
        frames.append((tuple(faces[n] for n in kept), [names[n] for n in kept]))
    assert min(len(faces) for faces, _ in frames) == 1

    assert identities(frames) == {0: {"right"}, 1: {"left"}}


def nodding(index: int) -> int:
    return (0, 3, 5, 3, 0, -3, -5, -3)[index % 8]


def blinking(index: int, person: int) -> bool:
    """Whether the detector misses this person: each now and then, sometimes both."""
    return index % 7 == 3 * person + 1 or index % 11 == 5


def test_people_side_by_side_do_not_swap_when_the_detector_misses_them() -> None:
    frames = []
    for index in range(120):
        places = [(nodding(index), 0, "left"), (SIZE + 4 - nodding(index + 3), 5, "right")]
        seen = [place for n, place in enumerate(places) if not blinking(index, n)]
        frames.append((tuple(face(x, y) for x, y, _ in seen), [who for *_, who in seen]))

    assert identities(frames) == {0: {"left"}, 1: {"right"}}


def test_who_appears_beside_a_lost_face_is_somebody_else() -> None:
    seen = [faces_at(0)] * 10

    assert number_all([*seen, faces_at(SIZE), faces_at(0, SIZE)])[-2:] == [[1], [0, 1]]


people = st.lists(st.lists(st.builds(face, *[st.integers(-50, 50)] * 2), max_size=4), max_size=12)


@given(people, st.sampled_from([FRAME_US, 10 * PATIENCE_US]))
def test_no_two_faces_of_a_frame_share_a_track(
    frames: list[list[TimelineFace]], step_us: int
) -> None:
    numbers = number_all(map(tuple, frames), step_us=step_us)

    assert all(len(set(found)) == len(found) for found in numbers)
    first_seen = list(dict.fromkeys(track for found in numbers for track in found))
    assert first_seen == list(range(len(first_seen)))


def test_two_jobs_do_not_disturb_each_other() -> None:
    number_all([faces_at(0, 100)])

    assert number_all([faces_at(0)]) == [[0]]


@pytest.mark.parametrize("twice", [lambda f: (f, f), lambda f: (f, f, f)], ids=["two", "three"])
def test_boxes_upon_each_other_are_told_apart(
    twice: Callable[[TimelineFace], tuple[TimelineFace, ...]],
) -> None:
    found = number_all([twice(face(0)), twice(face(1))])

    assert [sorted(tracks) for tracks in found] == [list(range(len(found[0])))] * 2
