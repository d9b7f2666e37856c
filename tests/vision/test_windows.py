"""Windows of frames: faces are found to the frame, with few detections, whatever the split."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.records import JobOptions
from tests.storage.made_jobs import media_info
from tests.vision.fake_detector import KnowingDetector, Scene, flat
from worker.vision.boxes import FaceBoxes
from worker.vision.cuts import ShotFrame, thumbnail
from worker.vision.frames import Frame
from worker.vision.windows import located, window_length

Boxes = list[list[tuple[float, ...]]]


def frames_of(
    levels: Sequence[int], *, start: int = 0, frame_us: int = 40_000
) -> Iterator[ShotFrame]:
    """Plain gray frames of the given levels; a change of level is a cut."""
    scaler = VideoReformatter()
    for index, level in enumerate(levels, start=start):
        frame = Frame(
            index, index * frame_us, av.VideoFrame.from_ndarray(flat(level), "rgb24"), scaler
        )
        cut = index > start and level != levels[index - start - 1]
        yield ShotFrame(frame, cut, thumbnail(frame.luma))


def found(scene: Scene, *, length: int, levels: Sequence[int] | None = None) -> Boxes:
    detector = KnowingDetector(scene)
    frames = frames_of(levels or [100] * len(scene))
    return as_lists(located(frames, detector, length=length))


def as_lists(located_frames: Iterator) -> Boxes:
    return [sorted(map(tuple, faces.xyxy.round(3).tolist())) for _, faces in located_frames]


def moving_face(step: float, *, at: int) -> tuple[float, float, float, float]:
    return (10 + step * at, 20, 30 + step * at, 46)


@pytest.mark.parametrize("first", range(9, 24))
@pytest.mark.parametrize("stays", [8, 11])
def test_face_that_stays_a_window_long_is_found_to_the_frame(first: int, stays: int) -> None:
    scene = [[moving_face(0.5, at=i)] if first <= i < first + stays else [] for i in range(41)]

    assert found(scene, length=8) == scene


def test_where_frames_come_slowly_a_face_that_stays_for_two_is_found() -> None:
    """Symptom: in a recording that was quick at first, windows followed the mean rate and lasted five seconds here."""
    scene: Scene = [[(10, 20, 30, 46)] if i in (1, 2) else [] for i in range(6)]
    slow = frames_of([100] * 6, frame_us=1_000_000)

    assert as_lists(located(slow, KnowingDetector(scene), length=5)) == scene


def test_even_frames_that_come_a_little_late_cost_no_detection() -> None:
    """Twelve frames a second in whole milliseconds: six of them may take 501."""
    detector = KnowingDetector([[(10, 20, 30, 46)]] * 7)

    list(located(frames_of([100] * 7, frame_us=83_500), detector, length=6))

    assert detector.detected == [0, 6]


def test_second_face_that_enters_beside_the_first_is_found_to_the_frame() -> None:
    scene: Scene = [[moving_face(0.5, at=i)] for i in range(33)]
    for faces in scene[11:]:
        faces.append((50, 5, 62, 20))

    assert found(scene, length=8) == scene


def test_faces_between_detections_are_on_the_straight_way() -> None:
    scene: Scene = [[moving_face(1, at=i), (50 - i, 5, 62 - i, 20)] for i in range(17)]

    assert found(scene, length=8) == [sorted(faces) for faces in scene]


def test_steady_faces_are_detected_on_the_grid_and_confirmed_in_the_middle() -> None:
    detector = KnowingDetector([[moving_face(0.5, at=i)] for i in range(25)])

    list(located(frames_of([100] * 25), detector, length=8))

    assert detector.detected == [0, 8, 16, 24]
    assert detector.confirmed == [4, 12, 20]
    assert detector.near == []


def test_faces_that_are_not_confirmed_are_searched() -> None:
    scene: Scene = [[moving_face(0.5, at=i)] for i in range(9)]
    detector = KnowingDetector(scene)

    def nothing(frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        return FaceBoxes(expected.xyxy, np.zeros_like(expected.scores))

    detector.confirm = nothing

    faces = as_lists(located(frames_of([100] * 9), detector, length=8))

    assert faces == scene
    assert detector.near == [4]


def test_in_a_moving_picture_whose_faces_change_every_frame_is_detected() -> None:
    """A second face is there for two frames, while the first one leaves: nobody would look for it."""
    scene: Scene = [[(10, 20, 30, 46)] if i < 7 else [] for i in range(9)]
    for faces in scene[2:4]:
        faces.append((50, 5, 62, 20))
    detector = KnowingDetector(scene)

    assert as_lists(located(drifting(9, by=2), detector, length=8)) == scene
    assert sorted(detector.detected) == list(range(9))


def test_in_a_picture_at_rest_a_face_that_leaves_is_only_searched_where_it_was() -> None:
    scene: Scene = [[(10, 20, 30, 46)] if i < 7 else [] for i in range(9)]
    detector = KnowingDetector(scene)

    assert as_lists(located(drifting(9, by=1), detector, length=8)) == scene
    assert detector.detected == [0, 8]


def test_another_face_in_the_middle_of_a_dissolve_is_a_change() -> None:
    """The face of both ends is there all the time, and not alone."""
    scene: Scene = [[(10, 20, 30, 46)] for _ in range(9)]
    for faces in scene[3:6]:
        faces.append((50, 5, 62, 20))
    frames = [
        ShotFrame(shown.frame, False, np.full((4, 4), 20 * index, np.float32))
        for index, shown in enumerate(frames_of([100] * 9))
    ]

    assert as_lists(located(frames, KnowingDetector(scene), length=8)) == scene


def test_a_detector_that_looks_closer_nearby_is_not_asked_for_every_frame() -> None:
    scene: Scene = [[(10, 20, 30, 46)] if i < 7 else [] for i in range(9)]
    detector = KnowingDetector(scene, looks_closer_nearby=True)

    assert as_lists(located(drifting(9, by=2), detector, length=8)) == scene
    assert detector.detected == [0, 8]


def drifting(count: int, *, by: int) -> list[ShotFrame]:
    """Frames whose brightness differs from that of their neighbours by so much in every place, and no cut."""
    stripes = np.indices((4, 4)).sum(axis=0) % 2 * 200
    return [
        ShotFrame(shown.frame, False, (stripes + by * index).astype(np.float32))
        for index, shown in enumerate(frames_of([100] * count))
    ]


def test_face_that_moves_off_and_back_is_noticed_in_the_middle() -> None:
    there_and_back = [0, 4, 8, 12, 16, 12, 8, 4, 0]
    scene: Scene = [[(10 + x, 20, 30 + x, 46)] for x in there_and_back]

    assert found(scene, length=8) == scene


def test_face_that_does_not_move_straight_is_looked_at_more_closely() -> None:
    scene: Scene = [[(10 + x, 20, 30 + x, 46)] for x in (0, 6, 10, 12, 12, 12, 10, 6, 0)]

    lefts = [left for ((left, *_),) in found(scene, length=8)]

    assert lefts == pytest.approx([left for ((left, *_),) in scene], abs=1)


def test_cut_is_found_without_halving() -> None:
    """Face and brightness change at frame 13; the window runs from 8 to 16."""
    scene: Scene = [[(10, 20, 30, 46)] if i < 13 else [(12, 20, 36, 46)] for i in range(17)]
    detector = KnowingDetector(scene)

    faces = as_lists(located(frames_of([60] * 13 + [160] * 4), detector, length=8))

    assert faces == scene
    assert sorted(detector.detected) == [0, 8, 12, 13, 16]


def test_cut_never_moves_the_grid() -> None:
    detector = KnowingDetector([[] for _ in range(33)])

    list(located(frames_of([60] * 13 + [160] * 20), detector, length=8))

    assert sorted(detector.detected) == [0, 8, 12, 13, 16, 24, 32]


def test_face_in_a_dissolve_without_faces_at_either_end_is_found() -> None:
    """No step is a cut, but the window ends in another scene."""
    scene: Scene = [[(10, 20, 30, 46)] if i == 4 else [] for i in range(9)]
    frames = [
        ShotFrame(shown.frame, False, np.full((4, 4), 20 * index, np.float32))
        for index, shown in enumerate(frames_of([100] * 9))
    ]

    assert as_lists(located(frames, KnowingDetector(scene), length=8)) == scene


def test_shot_shorter_than_a_window_keeps_its_face() -> None:
    scene: Scene = [[(10, 20, 30, 46)] if 10 <= i < 14 else [] for i in range(17)]

    assert found(scene, length=8, levels=[60] * 10 + [160] * 4 + [60] * 3) == scene


def test_detecting_every_frame_asks_once_for_each() -> None:
    detector = KnowingDetector([[(10, 20, 30, 46)]] * 5)

    list(located(frames_of([60, 160, 60, 160, 60]), detector, length=1))

    assert detector.detected == [0, 1, 2, 3, 4]
    assert detector.near == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_videos_have_their_frames(count: int) -> None:
    scene: Scene = [[(10, 20, 30, 46)]] * count

    assert found(scene, length=8) == scene


faces_in_a_row = st.lists(
    st.lists(st.sampled_from([(10, 20, 30, 46), (14, 20, 34, 46), (50, 5, 62, 20)]), unique=True),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(faces_in_a_row, st.integers(1, 9), st.integers(1, 4), st.data())
def test_splitting_at_the_grid_changes_nothing(
    scene: Scene, length: int, piece: int, data: st.DataObject
) -> None:
    levels = data.draw(st.lists(st.sampled_from([60, 160]), min_size=40, max_size=40))
    levels = levels[: len(scene)]
    whole = found(scene, length=length, levels=levels)

    split: Boxes = []
    for start in range(0, len(scene), piece * length):
        end = start + piece * length
        frames = frames_of(levels[start : end + 1], start=start)  # one more closes the last window
        faces = as_lists(located(frames, KnowingDetector(scene), length=length))
        split += faces[: piece * length]

    assert split == whole


def test_no_more_frames_are_kept_than_a_window_has() -> None:
    given_out = 0

    def counted() -> Iterator[ShotFrame]:
        nonlocal given_out
        for frame in frames_of([100] * 50):
            given_out += 1
            yield frame

    for done, _ in enumerate(located(counted(), KnowingDetector([[]] * 50), length=8)):
        assert given_out - done <= 9


@pytest.mark.parametrize(
    ("every", "seconds", "size", "sample_fps", "expected"),
    [
        (8, 4, (640, 360), None, 8),
        (1, 4, (640, 360), None, 1),
        (64, 4, (640, 360), None, 12),
        (8, 20, (640, 360), None, 2),
        (8, 400, (640, 360), None, 1),
        (8, 4, (640, 360), 10.0, 5),
        (8, 4, (640, 360), 1.0, 1),
        (8, 4, (640, 360), 500.0, 8),
        (64, 0, (640, 360), None, 64),
        (8, 4, (7680, 4320), None, 3),
        (8, 4, (12000, 12000), None, 1),
    ],
)
def test_windows_last_no_longer_than_half_a_second_and_hold_no_more_than_memory_does(
    every: int, seconds: int, size: tuple[int, int], sample_fps: float | None, expected: int
) -> None:
    """A hundred frames in so many seconds."""
    width, height = size
    media = replace(media_info(101), duration_us=seconds * 1_000_000, width=width, height=height)

    options = JobOptions(detect_every=every, sample_fps=sample_fps)

    assert window_length(media, options) == expected


def test_scores_between_detections_are_interpolated() -> None:
    detector = KnowingDetector([[(10, 20, 30, 46)]] * 9)
    detect = detector.detect

    def less_and_less_sure(frame: Frame, expected: FaceBoxes | None = None) -> FaceBoxes:
        faces = detect(frame)
        faces.scores[:] = 1 - frame.index / 16
        return faces

    detector.detect = less_and_less_sure
    detector.confirm = less_and_less_sure

    scores = [faces.scores[0] for _, faces in located(frames_of([9] * 9), detector, length=8)]

    assert scores == pytest.approx(np.linspace(1, 0.5, 9), abs=1e-6)
