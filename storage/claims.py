"""Who works on what: claims with leases and fences.

SQL is the only truth here. A claim raises the segment's fence and takes a lease before the work; a
commit checks fence and job in the same transaction as its rows (storage.commits). So work may be
done twice, but its effect is there once. Jobs are locked before segments, everywhere.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    update,
)

from storage.database import Database, now_s
from storage.errors import LeaseLost
from storage.jobs import LIVE_STATES
from storage.records import (
    Detector,
    JobOptions,
    JobState,
    MediaInfo,
    SegmentKind,
    SegmentSlice,
    SegmentState,
)
from storage.tables import jobs, media, segments


@dataclass(frozen=True)
class Capabilities:
    """What this worker computes with: segments planned with anything else are not for it."""

    model_hash: str
    engine_version: str
    yunet_hash: str = ""  #: of that detector's file; empty: this worker has none

    def version_for(self, detector: Detector) -> str:
        """The version under which it plans jobs of a detector: YuNet's file is a part of it."""
        if detector is Detector.YUNET:
            return f"{self.engine_version}-yunet-{self.yunet_hash[:7]}"
        return self.engine_version

    def can_detect(self) -> ColumnElement[bool]:
        """The condition that it has the detector of a job."""
        return or_(_DETECTOR != Detector.YUNET, literal(bool(self.yunet_hash)))

    def as_planned(self) -> ColumnElement[bool]:
        """The condition that a job was planned by a worker which computes the same."""
        version = case(
            (_DETECTOR == Detector.YUNET, self.version_for(Detector.YUNET)),
            else_=self.engine_version,
        )
        return and_(jobs.c.model_hash == self.model_hash, jobs.c.engine_version == version)


_DETECTOR = jobs.c.options["detector"].as_string()


@dataclass(frozen=True)
class Claim:
    """A piece of work under this worker's lease."""

    segment: int
    job: int
    fence: int
    kind: SegmentKind
    location: str
    options: JobOptions
    full_decode: bool  #: of a plan: do not trust the packets, decode everything
    media: MediaInfo | None  #: None for a plan
    slice: SegmentSlice | None  #: of an analyse segment


def claim_next(database: Database, able: Capabilities, *, lease_s: float) -> Claim | None:
    """Take the lease on the oldest ready segment; None if there is none for this worker.

    Timelines come first: nothing is illustrated while any waits.
    """
    with database.writing() as connection:
        row = _take(connection, _oldest_ready(able), lease_s=lease_s)
        if row is None:
            row = _take(connection, _oldest_to_illustrate(), lease_s=lease_s)
        if row is None:
            return None
        # Jobs are locked before segments elsewhere: to wait here for one that is being deleted would
        # be a deadlock.
        free = (
            select(jobs.c.job)
            .where(jobs.c.job == row.job, jobs.c.state.in_(LIVE_STATES))
            .with_for_update(skip_locked=True)
        )
        connection.execute(
            update(jobs)
            .where(jobs.c.job == free.scalar_subquery())
            .values(
                state=JobState.RUNNING,
                started_at=func.coalesce(jobs.c.started_at, now_s()),
                claimed_at=now_s(),
            )
        )
        return _claim(connection, row)


def _take(connection: Connection, ready: ScalarSelect[int], *, lease_s: float) -> Any:
    return connection.execute(
        update(segments)
        .where(segments.c.segment == ready)
        .values(
            state=SegmentState.RUNNING,
            fence=segments.c.fence + 1,
            lease_until=now_s() + lease_s,
        )
        .returning(*segments.c)
    ).one_or_none()


def _oldest_ready(able: Capabilities) -> ScalarSelect[int]:
    """The oldest segment that may be claimed by a worker of these capabilities."""
    oldest = (
        select(segments.c.segment)
        .join(jobs, jobs.c.job == segments.c.job)
        .where(
            _may_begin(),
            jobs.c.state.in_(LIVE_STATES),
            able.can_detect(),
            or_(segments.c.kind == SegmentKind.PLAN, able.as_planned()),
        )
        .order_by(segments.c.job, segments.c.position)
        .limit(1)
        .with_for_update(skip_locked=True, of=segments)
    )
    return oldest.scalar_subquery()


def _oldest_to_illustrate() -> ScalarSelect[int]:
    """The oldest illustrate segment: its job is done, and any version of the engine can look at its medium."""
    oldest = (
        select(segments.c.segment)
        .join(jobs, jobs.c.job == segments.c.job)
        .where(
            _may_begin(),
            segments.c.kind == SegmentKind.ILLUSTRATE,
            jobs.c.state == JobState.DONE,
        )
        .order_by(segments.c.job)
        .limit(1)
        .with_for_update(skip_locked=True, of=segments)
    )
    return oldest.scalar_subquery()


def _may_begin() -> ColumnElement[bool]:
    """The condition that a segment waits for a worker, and not for a pause to end (failures.report_failure)."""
    rested = or_(segments.c.lease_until.is_(None), segments.c.lease_until < now_s())
    return and_(segments.c.state == SegmentState.READY, rested)


def _claim(connection: Connection, row: Any) -> Claim:
    known = connection.execute(
        select(jobs.c.options, media.c.location, media.c.info)
        .join(media, media.c.job == jobs.c.job)
        .where(jobs.c.job == row.job)
    ).one()
    planned = known.info and row.kind != SegmentKind.PLAN
    return Claim(
        segment=row.segment,
        job=row.job,
        fence=row.fence,
        kind=SegmentKind(row.kind),
        location=known.location,
        options=JobOptions.parse(known.options),
        full_decode=row.full_decode,
        media=MediaInfo.from_json(known.info) if planned else None,
        slice=SegmentSlice.from_bytes(row.payload) if row.payload else None,
    )


def read_slices(database: Database, job: int) -> list[SegmentSlice]:
    """Read the slices of a job's plan, in order."""
    query = (
        select(segments.c.payload)
        .where(segments.c.job == job, segments.c.kind == SegmentKind.ANALYSE)
        .order_by(segments.c.position)
    )
    with database.reading() as connection:
        return [SegmentSlice.from_bytes(packed) for packed in connection.scalars(query)]


def held(claim: Claim) -> Any:
    """The condition that a claim still holds: nobody took it over, and its job still needs it."""
    needing = (JobState.DONE,) if claim.kind is SegmentKind.ILLUSTRATE else LIVE_STATES
    live = select(jobs.c.job).where(jobs.c.job == claim.job, jobs.c.state.in_(needing))
    return and_(
        segments.c.segment == claim.segment,
        segments.c.fence == claim.fence,
        segments.c.state == SegmentState.RUNNING,
        live.exists(),
    )


def lock_job(connection: Connection, job: int) -> None:
    """Let the commits of one job happen one after the other, so that exactly one is the last."""
    connection.execute(select(jobs.c.job).where(jobs.c.job == job).with_for_update())


def renew(database: Database, claim: Claim, *, frames_done: int, lease_s: float) -> None:
    """Extend the lease and write the progress. Raises LeaseLost if the claim no longer holds."""
    with database.writing() as connection:
        renewed = connection.execute(
            update(segments)
            .where(held(claim))
            .values(
                lease_until=now_s() + lease_s,
                frames_done=case(
                    (segments.c.frames_done > frames_done, segments.c.frames_done),
                    else_=frames_done,
                ),
            )
        )
        if renewed.rowcount == 0:
            raise LeaseLost()


def hand_back(database: Database, claim: Claim) -> None:
    """Give up a claim without fault, as a worker that shuts down does: it counts as nothing."""
    with database.writing() as connection:
        connection.execute(
            update(segments).where(held(claim)).values(state=SegmentState.READY, lease_until=None)
        )


def count_ready(database: Database) -> int:
    """Count the segments that wait for a worker."""
    query = (
        select(func.count())
        .select_from(segments)
        .join(jobs, jobs.c.job == segments.c.job)
        .where(
            _may_begin(),
            jobs.c.state.in_((*LIVE_STATES, JobState.DONE)),
        )
    )
    with database.reading() as connection:
        return int(connection.execute(query).scalar_one())
