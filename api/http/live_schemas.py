"""The JSON of live sessions."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field

from api.http.schemas import BoxReply
from storage.labels import EXPRESSIONS, likeliest
from storage.records import SCORE_UNIT
from worker.live_faces import LiveFace, LiveSight


class LivePath(BaseModel):
    id: str = Field(description="The session's id, as `POST /v1/live` gave it.")


class LiveReply(BaseModel):
    """An open live session."""

    id: str
    frames: str = Field(description="Where to send the pictures, one at a time.")
    idle_s: float = Field(description="Without a picture for so many seconds the session ends.")
    max_side: int = Field(description="Pixels a picture may have each way.")
    max_bytes: int = Field(description="Bytes a picture may have.")


class LiveFaceReply(BaseModel):
    track: int = Field(description="The same face over time, within the session.")
    box: BoxReply
    detection_score: float
    quality: float | None
    probabilities: dict[str, float] = Field(description="By expression, of this picture alone.")
    smoothed: dict[str, float] = Field(description="By expression, along the track.")
    emotion: str = Field(description="The most probable expression of `smoothed`.")
    confidence: float = Field(description="Its probability.")
    uncertain: bool = Field(description="The confidence is too low to call it by that name.")

    @classmethod
    def of(cls, seen: LiveFace, *, uncertain_below: int) -> Self:
        emotion, confidence = likeliest(seen.smoothed)
        return cls(
            track=seen.track,
            box=BoxReply(x=seen.x, y=seen.y, width=seen.width, height=seen.height),
            detection_score=seen.detection_score / SCORE_UNIT,
            quality=None if seen.quality is None else seen.quality / SCORE_UNIT,
            probabilities=_by_expression(seen.probabilities),
            smoothed=_by_expression(seen.smoothed),
            emotion=emotion,
            confidence=confidence / SCORE_UNIT,
            uncertain=confidence < uncertain_below,
        )


def _by_expression(values: Sequence[int]) -> dict[str, float]:
    return {name: value / SCORE_UNIT for name, value in zip(EXPRESSIONS, values, strict=True)}


class LiveSightReply(BaseModel):
    """What is seen in one picture."""

    width: int = Field(description="Of the picture, in pixels.")
    height: int
    faces: list[LiveFaceReply]
    uncertain_below: float = Field(description="A face of less confidence is uncertain.")
    milliseconds: float = Field(description="From the last byte of the picture to this answer.")

    @classmethod
    def of(cls, seen: LiveSight, *, milliseconds: float) -> Self:
        below = seen.uncertain_below
        return cls(
            width=seen.width,
            height=seen.height,
            faces=[LiveFaceReply.of(face, uncertain_below=below) for face in seen.faces],
            uncertain_below=below / SCORE_UNIT,
            milliseconds=round(milliseconds, 2),
        )
