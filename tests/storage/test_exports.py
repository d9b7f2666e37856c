"""The CSV timeline: exact columns, exact decimals, and every number comes back from it."""

import csv
import io
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from storage.exports import CSV_COLUMNS, csv_lines, guarded_cell, score, seconds
from storage.labels import EXPRESSIONS
from storage.records import FaceRow, Scores
from storage.timelines import TimelineFace, TimelineFrame
from tests.storage.made_jobs import face_row

HEADER = (
    "frame,time_s,face,track,x,y,width,height,detection_score,quality,"
    "angry,disgust,fear,happy,neutral,sad,surprise,emotion,confidence,person\n"
)

ten_thousandths = st.integers(0, 10_000)
pixels = st.integers(-100, 10_000)
faces = st.builds(
    TimelineFace,
    row=st.builds(
        FaceRow,
        frame=st.just(0),
        face=st.integers(0, 30),
        x=pixels,
        y=pixels,
        width=pixels,
        height=pixels,
        detection_score=ten_thousandths,
        quality=st.none() | ten_thousandths,
        **dict.fromkeys(EXPRESSIONS, ten_thousandths),
    ),
    track=st.none() | st.integers(0, 1000),
)
timelines = st.lists(
    st.builds(
        TimelineFrame,
        frame=st.integers(0, 10**9),
        time_us=st.integers(0, 10**13),
        faces=st.lists(faces, max_size=3).map(tuple),
    ),
    max_size=5,
)


def test_the_header_is_exactly_this() -> None:
    assert list(csv_lines([])) == [HEADER]


def test_a_faceless_frame_has_a_row_of_empty_columns() -> None:
    lines = list(csv_lines([TimelineFrame(frame=7, time_us=280_000, faces=())]))

    assert lines == [HEADER, "7,0.280000,,,,,,,,,,,,,,,,,,\n"]
    assert lines[0].count(",") == lines[1].count(",")


def test_a_face_is_written_with_all_its_columns() -> None:
    row = FaceRow(3, 1, 64, 35, 46, 60, 9979, None, 1, 20, 300, 4000, 5000, 600, 79)

    lines = list(csv_lines([TimelineFrame(3, 1_001_000, (TimelineFace(row, track=2),))]))

    assert lines[1] == (
        "3,1.001000,1,2,64,35,46,60,0.9979,,"
        "0.0001,0.0020,0.0300,0.4000,0.5000,0.0600,0.0079,neutral,0.5000,\n"
    )


def test_smoothed_scores_are_written_with_their_own_emotion_and_confidence() -> None:
    row = FaceRow(3, 1, 64, 35, 46, 60, 9979, None, 1, 20, 300, 4000, 5000, 600, 79)
    smoothed = (0, 0, 0, 6000, 4000, 0, 0)
    timeline = [TimelineFrame(3, 0, (TimelineFace(row, track=2, smoothed=smoothed),))]

    _, line = csv_lines(timeline, scores=Scores.SMOOTHED)
    _, raw_line = csv_lines(timeline)

    zero = "0.0000"
    assert line.split(",")[10:-1] == [
        *[zero] * 3,
        "0.6000",
        "0.4000",
        zero,
        zero,
        "happy",
        "0.6000",
    ]
    assert raw_line.split(",")[-3:-1] == ["neutral", "0.5000"]


def test_a_person_is_named_on_every_line_of_the_track_and_no_other() -> None:
    seen = tuple(TimelineFace(face_row(0, face), track=track) for face, track in enumerate((4, 5)))
    timeline = [
        TimelineFrame(0, 0, seen),
        TimelineFrame(1, 40_000, ()),
        TimelineFrame(2, 80_000, (TimelineFace(face_row(2), track=4),)),
        TimelineFrame(3, 120_000, (TimelineFace(face_row(3), track=None),)),
    ]

    _, *lines = csv_lines(timeline, persons={4: "Ada"})

    assert [line.rstrip("\n").rpartition(",")[2] for line in lines] == ["Ada", "", "", "Ada", ""]


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_any_name_comes_back_from_the_csv_and_none_begins_like_a_formula(person: str) -> None:
    timeline = [TimelineFrame(0, 0, (TimelineFace(face_row(0), track=0),))]
    text = "".join(csv_lines(timeline, persons={0: person}))

    (row,) = csv.DictReader(io.StringIO(text, newline=""))

    assert row["person"].removeprefix("'") == person.removeprefix("'")
    assert not row["person"].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_face_without_a_track_leaves_that_column_empty() -> None:
    lines = list(csv_lines([TimelineFrame(0, 0, (TimelineFace(face_row(0), track=None),))]))

    assert lines[1].startswith("0,0.000000,0,,10,20,30,40,")


@given(timelines)
def test_every_number_comes_back_from_the_csv(timeline: list[TimelineFrame]) -> None:
    text = "".join(csv_lines(timeline))

    rows = list(csv.DictReader(io.StringIO(text)))

    expected = [(frame, face) for frame in timeline for face in (frame.faces or (None,))]
    assert len(rows) == len(expected)
    for row, (frame, face) in zip(rows, expected, strict=True):
        assert int(row["frame"]) == frame.frame
        assert _whole(row["time_s"], 1_000_000) == frame.time_us
        assert _face(row) == (face and (face.row._replace(frame=frame.frame), face.track))


def _whole(cell: str, unit: int) -> int:
    value = Decimal(cell) * unit
    assert value == int(value)
    return int(value)


def _face(row: dict[str, str]) -> tuple[FaceRow, int | None] | None:
    if row["face"] == "":
        assert not any(row[name] for name in CSV_COLUMNS[2:])
        return None
    probabilities = {name: _whole(row[name], 10_000) for name in EXPRESSIONS}
    assert probabilities[row["emotion"]] == _whole(row["confidence"], 10_000)
    assert _whole(row["confidence"], 10_000) == max(probabilities.values())
    face = FaceRow(
        frame=int(row["frame"]),
        face=int(row["face"]),
        **{name: int(row[name]) for name in ("x", "y", "width", "height")},
        detection_score=_whole(row["detection_score"], 10_000),
        quality=_whole(row["quality"], 10_000) if row["quality"] else None,
        **probabilities,
    )
    return face, int(row["track"]) if row["track"] else None


@given(st.integers(-(10**13), 10**13))
def test_seconds_have_six_decimals(time_us: int) -> None:
    text = seconds(time_us)

    assert len(text.partition(".")[2]) == 6
    assert Decimal(text) * 1_000_000 == time_us


@given(ten_thousandths)
def test_scores_have_four_decimals(value: int) -> None:
    text = score(value)

    assert len(text) == 6
    assert Decimal(text) * 10_000 == value


@given(st.text())
def test_no_guarded_cell_begins_like_a_formula(text: str) -> None:
    cell = guarded_cell(text)

    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == text.removeprefix("'")
