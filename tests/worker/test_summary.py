"""Sums of a timeline, a track and a second: poor faces counted, but never deciding; each second once."""

import pytest

from storage.labels import EXPRESSIONS
from storage.records import FaceRow
from storage.tables import ALL_FACES
from storage.timelines import TimelineFace, TimelineFrame
from tests.storage.made_jobs import face_row
from worker.summary import FacesTally, JobTally, Seconds, TrackTally

HAPPY = (0, 0, 0, 10_000, 0, 0, 0)
SAD = (0, 0, 0, 0, 0, 10_000, 0)
UNSURE = (2_000, 1_000, 1_000, 3_000, 1_000, 1_000, 1_000)


def face(
    probabilities: tuple[int, ...],
    *,
    number: int = 0,
    quality: int | None = None,
    size: int = 40,
    score: int = 9_000,
) -> TimelineFace:
    row = face_row(0, number, xywh=(0, 0, size, size), quality=quality)
    row = row._replace(detection_score=score)
    return TimelineFace(FaceRow(*row[:8], *probabilities), track=None)


def tallied(*faces: TimelineFace) -> dict:
    tally = FacesTally()
    for one in faces:
        tally.count(one)
    return tally.summary()


def test_nothing_is_summed_up_to_zeros() -> None:
    zeros = dict.fromkeys(EXPRESSIONS, 0.0)

    assert tallied() == {"faces": 0, "poor": 0, "uncertain": 0.0, "share": zeros, "mean": zeros}


def test_shares_and_means_are_of_all_faces() -> None:
    summary = tallied(face(HAPPY), face(HAPPY), face(SAD), face(UNSURE))

    assert (summary["faces"], summary["poor"], summary["uncertain"]) == (4, 0, 0.25)
    assert summary["share"] == dict.fromkeys(EXPRESSIONS, 0.0) | {"happy": 0.75, "sad": 0.25}
    assert summary["mean"]["happy"] == pytest.approx(0.575)
    assert sum(summary["mean"].values()) == pytest.approx(1)


def test_five_poor_faces_weigh_less_than_a_good_one() -> None:
    summary = tallied(face(HAPPY, quality=8_000), *[face(SAD, quality=100)] * 5)

    assert (summary["faces"], summary["poor"]) == (6, 5)
    assert summary["share"]["happy"] == summary["mean"]["happy"] == pytest.approx(0.6667)


def test_nothing_but_poor_faces_is_summed_up_all_the_same() -> None:
    summary = tallied(*[face(SAD, quality=100)] * 5)

    assert summary["share"]["sad"] == summary["mean"]["sad"] == 1


def test_a_timeline_counts_its_frames_and_tracks() -> None:
    tally = JobTally()
    tally.count(TimelineFrame(0, 0, (face(HAPPY),)), [0])
    tally.count(TimelineFrame(1, 1, ()), [])
    tally.count(TimelineFrame(2, 2, (face(SAD), face(SAD))), [4, 2])

    summary = tally.summary()

    assert list(summary)[:4] == ["frames", "frames_with_face", "tracks", "faces"]
    assert [summary[name] for name in list(summary)[:4]] == [3, 2, 5, 3]


def test_a_track_has_the_ends_of_its_faces() -> None:
    tally = TrackTally(7)
    for frame, time_us in ((3, 120_000), (4, 160_000), (9, 360_000)):
        tally.count(TimelineFrame(frame, time_us, ()), face(HAPPY))

    row = tally.row()

    assert (row.track, row.face_count) == (7, 3)
    assert row.summary is not None and row.summary["faces"] == 3
    assert (row.first_frame, row.first_time_us) == (3, 120_000)
    assert (row.last_frame, row.last_time_us) == (9, 360_000)


@pytest.mark.parametrize(
    ("faces", "best"),
    [
        ([face(SAD, size=40), face(SAD, size=80), face(SAD, size=60)], 1),
        ([face(SAD, score=9_000), face(SAD, score=9_100)], 1),
        ([face(SAD), face(SAD)], 0),
        ([face(SAD, quality=5_000, size=90), face(SAD, quality=6_000, size=30)], 1),
        ([face(SAD, size=90), face(SAD, quality=0, size=30)], 1),
    ],
    ids=["larger", "surer", "first of equals", "better", "measured"],
)
def test_the_best_face_is_where_it_is_seen_best(faces: list[TimelineFace], best: int) -> None:
    tally = TrackTally(0)
    for number, one in enumerate(faces):
        tally.count(TimelineFrame(10 + number, 0, ()), one)

    assert tally.row().best_frame == 10 + best


def test_the_best_face_is_named_by_its_number_in_the_frame() -> None:
    tally = TrackTally(0)
    tally.count(TimelineFrame(5, 0, ()), face(HAPPY, number=2))

    assert (tally.row().best_frame, tally.row().best_face) == (5, 2)


def test_a_second_is_summed_up_for_all_faces_and_for_each_track() -> None:
    seconds = Seconds()
    seconds.count(TimelineFrame(0, 0, (face(HAPPY), face(SAD, quality=100))), [0, 1])
    seconds.count(TimelineFrame(1, 999_999, (face(UNSURE),)), [0])
    assert seconds.take(ended=False) == []
    seconds.count(TimelineFrame(2, 1_000_000, ()), [])

    over = seconds.take(ended=False)

    counts = [(row.second, row.track, *row[2:7]) for row in over]
    assert counts == [
        (0, ALL_FACES, 2, 3, 1, 1, 21),
        (0, 0, 2, 2, 0, 1, 20),
        (0, 1, 1, 1, 1, 0, 1),
    ]
    assert [(row.happy, row.sad) for row in over] == [
        (130_000, 20_000),
        (130_000, 10_000),
        (0, 10_000),
    ]


def test_each_second_is_given_back_once_and_the_last_at_the_end() -> None:
    seconds = Seconds()
    for frame in range(50):
        seconds.count(TimelineFrame(frame, frame * 100_000, ()), [])

    given = [
        [row.second for row in seconds.take(ended=ended)] for ended in (False, False, True, True)
    ]

    assert given == [[0, 1, 2, 3], [], [4], []]


def test_a_timeline_that_begins_late_has_no_seconds_before() -> None:
    seconds = Seconds()
    seconds.count(TimelineFrame(0, 3_500_000, ()), [])

    assert [row.second for row in seconds.take(ended=True)] == [3]
