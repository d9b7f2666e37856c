"""As api.http.schemas, of timelines: frames and their faces."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field

from api.http.schemas import LARGEST_KEY, LARGEST_SECONDS, MICROSECONDS, BoxReply, Parameters
from storage.labels import EXPRESSIONS
from storage.records import SCORE_UNIT, Scores
from storage.timelines import TimelineFace, TimelineFrame


class TimelineQuery(Parameters):
    limit: int = Field(1000, ge=1, le=5000, description="Frames of a page.")
    cursor: int = Field(
        -1, ge=-1, le=LARGEST_KEY, description="Where the page begins: from a `next`."
    )
    from_s: float = Field(
        0.0, ge=0, le=LARGEST_SECONDS, description="Leave out the frames before this time."
    )


class TimelineCsvQuery(Parameters):
    scores: Scores = Field(
        Scores.RAW, description="raw, frame by frame, or smoothed along each track."
    )


class FaceReply(BaseModel):
    face: int = Field(description="Its number in the frame, left to right, then top to bottom.")
    track: int | None = Field(
        description="Its identity over time; may be null until the job is done."
    )
    box: BoxReply
    detection_score: float
    quality: float | None
    probabilities: dict[str, float] = Field(description="By expression; together about 1.")
    smoothed: dict[str, float] | None = Field(
        description="The same along the track; together 1; may be null until the job is done."
    )
    emotion: str = Field(description="The most probable expression of `probabilities`.")
    confidence: float = Field(description="Its probability.")
    uncertain: bool = Field(description="No expression is likely: `confidence` is low.")
    poor: bool = Field(description="Too small, unsharp or doubtful to be read well.")

    @classmethod
    def of(cls, seen: TimelineFace) -> Self:
        row = seen.row
        return cls(
            face=row.face,
            track=seen.track,
            box=BoxReply(x=row.x, y=row.y, width=row.width, height=row.height),
            detection_score=row.detection_score / SCORE_UNIT,
            quality=None if row.quality is None else row.quality / SCORE_UNIT,
            probabilities=_by_expression(seen.probabilities),
            smoothed=None if seen.smoothed is None else _by_expression(seen.smoothed),
            emotion=seen.emotion,
            confidence=seen.confidence / SCORE_UNIT,
            uncertain=seen.uncertain,
            poor=seen.poor,
        )


def _by_expression(ten_thousandths: Sequence[int]) -> dict[str, float]:
    return {
        name: value / SCORE_UNIT for name, value in zip(EXPRESSIONS, ten_thousandths, strict=True)
    }


class FrameReply(BaseModel):
    """A looked-at frame; one without a face is there too."""

    frame: int = Field(description="Its number among all frames of the stream, from 0.")
    time_s: float = Field(description="Seconds from the first frame.")
    faces: list[FaceReply]

    @classmethod
    def of(cls, seen: TimelineFrame) -> Self:
        return cls(
            frame=seen.frame,
            time_s=seen.time_us / MICROSECONDS,
            faces=[FaceReply.of(face) for face in seen.faces],
        )


class TimelineReply(BaseModel):
    """A page of a timeline, as far as it is complete."""

    frames: list[FrameReply]
    next: str | None = Field(
        description="The `cursor` of the page that follows; it stays the same while the job has"
        " nothing new yet, and is null when nothing will follow."
    )
    plan: int = Field(
        description="Another number than the page before had means that the job was planned anew: what was"
        " collected until then belongs to a timeline that is no more. Begin again without `cursor`."
    )
    complete_through_s: float | None = Field(
        description="Up to this time every looked-at frame can be read; null before the first."
    )
    done: bool = Field(description="The job is done: this is its final timeline.")
