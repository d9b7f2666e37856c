"""How fast observations are written to a database."""

import time
from pathlib import Path

from storage import jobs
from storage.database import Database, migrate, sqlite_url
from storage.records import FaceRow, FrameRow, JobOptions, SegmentObservations
from storage.timelines import insert_observations

FRAMES = 250
"""Of a segment: ten seconds."""
SEGMENTS = 80


def rows_per_cpu_second(folder: Path) -> int:
    """Write segments with a frame row and two face rows per frame to a new SQLite file, one transaction each."""
    database = Database(sqlite_url(folder / "rows.sqlite"))
    migrate(database)
    medium = jobs.StoredMedium("talk.mp4", "file:talk.mp4", size_bytes=1, sha256="0" * 64)
    job = jobs.create_job(database, jobs.new_job_id(), medium=medium, options=JobOptions())
    pieces = [_segment(first) for first in range(0, FRAMES * SEGMENTS, FRAMES)]
    started_s = time.process_time()
    for piece in pieces:
        with database.writing() as connection:
            insert_observations(connection, job, piece)
    spent_s = time.process_time() - started_s
    database.close()
    return round(3 * FRAMES * SEGMENTS / spent_s)


def _segment(first: int) -> SegmentObservations:
    numbers = range(first, first + FRAMES)
    frames = [FrameRow(frame, frame * 40_000, face_count=2) for frame in numbers]
    scores = (500, 100, 400, 5000, 3000, 600, 400)
    faces = [
        FaceRow(frame, face, 100 + 200 * face, 80, 90, 110, 9990, 9100, *scores)
        for frame in numbers
        for face in range(2)
    ]
    return SegmentObservations(frames, faces)
