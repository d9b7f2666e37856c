"""Plots: rows where they fit, means where they don't, sums per second of long videos; gaps stay gaps."""

from collections.abc import Sequence

import pytest
from sqlalchemy import delete

from storage import commits
from storage.commits import Identities
from storage.database import Database
from storage.labels import UNCERTAIN_BELOW
from storage.plots import Grain, Peak, Plot, PlotPoint, PlotRange, RollupRow, read_peaks, read_plot
from storage.records import FaceRow, FrameRow, Scores, SegmentObservations
from storage.tables import ALL_FACES, observations
from storage.timelines import FaceIdentity
from storage.tracks import TrackRow, insert_tracks
from tests.storage.made_jobs import commit, planned_job, take

FRAME_US = 40_000
HAPPY = (0, 0, 0, 10_000, 0, 0, 0)
SAD = (0, 0, 0, 0, 0, 10_000, 0)


def face(frame: int, face: int, scores: tuple[int, ...], *, quality: int | None = None) -> FaceRow:
    return FaceRow(frame, face, 10, 20, 30, 40, 9_900, quality, *scores)


def timeline(
    database: Database,
    faces: list[FaceRow],
    *,
    frame_count: int,
    uncertain_below: int = UNCERTAIN_BELOW,
    smoothed: Sequence[tuple[int, ...]] = (),
) -> int:
    """A job of one segment with these faces; face n of a frame is of track n, smoothed to plain sadness, or as given."""
    planned_job(database, frame_count, uncertain_below=uncertain_below)
    claim = take(database)
    rows = [
        FrameRow(frame, frame * FRAME_US, sum(row.frame == frame for row in faces))
        for frame in range(frame_count)
    ]
    commits.commit_segment(database, claim, SegmentObservations(rows, faces))
    claim = take(database)
    identities = [
        FaceIdentity(row.frame, row.face, row.face, scores)
        for row, scores in zip(faces, smoothed or [SAD] * len(faces), strict=True)
    ]
    commits.commit_identities(database, claim, Identities(identities, [], []))
    return claim.job


def plot(database: Database, job: int, *, rolled_up: bool = False, **given: object) -> Plot:
    values = {
        "track": None,
        "from_us": 0,
        "to_us": 10 * FRAME_US,
        "points": 100,
        "scores": Scores.RAW,
    }
    return read_plot(database, job, PlotRange(**(values | given)), rolled_up=rolled_up)


def happiness(found: Plot) -> list[float | None]:
    return [None if (p := point.probabilities) is None else p[3] for point in found.points]


def test_a_short_range_shows_its_frames_one_by_one(database: Database) -> None:
    job = timeline(database, [face(0, 0, HAPPY), face(2, 0, SAD)], frame_count=4)

    found = plot(database, job)

    assert (found.grain, found.step_us) == (Grain.FRAME, 0)
    assert found.points == [
        PlotPoint(0, 1, 0, (0, 0, 0, 1, 0, 0, 0)),
        PlotPoint(40_000, 0, 0, None),
        PlotPoint(80_000, 1, 0, (0, 0, 0, 0, 0, 1, 0)),
        PlotPoint(120_000, 0, 0, None),
    ]


def test_a_track_is_shown_alone_with_gaps_where_only_others_are(database: Database) -> None:
    faces = [face(0, 0, SAD), face(0, 1, HAPPY), face(1, 0, SAD)]
    job = timeline(database, faces, frame_count=2)

    assert happiness(plot(database, job, track=1)) == [1, None]
    assert happiness(plot(database, job, track=0)) == [0, 0]
    assert happiness(plot(database, job)) == [0.5, 0]
    assert [point.face_count for point in plot(database, job).points] == [2, 1]
    assert [point.face_count for point in plot(database, job, track=1).points] == [1, 0]


def test_smoothed_scores_are_shown_when_they_are_asked_for(database: Database) -> None:
    job = timeline(database, [face(0, 0, HAPPY)], frame_count=1)

    assert happiness(plot(database, job, scores=Scores.SMOOTHED)) == [0]
    assert happiness(plot(database, job, scores=Scores.RAW)) == [1]


def test_only_the_range_is_shown(database: Database) -> None:
    job = timeline(database, [face(n, 0, HAPPY) for n in range(10)], frame_count=10)

    def times(from_us: int, to_us: int) -> list[int]:
        found = plot(database, job, from_us=from_us, to_us=to_us)
        return [point.time_us for point in found.points]

    assert times(0, 40_000) == [0]
    assert times(40_000, 120_001) == [40_000, 80_000, 120_000]
    assert times(39_999, 40_000) == []
    assert times(360_000, 10**9) == [360_000]
    assert times(400_000, 10**9) == []


def test_more_frames_than_points_are_shown_as_means_of_equal_stretches(database: Database) -> None:
    faces = [face(n, 0, HAPPY if n < 3 else SAD) for n in range(6)]
    job = timeline(database, faces, frame_count=10)

    found = plot(database, job, points=5)

    assert (found.grain, found.step_us) == (Grain.BIN, 80_000)
    assert [point.time_us for point in found.points] == [0, 80_000, 160_000, 240_000, 320_000]
    assert happiness(found) == [1, 0.5, 0, None, None]
    assert [point.face_count for point in found.points] == [2, 2, 2, 0, 0]


@pytest.mark.parametrize("points", [1, 2, 3, 7, 9, 10])
def test_there_are_never_more_points_than_asked_for(database: Database, points: int) -> None:
    job = timeline(database, [face(n, 0, HAPPY) for n in range(10)], frame_count=10)

    found = plot(database, job, points=points)

    assert 0 < len(found.points) <= points
    assert sum(point.face_count for point in found.points) == 10


def test_poor_faces_do_not_dominate_and_uncertain_ones_are_counted(database: Database) -> None:
    unsure = (1_000, 1_000, 1_000, 4_000, 1_000, 1_000, 1_000)
    poor = [face(0, n, SAD, quality=100) for n in range(1, 6)]
    job = timeline(database, [face(0, 0, unsure, quality=9_000), *poor], frame_count=1)

    (point,) = plot(database, job).points

    assert (point.face_count, point.uncertain_count) == (6, 1)
    assert point.probabilities is not None
    assert point.probabilities[3] == pytest.approx(0.4 * 10 / 15)


def test_uncertain_is_what_the_jobs_model_says(database: Database) -> None:
    half = (0, 0, 0, 5_000, 5_000, 0, 0)
    of_shipped = timeline(database, [face(0, 0, half)], frame_count=1)
    of_own = timeline(database, [face(0, 0, half)], frame_count=1, uncertain_below=5_000)

    counts = [plot(database, job).points[0].uncertain_count for job in (of_shipped, of_own)]

    assert counts == [1, 0]


def test_a_running_job_shows_what_is_complete(database: Database) -> None:
    planned_job(database, 3, 3)
    commit(database, take(database))
    claim = take(database)

    assert [point.time_us for point in plot(database, claim.job).points] == [0, 40_000, 80_000]


def test_a_job_without_rows_has_no_points(database: Database) -> None:
    planned_job(database, 3)

    assert plot(database, 1).points == []


def rolled_up_job(database: Database, rows: list[RollupRow]) -> int:
    planned_job(database, 1)
    commit(database, take(database))
    claim = take(database)
    commits.commit_identities(database, claim, Identities([], [], rows))
    return claim.job


def second(at: int, track: int, *, happy: int, faces: int = 10, poor: int = 0) -> RollupRow:
    """A second in which every face has this happiness (ten-thousandths), and one is uncertain."""
    weight = 10 * (faces - poor) + poor
    sums = (0, 0, 0, happy * weight, (10_000 - happy) * weight, 0, 0)
    return RollupRow(at, track, 25, faces, poor, min(faces, 1), weight, *sums)


def test_a_long_range_is_shown_from_sums_per_second(database: Database) -> None:
    rows = [second(at, track, happy=1_000 * at) for at in range(4) for track in (ALL_FACES, 0)]
    rows += [second(4, ALL_FACES, happy=0, faces=0)]
    job = rolled_up_job(database, rows)

    found = plot(database, job, to_us=6_000_000, points=3, rolled_up=True)

    assert (found.grain, found.step_us) == (Grain.SECONDS, 2_000_000)
    assert [(p.time_us, p.face_count, p.uncertain_count) for p in found.points] == [
        (0, 20, 2),
        (2_000_000, 20, 2),
        (4_000_000, 0, 0),
    ]
    assert happiness(found) == [pytest.approx(0.05), pytest.approx(0.25), None]


def test_hours_are_plotted_too(database: Database) -> None:
    """More microseconds than PostgreSQL's INTEGER holds."""
    job = rolled_up_job(database, [second(at, ALL_FACES, happy=0) for at in (0, 5_000, 9_999)])

    found = plot(database, job, to_us=10_000_000_000, points=2, rolled_up=True)

    assert [point.time_us for point in found.points] == [0, 5_000_000_000]


def test_a_second_without_the_track_is_a_gap_and_one_without_frames_is_nothing(
    database: Database,
) -> None:
    rows = [second(0, ALL_FACES, happy=0), second(0, 7, happy=2_000), second(2, ALL_FACES, happy=0)]
    job = rolled_up_job(database, rows)

    found = plot(database, job, track=7, to_us=4_000_000, points=3, rolled_up=True)
    one_each = plot(database, job, track=7, from_us=0, to_us=3_100_000, points=3, rolled_up=True)

    assert [(p.time_us, p.face_count) for p in found.points] == [(0, 10), (2_000_000, 0)]
    assert happiness(one_each) == [pytest.approx(0.2), None]


def test_the_peak_of_an_expression_is_where_its_smoothed_score_is_highest(
    database: Database,
) -> None:
    faces = [
        face(1, 0, HAPPY),
        face(2, 0, SAD),
        face(3, 1, SAD),
        face(4, 0, SAD, quality=100),
        face(5, 0, SAD),
    ]
    happiness = (3_000, 6_000, 6_000, 9_000, 5_999)
    smoothed = [(0, 0, 0, happy, 10_000 - happy, 0, 0) for happy in happiness]
    job = timeline(database, faces, frame_count=6, smoothed=smoothed)

    peaks = read_peaks(database, job)

    assert peaks["happy"] == Peak(2 * FRAME_US, 0, 0.6)
    assert peaks["neutral"] == Peak(FRAME_US, 0, 0.7)


def test_a_face_seen_for_a_moment_has_the_peak_only_where_there_is_no_other(
    database: Database,
) -> None:
    """Symptom: a helmet, taken for a face in one frame, was where a recording was angriest."""
    faces = [face(0, 0, SAD), face(0, 1, HAPPY)]
    job = timeline(database, faces, frame_count=1, smoothed=[SAD, HAPPY])
    lasting, glimpse = (
        TrackRow(track, track, track + 9, 0, 40_000, count, track, 0, None)
        for track, count in ((0, 10), (1, 2))
    )
    with database.writing() as connection:
        insert_tracks(connection, job, [lasting, glimpse])

    assert read_peaks(database, job)["happy"] == Peak(0, 0, 0.0)

    with database.writing() as connection:
        connection.execute(delete(observations).where(observations.c.track == 0))

    assert read_peaks(database, job)["happy"] == Peak(0, 1, 1.0)


def test_a_timeline_without_faces_has_no_peaks(database: Database) -> None:
    job = timeline(database, [], frame_count=1)

    assert set(read_peaks(database, job).values()) == {None}
