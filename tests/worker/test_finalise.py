"""Finalise: one pass that any page size, segmentation and interruption leave the same, on both databases."""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from storage import commits, jobs, timelines
from storage.commits import Identities
from storage.database import Database
from storage.errors import LeaseLost
from storage.failures import free_expired_leases
from storage.plots import RollupRow
from storage.records import SCORE_UNIT, FaceRow, FrameRow, JobState, SegmentObservations
from storage.tables import ALL_FACES, rollups
from storage.timelines import TimelineFace, TimelineFrame
from storage.tracks import read_tracks
from tests.storage.made_jobs import FRAME_US, expire_leases, planned_job, take
from worker import finalise
from worker.engine import Engine, Stopping
from worker.finalise import Walk, finalise_job

FRAMES = 150
CUT = 100


def faces_of(frame: int) -> Iterator[FaceRow]:
    """Two who walk past each other and one who blinks; the first changes from happy to sad in frame 50."""
    people = [(4 * frame, 0), (600 - 4 * frame, 20), (300, 200)]
    seen = sorted(place for n, place in enumerate(people) if n != 2 or frame % 9)
    for face, (x, y) in enumerate(seen):
        sad = 9_000 if x == 4 * frame and frame >= 50 else 500 + 7 * (frame % 40)
        scores = (0, 0, 0, SCORE_UNIT - sad, 0, sad, 0)
        yield FaceRow(frame, face, x, y, 40, 50, 9_500, 1_000 + 60 * frame, *scores)


def seen_in(frames: range) -> SegmentObservations:
    rows = {frame: list(faces_of(frame)) for frame in frames}
    return SegmentObservations(
        [
            FrameRow(frame, frame * FRAME_US, len(faces), cut=int(frame == CUT))
            for frame, faces in rows.items()
        ],
        [row for faces in rows.values() for row in faces],
    )


def timeline() -> list[TimelineFrame]:
    seen = seen_in(range(FRAMES))
    return [
        TimelineFrame(
            frame.frame,
            frame.time_us,
            tuple(TimelineFace(row, track=None) for row in seen.faces if row.frame == frame.frame),
            bool(frame.cut),
        )
        for frame in seen.frames
    ]


def analysed_job(database: Database, *sizes: int) -> str:
    """A job whose segments of these sizes are all committed. Returns its public id."""
    job_id = planned_job(database, *sizes)
    first = 0
    for size in sizes:
        commits.commit_segment(database, take(database), seen_in(range(first, first + size)))
        first += size
    return job_id


def all_rows(database: Database, job_id: str) -> tuple[Any, ...]:
    """Everything finalise writes."""
    job = jobs.get_job(database, job_id)
    assert job.state is JobState.DONE
    query = select(*(rollups.c[name] for name in RollupRow._fields)).where(rollups.c.job == job.job)
    with database.reading() as connection:
        sums = connection.execute(query.order_by(rollups.c.second, rollups.c.track)).all()
    frames = list(timelines.iterate_frames(database, job.job))
    return frames, read_tracks(database, job.job), [tuple(row) for row in sums], job.summary


def walk_in_pages(sizes: list[int]) -> tuple[Identities, dict]:
    """Go through the made timeline in pages of these sizes, the last one with all that is left."""
    walk, parts, frames = Walk(), [], iter(timeline())
    for size in [*sizes, FRAMES]:
        if page := list(islice(frames, size)):
            parts.append(walk.through(page))
    parts.append(walk.end())
    joined = Identities(
        sorted(face for part in parts for face in part.faces),
        [track for part in parts for track in part.tracks],
        [row for part in parts for row in part.rollups],
    )
    return joined, walk.summary()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=30))
def test_the_pages_do_not_matter(sizes: list[int]) -> None:
    found, summary = walk_in_pages(sizes)

    whole, whole_summary = walk_in_pages([])
    assert replace(found, tracks=sorted(found.tracks, key=lambda row: row.track)) == whole
    assert summary == whole_summary


def test_every_face_track_and_second_is_given_once() -> None:
    found, summary = walk_in_pages([7] * 20)

    faces = [(row.frame, row.face) for frame in timeline() for row in (f.row for f in frame.faces)]
    assert [(identity.frame, identity.face) for identity in found.faces] == faces
    assert {sum(identity.smoothed) for identity in found.faces} == {SCORE_UNIT}
    assert sorted(row.track for row in found.tracks) == list(range(6))
    assert sum(row.face_count for row in found.tracks) == len(faces) == summary["faces"]
    totals = [row for row in found.rollups if row.track == ALL_FACES]
    assert [row.second for row in totals] == list(range(6))
    assert sum(row.frame_count for row in totals) == summary["frames"] == FRAMES
    assert sum(row.face_count for row in totals) == len(faces)


def test_peaks_are_the_highest_smoothed_scores_of_faces_that_are_not_poor() -> None:
    """Symptom: they were means of whole seconds, and a press on one led to where that second began."""
    found, summary = walk_in_pages([7] * 20)

    poor = {(seen.row.frame, seen.row.face): seen.poor for one in timeline() for seen in one.faces}
    best = min(
        (-face.smoothed[3], face.frame, face.track)
        for face in found.faces
        if not poor[face.frame, face.face]
    )
    assert summary["peaks"]["happy"] == {
        "time_s": best[1] * FRAME_US / 1_000_000,
        "track": best[2],
        "probability": -best[0] / SCORE_UNIT,
    }
    assert -best[0] < max(face.smoothed[3] for face in found.faces)  # that of a poor one


def test_a_face_seen_for_a_moment_is_no_peak_where_another_lasts() -> None:
    """A sad face in five frames, and far from it a happy one in the first of them."""
    walk, faces = Walk(), {0: (0, 0, 0, 0, 0, SCORE_UNIT, 0), 1: (0, 0, 0, SCORE_UNIT, 0, 0, 0)}
    for frame in range(5):
        rows = [
            FaceRow(frame, face, 500 * face, 0, 40, 50, 9_500, None, *scores)
            for face, scores in faces.items()
            if frame == 0 or face == 0
        ]
        seen = tuple(TimelineFace(row, track=None) for row in rows)
        walk.through([TimelineFrame(frame, frame * FRAME_US, seen)])
    walk.end()

    peaks = walk.summary()["peaks"]

    assert peaks["sad"] == {"time_s": 0.0, "track": 0, "probability": 1.0}
    assert peaks["happy"] == {"time_s": 0.0, "track": 0, "probability": 0.0}


def test_a_track_ends_at_the_cut_and_the_others_begin_there() -> None:
    found, _ = walk_in_pages([])

    ends = sorted((row.first_frame, row.last_frame) for row in found.tracks)
    assert ends == [(0, 99), (0, 99), (1, 98), (100, 149), (100, 149), (100, 149)]


def test_a_long_timeline_is_not_remembered() -> None:
    """Short tracks one after the other: of those that are over nothing is kept."""
    walk = Walk()
    for page in range(40):
        frames = range(100 * page, 100 * page + 100)
        seen = [TimelineFace(face, None) for frame in frames for face in islice(faces_of(0), 1)]
        walk.through(
            [
                TimelineFrame(frame, frame * FRAME_US, (face,), cut=frame % 10 == 0)
                for frame, face in zip(frames, seen, strict=True)
            ]
        )

    assert walk.summary()["tracks"] == 400
    assert len(walk._tracks) == len(walk._smoother._courses) == len(walk._tracker._open) == 1
    assert len(walk._unsettled) < 10


def test_any_split_into_segments_ends_the_same(engine: Engine, database: Database) -> None:
    ends = []
    for sizes in ((FRAMES,), (50, 50, 50), (1, 99, 49, 1)):
        job_id = analysed_job(database, *sizes)
        finalise_job(engine, take(database))
        ends.append(all_rows(database, job_id))

    assert ends[0] == ends[1] == ends[2]
    frames, tracks, sums, summary = ends[0]
    assert {face.track for frame in frames for face in frame.faces} == set(range(6))
    assert [track.row.track for track in tracks] == list(range(6))
    assert sums and summary["faces"] == sum(len(frame.faces) for frame in frames)


def test_pages_end_the_same_as_one_page(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = analysed_job(database, FRAMES)
    finalise_job(engine, take(database))
    paged = analysed_job(database, FRAMES)
    monkeypatch.setattr(finalise, "PAGE_FRAMES", 11)

    finalise_job(engine, take(database))

    assert all_rows(database, paged) == all_rows(database, whole)


def test_a_finalise_that_was_cut_off_is_done_again(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = analysed_job(database, FRAMES)
    finalise_job(engine, take(database))
    cut_off = analysed_job(database, FRAMES)
    monkeypatch.setattr(finalise, "PAGE_FRAMES", 40)
    asked = iter([False, False, False, False, True])  # twice for each page
    claim = take(database)
    with pytest.raises(Stopping):
        finalise_job(replace(engine, stopping=lambda: next(asked)), claim)
    expire_leases(database)
    free_expired_leases(database)
    current = take(database)

    with pytest.raises(LeaseLost):
        finalise_job(engine, claim)
    finalise_job(engine, current)

    assert all_rows(database, cut_off) == all_rows(database, whole)


def test_a_walk_that_takes_longer_than_a_lease_keeps_it(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: crowds were walked through ten times, each time for nothing, and ended as workers_lost."""
    hasty = replace(engine, settings=engine.settings.model_copy(update={"lease_s": 1.0}))
    job_id = analysed_job(database, FRAMES)
    claim = take(database)
    monkeypatch.setattr(finalise, "RENEW_EVERY_S", 0.1)
    look = Walk._see

    def slowly(walk: Walk, frame: TimelineFrame) -> None:
        time.sleep(0.015)
        free_expired_leases(database)
        look(walk, frame)

    monkeypatch.setattr(Walk, "_see", slowly)
    finalise_job(hasty, claim)

    assert jobs.get_job(database, job_id).state is JobState.DONE


def test_a_job_without_any_face_is_finalised(engine: Engine, database: Database) -> None:
    job_id = planned_job(database, 3)
    rows = [FrameRow(frame, frame * FRAME_US, 0) for frame in range(3)]
    commits.commit_segment(database, take(database), SegmentObservations(rows, []))

    finalise_job(engine, take(database))

    frames, tracks, sums, summary = all_rows(database, job_id)
    assert (len(frames), tracks) == (3, [])
    assert sums == [(0, ALL_FACES, 3, *[0] * 11)]
    assert (summary["frames"], summary["faces"], summary["tracks"]) == (3, 0, 0)
