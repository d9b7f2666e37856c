"""Tracks are listed in order, page by page, and named by hand, alike on both databases."""

import pytest

from storage.database import Database
from storage.errors import TrackNotFound
from storage.tracks import Track, TrackRow, insert_tracks, name_track, read_persons, read_tracks
from tests.storage.made_jobs import finish_job

SUMMARY = {"faces": 2, "poor": 0, "uncertain": 0.5, "share": {"happy": 1.0}, "mean": {"happy": 0.6}}


def track_row(track: int) -> TrackRow:
    return TrackRow(track, 0, 4, 0, 160_000, 4, best_frame=3, best_face=1, summary=SUMMARY)


@pytest.fixture
def job(database: Database) -> int:
    """A job of five frames with two faces in most, and three tracks; another one has tracks too."""
    other, job = (finish_job(database, 5, faces=2) for _ in range(2))
    with database.writing() as connection:
        insert_tracks(connection, job, [track_row(n) for n in (0, 1, 2)])
        insert_tracks(connection, other, [track_row(n) for n in (0, 3)])
        insert_tracks(connection, other, [])
    return job


def test_a_track_is_read_with_the_box_of_its_best_face(database: Database, job: int) -> None:
    first, *_ = read_tracks(database, job)

    assert first == Track(track_row(0), person=None, best_xywh=(10, 20, 30, 40))


def test_pages_of_tracks_have_no_gap_and_no_repeat(database: Database, job: int) -> None:
    pages = [
        [track.row.track for track in read_tracks(database, job, after_track=after, limit=2)]
        for after in (-1, 1, 2)
    ]

    assert pages == [[0, 1], [2], []]
    assert len(read_tracks(database, job)) == 3


def test_a_name_is_given_and_taken_back(database: Database, job: int) -> None:
    named = name_track(database, job, 1, "Ada")
    assert (named.row.track, named.person) == (1, "Ada")
    assert [track.person for track in read_tracks(database, job)] == [None, "Ada", None]
    assert read_persons(database, job) == {1: "Ada"}

    assert name_track(database, job, 1, None).person is None
    assert read_persons(database, job) == {}


def test_a_track_that_is_not_there_gets_no_name(database: Database, job: int) -> None:
    with pytest.raises(TrackNotFound, match="no track 3"):
        name_track(database, job, 3, "Ada")
