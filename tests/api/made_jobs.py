"""Jobs as the workers would leave them, made through the same storage functions with a made-up timeline."""

from dataclasses import dataclass, replace

from storage.blobs import Blobs
from storage.claims import Capabilities, Claim, claim_next
from storage.commits import commit_identities, commit_job, commit_plan, commit_segment
from storage.database import Database
from storage.errors import AffectlineError, CorruptMedia
from storage.failures import report_failure
from storage.jobs import JobView, StoredMedium, create_job, get_job, new_job_id
from storage.labels import EXPRESSIONS
from storage.records import (
    FaceRow,
    FrameRow,
    JobOptions,
    MediaInfo,
    MediaPlan,
    SegmentObservations,
    SegmentSlice,
)
from storage.timelines import iterate_pages
from worker.finalise import Walk

ABLE = Capabilities(model_hash="0" * 64, engine_version="test")
FRAME_US = 40_000

STILL = MediaInfo(
    container="png_pipe",
    codec="png",
    width=640,
    height=480,
    rotation=0,
    frame_count=1,
    duration_us=0,
    time_base_numerator=1,
    time_base_denominator=25,
    first_pts=0,
    still=True,
    times_estimated=False,
    full_decode=False,
)
VIDEO = replace(
    STILL, container="mov,mp4", codec="h264", width=320, height=240, first_pts=25, still=False
)


@dataclass(frozen=True)
class MadeUp:
    """What a made-up job holds."""

    filename: str = "talk.mp4"
    frame_count: int = 12
    still: bool = False
    segment_frames: int = 5
    tracked: bool = True
    damaged_packets: int = 0
    faces_of_frame: tuple[int, ...] = (0, 1, 2)
    """How many faces the frames have, over and over."""


def queue_job(database: Database, blobs: Blobs, made: MadeUp | None = None) -> JobView:
    """Make a job that nobody worked on yet."""
    job_id = new_job_id()
    location, file = blobs.create(job_id)
    with file:
        file.write(b"medium")
    medium = StoredMedium((made or MadeUp()).filename, location, size_bytes=6, sha256="0" * 64)
    create_job(database, job_id, medium=medium, options=JobOptions())
    return get_job(database, job_id)


def plan_job(database: Database, blobs: Blobs, made: MadeUp | None = None) -> JobView:
    """Make a job that is planned, without any rows yet."""
    job = queue_job(database, blobs, made)
    plan_next(database, made)
    return get_job(database, job.id)


def plan_next(database: Database, made: MadeUp | None = None) -> None:
    """Commit a made-up plan for the next job that waits for one."""
    made = made or MadeUp()
    info = replace(
        STILL if made.still else VIDEO,
        frame_count=made.frame_count,
        duration_us=(made.frame_count - 1) * FRAME_US,
        damaged_packets=made.damaged_packets,
    )
    commit_plan(database, _claim(database), MediaPlan(info, tuple(_slices(made))), able=ABLE)


def _slices(made: MadeUp) -> list[SegmentSlice]:
    starts = range(0, made.frame_count, made.segment_frames)
    pieces = [range(s, min(s + made.segment_frames, made.frame_count)) for s in starts]
    return [SegmentSlice(p.start, pts=tuple(p), look=tuple(p), entries=()) for p in pieces]


def see_segment(database: Database, made: MadeUp | None = None) -> None:
    """Commit the rows of the next segment."""
    made = made or MadeUp()
    claim = _claim(database)
    assert claim.slice is not None
    counts = made.faces_of_frame
    looked = [(frame, counts[frame % len(counts)]) for frame in claim.slice.look]
    seen = SegmentObservations(
        frames=[FrameRow(frame, frame * FRAME_US, count) for frame, count in looked],
        faces=[made_face(frame, face) for frame, count in looked for face in range(count)],
    )
    commit_segment(database, claim, seen)


def made_face(frame: int, face: int) -> FaceRow:
    """Make up a face whose expression depends on its place."""
    scores = [200] * len(EXPRESSIONS)
    scores[(frame + face) % len(scores)] = 10_000 - 200 * (len(scores) - 1)
    box = (40 + 120 * face, 30 + frame % 7, 80, 90)
    return FaceRow(frame, face, *box, 9_912, 7_500 if face else None, *scores)


def finish_job(database: Database, blobs: Blobs, made: MadeUp | None = None) -> JobView:
    """Make a job that is done."""
    made = made or MadeUp()
    job = plan_job(database, blobs, made)
    for _ in _slices(made):
        see_segment(database, made)
    end_job(database, made)
    return get_job(database, job.id)


def end_job(database: Database, made: MadeUp | None = None) -> None:
    """Finalise the next job that waits for it; without tracks nothing of it is summed up either."""
    made = made or MadeUp()
    claim = _claim(database)
    walk = Walk()
    if made.tracked:
        for page in iterate_pages(database, claim.job):
            commit_identities(database, claim, walk.through(page))
        commit_identities(database, claim, walk.end())
    commit_job(database, claim, summary=walk.summary())


def fail_job(database: Database, blobs: Blobs, error: AffectlineError | None = None) -> JobView:
    """Make a job that failed: for its file's sake, unless another error is given that is not tried again by itself."""
    job = queue_job(database, blobs)
    fail_next(database, error)
    return get_job(database, job.id)


def fail_next(database: Database, error: AffectlineError | None = None) -> None:
    """Have the next piece of work fail, for its file's sake unless another error is given."""
    error = error or CorruptMedia("not one picture of 3 could be decoded")
    report_failure(database, _claim(database), error)


def _claim(database: Database) -> Claim:
    claim = claim_next(database, ABLE, lease_s=60)
    assert claim is not None
    return claim
