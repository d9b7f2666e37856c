"""A made-up hour with five faces, written straight into the database: working it out would take minutes."""

from sqlalchemy import text, update

from storage.jobs import JobView, get_job
from storage.labels import EXPRESSIONS
from storage.tables import SMOOTHED_COLUMNS, jobs
from tests.api.made_jobs import MadeUp, plan_job
from tests.browser.conftest import Installation

FRAMES = 90_000  # 25 per second
TRACKS = 5
_SCORES = ", ".join(
    f"CASE WHEN (frame / 700 + track) % 7 = {n} THEN 8800 ELSE 200 END" for n in range(7)
)
_SUMS = ", ".join(
    f"25 * 10 * CASE WHEN (second / 28 + track) % 7 = {n} THEN 8800 ELSE 200 END" for n in range(7)
)
_COUNT = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {})"
_TRACKS = f"(SELECT 0 AS track {'UNION ALL SELECT {} ' * (TRACKS - 1)})".format(*range(1, TRACKS))
_SUMMARY = {
    "frames": FRAMES,
    "frames_with_face": FRAMES,
    "faces": FRAMES * TRACKS,
    "tracks": TRACKS,
    "share": dict.fromkeys(EXPRESSIONS, 0.1429),
    "mean": dict.fromkeys(EXPRESSIONS, 0.1429),
}
_STATEMENTS = (
    f"""{_COUNT.format(FRAMES)} INSERT INTO frames (job, frame, time_us, face_count, cut)
        SELECT :job, i, i * 40000, {TRACKS}, 0 FROM n""",
    f"""{_COUNT.format(FRAMES)} INSERT INTO observations
        (job, frame, face, track, x, y, width, height, detection_score, quality, {", ".join((*EXPRESSIONS, *SMOOTHED_COLUMNS))})
        SELECT :job, i, track, track, 10 + 60 * track, 60, 50, 60, 9900, 8000, {_SCORES}, {_SCORES}
        FROM (SELECT i, i AS frame, track FROM n, {_TRACKS})""",
    f"""{_COUNT.format(FRAMES // 25)} INSERT INTO rollups
        (job, second, track, frame_count, face_count, poor_count, uncertain_count, weight, {", ".join(EXPRESSIONS)})
        SELECT :job, i, track, 25, 25, 0, 0, 250, {_SUMS}
        FROM (SELECT i, i AS second, track FROM n, (SELECT -1 AS track UNION ALL SELECT track FROM {_TRACKS}))""",
    f"""INSERT INTO tracks
        (job, track, first_frame, last_frame, first_time_us, last_time_us, face_count, best_frame, best_face)
        SELECT :job, track, 0, {FRAMES - 1}, 0, {(FRAMES - 1) * 40_000}, {FRAMES}, 0, track FROM {_TRACKS}""",
    "UPDATE segments SET state = 'done' WHERE job = :job",
)


def finish_hour(installation: Installation) -> JobView:
    """Make a job that is done: an hour, 25 frames per second, five faces all the time."""
    made = MadeUp(filename="hour.mp4", frame_count=FRAMES, segment_frames=FRAMES)
    job = plan_job(installation.database, installation.blobs, made)
    with installation.database.writing() as connection:
        for statement in _STATEMENTS:
            connection.execute(text(statement), {"job": job.job})
        ended = {"state": "done", "finished_at": job.created_at, "summary": _SUMMARY}
        connection.execute(update(jobs).where(jobs.c.job == job.job).values(ended))
    return get_job(installation.database, job.id)
