"""Jobs, plans and rows as tests need them, without any file or analyser."""

from itertools import count

from sqlalchemy import select, update

from storage import claims, commits, failures, jobs
from storage.claims import Capabilities, Claim
from storage.database import Database
from storage.errors import AffectlineError
from storage.jobs import StoredMedium
from storage.labels import UNCERTAIN_BELOW
from storage.records import (
    Detector,
    FaceRow,
    FrameRow,
    JobOptions,
    MediaInfo,
    MediaPlan,
    SegmentKind,
    SegmentObservations,
    SegmentSlice,
)
from storage.tables import segments

ABLE = Capabilities(model_hash="a" * 64, engine_version="1")
PLANS_ONLY = Capabilities(model_hash="", engine_version="")
FRAME_US = 40_000
_serial = count()


def new_job(
    database: Database, filename: str = "talk.mp4", *, detector: Detector = Detector.MTCNN
) -> str:
    """Make a job with its plan ready. Returns its public id."""
    medium = StoredMedium(
        filename=filename,
        location=f"blob:{next(_serial)}/media",
        size_bytes=1000,
        sha256="0" * 64,
    )
    job_id = jobs.new_job_id()
    jobs.create_job(database, job_id, medium=medium, options=JobOptions(detector=detector))
    return job_id


def media_info(frame_count: int, *, full_decode: bool = False) -> MediaInfo:
    """What a plan knows of a made-up 25 fps video."""
    return MediaInfo(
        container="mov,mp4,m4a,3gp,3g2,mj2",
        codec="h264",
        width=640,
        height=360,
        rotation=0,
        frame_count=frame_count,
        duration_us=(frame_count - 1) * FRAME_US,
        time_base_numerator=1,
        time_base_denominator=25,
        first_pts=0,
        still=False,
        times_estimated=False,
        full_decode=full_decode,
    )


def plan_of(*sizes: int, full_decode: bool = False) -> MediaPlan:
    """A plan with a segment of each of these numbers of frames."""
    pieces = []
    first = 0
    for size in sizes:
        frames = tuple(range(first, first + size))
        pieces.append(SegmentSlice(first_frame=first, pts=frames, look=frames, entries=()))
        first += size
    return MediaPlan(media_info(first, full_decode=full_decode), tuple(pieces))


def take(database: Database, able: Capabilities = ABLE, *, lease_s: float = 60.0) -> Claim:
    """Claim the next piece of work, which must be there."""
    claim = claims.claim_next(database, able, lease_s=lease_s)
    assert claim is not None, "no work is ready"
    return claim


def planned_job(
    database: Database,
    *sizes: int,
    full_decode: bool = False,
    uncertain_below: int = UNCERTAIN_BELOW,
) -> str:
    """Make a job and plan it into segments of these numbers of frames. Returns its public id."""
    job_id = new_job(database)
    claim = take(database, PLANS_ONLY)
    plan = plan_of(*sizes, full_decode=full_decode)
    commits.commit_plan(database, claim, plan, able=ABLE, uncertain_below=uncertain_below)
    return job_id


def face_row(
    frame: int,
    face: int = 0,
    *,
    xywh: tuple[int, int, int, int] = (10, 20, 30, 40),
    quality: int | None = None,
) -> FaceRow:
    """A face whose numbers follow from its place, so that rows can be told apart."""
    rising = tuple((100 * index + frame + 7 * face) % 10_000 for index in range(7))
    return FaceRow(frame, face, *xywh, 9000 + frame % 1000, quality, *rising)


def seen_in(piece: SegmentSlice | None, *, faces: int = 1) -> SegmentObservations:
    """What an analyser could have seen in a slice: every third frame has no face."""
    assert piece is not None
    frames = []
    rows = []
    for frame in piece.look:
        found = 0 if frame % 3 == 2 else faces
        frames.append(FrameRow(frame, frame * FRAME_US, found))
        rows += [
            face_row(frame, face, quality=None if face else 5000 + frame % 5000)
            for face in range(found)
        ]
    return SegmentObservations(frames, rows)


def commit(database: Database, claim: Claim, *, faces: int = 1) -> None:
    """Commit the made-up rows of a claimed segment."""
    commits.commit_segment(database, claim, seen_in(claim.slice, faces=faces))


def finish_job(database: Database, *sizes: int, faces: int = 1) -> int:
    """Make a job and bring it to its end. Returns its key."""
    planned_job(database, *sizes)
    while (claim := take(database)).kind is SegmentKind.ANALYSE:
        commit(database, claim, faces=faces)
    commits.commit_job(database, claim, summary={"frames": sum(sizes)})
    return claim.job


def expire_leases(database: Database) -> None:
    """Let every lease be over, as if its worker had been silent for long."""
    with database.writing() as connection:
        connection.execute(
            update(segments).where(segments.c.lease_until.is_not(None)).values(lease_until=1.0)
        )


def fail(database: Database, error: AffectlineError, *, times: int = 1) -> None:
    """Claim the next piece of work and report this error, again and again."""
    for _ in range(times):
        failures.report_failure(database, take(database), error)


def counters(database: Database, segment: int) -> tuple[int, int]:
    """(failures, losses) of a segment."""
    query = select(segments.c.failures, segments.c.losses).where(segments.c.segment == segment)
    with database.reading() as connection:
        row = connection.execute(query).one()
    return row.failures, row.losses


def states(database: Database, job: int) -> list[str]:
    """The states of a job's segments, in order."""
    query = select(segments.c.state).where(segments.c.job == job).order_by(segments.c.position)
    with database.reading() as connection:
        return list(connection.execute(query).scalars())
