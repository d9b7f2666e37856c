"""The JSON of a job."""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from api.http.schemas import MICROSECONDS
from storage.errors import may_be_overcome
from storage.jobs import JobView
from storage.records import SCORE_UNIT, JobState, MediaInfo
from worker.pictures import preview_name


class OptionsReply(BaseModel):
    detector: str
    sample_fps: float | None
    detect_every: int


class ErrorReply(BaseModel):
    """Why a job failed."""

    code: str
    message: str
    retryable: bool = Field(
        description="Trying again can help, if only after the operator's help; without it only another file can."
    )


class MediaReply(BaseModel):
    """What the plan learned about the medium."""

    container: str
    codec: str
    width: int = Field(description="Of the upright picture, in pixels.")
    height: int
    rotation: int = Field(description="Degrees counter-clockwise that bring it upright.")
    mirrored: bool = Field(description="Its left and right are swapped before it is turned.")
    frame_count: int = Field(description="Frames of the stream, looked at or not.")
    duration_s: float = Field(description="The time of the last frame.")
    start_offset_s: float = Field(
        description="The first frame's time since picture or sound began, whichever came first."
    )
    still: bool
    times_estimated: bool = Field(description="The file carries no usable timestamps.")
    damaged_packets: int = Field(
        description="Pieces of the stream that can't be decoded; the timeline has the frames that can."
    )

    @classmethod
    def of(cls, info: dict[str, Any]) -> Self:
        media = MediaInfo.from_json(info)
        return cls(
            container=media.container,
            codec=media.codec,
            width=media.width,
            height=media.height,
            rotation=media.rotation,
            mirrored=media.mirrored,
            frame_count=media.frame_count,
            duration_s=media.duration_us / MICROSECONDS,
            start_offset_s=media.start_offset_us / MICROSECONDS,
            still=media.still,
            times_estimated=media.times_estimated,
            damaged_packets=media.damaged_packets,
        )


class FacesSummaryReply(BaseModel):
    """Faces in numbers. Poor ones count little in the fractions."""

    faces: int
    poor: int = Field(0, description="Faces too small, unsharp or doubtful to be read well.")
    uncertain: float | None = Field(
        None,
        description="The fraction without a likely expression; null if an older version did the job.",
    )
    share: dict[str, float] = Field(
        description="By expression: the fraction of the faces that read as it most of all."
    )
    mean: dict[str, float] = Field(description="By expression: its mean probability.")


class SummaryReply(FacesSummaryReply):
    """The timeline in numbers."""

    frames: int = Field(description="Looked-at frames.")
    frames_with_face: int
    tracks: int = Field(description="Identities over time.")


class PlayableReply(BaseModel):
    """What a browser shows of the recording: the upload itself, or a preview of it."""

    url: str
    preview: bool
    start_offset_s: float = Field(
        description="The first frame's time on a browser's clock; 0 for a preview."
    )


class LinksReply(BaseModel):
    self: str
    timeline: str
    csv: str | None = Field(description="Null until the job is done.")
    media: str = Field(description="The recording's own bytes.")
    thumbnail: str | None = Field(
        description="Null until it is made, with those of the tracks, when the job is done."
    )


class JobReply(BaseModel):
    """A job and how far it is."""

    id: str
    state: JobState
    stage: str = Field(description="queued, plan, analyse, finalise, done, failed or cancelled.")
    percent: int = Field(description="0..100; 100 only when done.")
    frames_done: int
    frames_total: int | None = Field(description="Frames to look at; null before the plan.")
    options: OptionsReply
    filename: str
    size_bytes: int
    sha256: str
    created_at: str = Field(description="RFC 3339, UTC.")
    started_at: str | None
    finished_at: str | None
    error: ErrorReply | None
    media: MediaReply | None = Field(description="Null before the plan.")
    summary: SummaryReply | None = Field(description="Null until the job is done.")
    uncertain_below: float = Field(
        description="A face whose likeliest expression has less is uncertain: what the job's model says of itself."
    )
    playable: PlayableReply | None = Field(
        description="Null before the plan, and until the preview of a recording that needs one is made."
    )
    awaits_pictures: bool = Field(
        description="Whether the job is done and thumbnails, or a preview, are still to be made: after all timelines."
    )
    links: LinksReply

    @classmethod
    def of(cls, job: JobView, *, has_preview: bool, has_thumbnail: bool) -> Self:
        """has_preview, has_thumbnail: they lie beside the medium, see worker.pictures."""
        address = f"/v1/jobs/{job.id}"
        done = job.state is JobState.DONE
        return cls(
            id=job.id,
            state=job.state,
            stage=job.stage,
            percent=job.percent,
            frames_done=job.frames_done,
            frames_total=job.frames_total,
            options=OptionsReply(**job.options.as_json()),
            filename=job.filename,
            size_bytes=job.size_bytes,
            sha256=job.sha256,
            created_at=_rfc3339(job.created_at),
            started_at=None if job.started_at is None else _rfc3339(job.started_at),
            finished_at=None if job.finished_at is None else _rfc3339(job.finished_at),
            error=_error_of(job),
            media=MediaReply.of(job.media_info) if job.media_info else None,
            summary=SummaryReply(**job.summary) if job.summary else None,
            links=LinksReply(
                self=address,
                timeline=f"{address}/timeline",
                csv=f"{address}/timeline.csv" if done else None,
                media=f"{address}/media",
                thumbnail=f"{address}/thumbnail.jpg" if has_thumbnail else None,
            ),
            uncertain_below=job.uncertain_below / SCORE_UNIT,
            playable=_playable_of(job, address, has_preview=has_preview),
            awaits_pictures=job.awaits_pictures,
        )


def _error_of(job: JobView) -> ErrorReply | None:
    if job.error_code is None:
        return None
    return ErrorReply(
        code=job.error_code,
        message=job.error_message or "",
        retryable=may_be_overcome(job.error_code),
    )


def _playable_of(job: JobView, address: str, *, has_preview: bool) -> PlayableReply | None:
    if job.media_info is None:
        return None
    media = MediaInfo.from_json(job.media_info)
    if preview_name(media) is None:
        start_s = media.first_time_us / MICROSECONDS
        return PlayableReply(url=f"{address}/media", preview=False, start_offset_s=start_s)
    if not has_preview:
        return None
    return PlayableReply(url=f"{address}/preview", preview=True, start_offset_s=0.0)


def _rfc3339(seconds_since_1970: float) -> str:
    moment = datetime.fromtimestamp(seconds_since_1970, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JobsReply(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobReply]
    next: str | None = Field(description="The `cursor` of the page that follows; null at the end.")
