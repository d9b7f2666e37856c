"""Timelines are read in order, page by page, as far as they are complete, alike on both databases."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from storage import commits, timelines
from storage.database import Database
from storage.labels import EXPRESSIONS, POOR_BELOW, UNCERTAIN_BELOW
from storage.records import FaceRow, FrameRow, Scores, SegmentObservations
from storage.tables import frames, observations
from storage.timelines import FaceIdentity, TimelineFace
from tests.storage.made_jobs import commit, face_row, finish_job, planned_job, seen_in, take

one_database_for_all_examples = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
score = st.integers(0, 10_000)
EVEN = (1429, 1429, 1429, 1429, 1428, 1428, 1428)
RISING = (100, 200, 300, 400, 500, 600, 7900)
coordinate = st.integers(-(2**31), 2**31 - 1)


@one_database_for_all_examples
@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5), limit=st.integers(1, 9))
def test_pages_have_no_gap_and_no_repeat(database: Database, sizes: list[int], limit: int) -> None:
    job = finish_job(database, *sizes, faces=2)

    pages = []
    last = -1
    while page := timelines.read_frames(database, job, after_frame=last, limit=limit):
        assert page[0].frame > last
        pages.append(page)
        last = page[-1].frame

    assert [frame.frame for page in pages for frame in page] == list(range(sum(sizes)))
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)


@one_database_for_all_examples
@given(order=st.permutations(range(5)))
def test_only_the_complete_beginning_is_readable(database: Database, order: list[int]) -> None:
    sizes = (2, 3, 1, 4, 2)
    starts = [sum(sizes[:index]) for index in range(6)]
    planned_job(database, *sizes)
    held = [take(database) for _ in sizes]
    job = held[0].job

    readable = []
    expected = []
    committed: set[int] = set()
    for index in order:
        commit(database, held[index])
        committed.add(index)
        missing = next((place for place in range(5) if place not in committed), 5)
        expected.append(starts[missing])
        readable.append(len(timelines.read_frames(database, job)))
        end_us = timelines.complete_through_us(database, job)
        assert end_us == ((starts[missing] - 1) * 40_000 if missing else None)

    assert readable == expected
    with database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE jobs SET state = 'done' WHERE job = {job}")


def test_a_job_without_rows_is_complete_nowhere(database: Database) -> None:
    planned_job(database, 3)

    assert timelines.read_frames(database, 1) == []
    assert timelines.complete_through_us(database, 1) is None


def test_faceless_frame_keeps_its_place(database: Database) -> None:
    job = finish_job(database, 4)

    found = timelines.read_frames(database, job)

    assert [(frame.frame, frame.time_us, len(frame.faces)) for frame in found] == [
        (0, 0, 1),
        (1, 40_000, 1),
        (2, 80_000, 0),
        (3, 120_000, 1),
    ]


def test_a_streamed_timeline_crosses_its_pages(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = finish_job(database, 10)
    monkeypatch.setattr(timelines.iterate_pages, "__kwdefaults__", {"limit": 3})

    streamed = list(timelines.iterate_frames(database, job))

    assert [frame.frame for frame in streamed] == list(range(10))


def test_the_newest_rows_of_a_segment_replace_older_ones(database: Database) -> None:
    """A commit that was undone half-way must not leave rows beside those of the next one."""
    planned_job(database, 3)
    claim = take(database)
    with database.writing() as connection:
        timelines.insert_observations(connection, claim.job, seen_in(claim.slice, faces=3))

    commit(database, claim, faces=1)

    found = timelines.read_frames(database, claim.job)
    assert [len(frame.faces) for frame in found] == [1, 1, 0]


@one_database_for_all_examples
@given(
    box=st.tuples(coordinate, coordinate, coordinate, coordinate),
    quality=st.none() | score,
    scores=st.tuples(*[score] * 8),
    time_us=st.integers(0, 2**62),
)
def test_rows_are_read_back_exactly_as_they_were_written(
    database: Database,
    box: tuple[int, int, int, int],
    quality: int | None,
    scores: tuple[int, ...],
    time_us: int,
) -> None:
    """Written by COPY on PostgreSQL and by inserts on SQLite."""
    faces = [FaceRow(0, face, *box, scores[0], quality, *scores[1:]) for face in range(2)]
    seen = SegmentObservations([FrameRow(0, time_us, 2), FrameRow(1, time_us, 0, cut=1)], faces)

    with database.engine.connect() as connection:
        timelines.insert_observations(connection, 9, seen)
        frame_rows = connection.execute(select(frames).where(frames.c.job == 9)).all()
        face_rows = connection.execute(select(observations).where(observations.c.job == 9)).all()
        connection.rollback()

    assert frame_rows == [(9, *row) for row in seen.frames]
    assert face_rows == [(9, *row[:2], None, *row[2:], *[None] * 7) for row in seen.faces]


def identify(database: Database, job: int, *found: FaceIdentity) -> None:
    with database.writing() as connection:
        timelines.write_identities(connection, job, found)


def test_identities_are_written_beside_the_faces(database: Database) -> None:
    job = finish_job(database, 2, faces=2)
    other = finish_job(database, 2, faces=2)

    identify(
        database,
        job,
        FaceIdentity(0, 0, 5, EVEN),
        FaceIdentity(0, 1, 6, RISING),
        FaceIdentity(1, 1, 5, RISING),
    )
    identify(database, job, FaceIdentity(0, 0, 5, RISING))
    identify(database, job)

    found = timelines.read_frames(database, job)
    assert [[(face.track, face.smoothed) for face in frame.faces] for frame in found] == [
        [(5, RISING), (6, RISING)],
        [(None, None), (5, RISING)],
    ]
    assert {face.track for f in timelines.read_frames(database, other) for face in f.faces} == {
        None
    }


def test_identities_of_many_faces_are_written_in_chunks(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines, "INSERT_CHUNK", 3)
    job = finish_job(database, 11)
    faces = [face.row for f in timelines.read_frames(database, job) for face in f.faces]

    identify(database, job, *(FaceIdentity(row.frame, 0, row.frame, EVEN) for row in faces))

    found = [face for frame in timelines.read_frames(database, job) for face in frame.faces]
    assert [(face.row, face.track, face.smoothed) for face in found] == [
        (row, row.frame, EVEN) for row in faces
    ]


def test_the_first_frame_of_a_shot_is_read_back(database: Database) -> None:
    planned_job(database, 3)
    claim = take(database)
    seen = SegmentObservations([FrameRow(0, 0, 0), FrameRow(1, 40_000, 0, cut=1)], [])

    commits.commit_segment(database, claim, seen)

    assert [frame.cut for frame in timelines.read_frames(database, claim.job)] == [False, True]


@pytest.mark.parametrize(
    ("quality", "poor"), [(None, False), (POOR_BELOW - 1, True), (POOR_BELOW, False)]
)
def test_a_face_of_low_quality_is_poor_and_weighs_little(quality: int | None, poor: bool) -> None:
    face = TimelineFace(face_row(0, quality=quality), track=None)

    assert face.poor is poor
    assert face.weight == (1 if poor else 10)


def test_a_face_without_a_likely_expression_is_uncertain() -> None:
    def at(confidence: int) -> TimelineFace:
        scores = dict.fromkeys(EXPRESSIONS, 100) | {"sad": confidence}
        return TimelineFace(face_row(0)._replace(**scores), track=None)

    assert at(UNCERTAIN_BELOW - 1).uncertain and not at(UNCERTAIN_BELOW).uncertain


def test_smoothed_scores_are_the_raw_ones_where_nothing_is_smoothed() -> None:
    plain = TimelineFace(face_row(0), track=None)
    smoothed = TimelineFace(face_row(0), track=0, smoothed=EVEN)

    assert plain.scored(Scores.SMOOTHED) == plain.scored(Scores.RAW) == plain.probabilities
    assert smoothed.scored(Scores.SMOOTHED) == EVEN
    assert smoothed.scored(Scores.RAW) == plain.probabilities


def test_the_first_of_equally_probable_expressions_is_the_emotion() -> None:
    row = face_row(0)._replace(
        angry=0, disgust=4000, fear=0, happy=4000, neutral=0, sad=2000, surprise=0
    )

    face = TimelineFace(row, track=None)

    assert (face.emotion, face.confidence) == ("disgust", 4000)
