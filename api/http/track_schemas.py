"""As api.http.schemas, of what finalise finds out: tracks, sums and plots."""

import unicodedata
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.http.job_schemas import FacesSummaryReply, SummaryReply
from api.http.schemas import (
    LARGEST_SECONDS,
    MICROSECONDS,
    BoxReply,
    Parameters,
)
from storage.labels import EXPRESSIONS
from storage.plots import Grain, Peak, Plot, PlotPoint
from storage.records import Scores
from storage.tracks import Track

LARGEST_TRACK = 2**31 - 1
"""Of the database's integers; larger numbers would make it fail."""
MAX_PERSON_CHARACTERS = 200
_UNWRITABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Control characters, halves of characters, ends of lines (Unicode's general categories)."""


class TracksQuery(Parameters):
    limit: int = Field(200, ge=1, le=1000, description="Tracks of a page.")
    cursor: int = Field(
        -1, ge=-1, le=LARGEST_TRACK, description="Where the page begins: from a `next`."
    )


class BestFaceReply(BaseModel):
    """Where a track's face is seen best: the place for a thumbnail."""

    frame: int
    box: BoxReply


class TrackReply(BaseModel):
    """One face followed through a shot."""

    track: int
    person: str | None = Field(description="The name given by hand.")
    first_frame: int
    last_frame: int
    first_time_s: float
    last_time_s: float
    face_count: int
    best: BestFaceReply
    summary: FacesSummaryReply | None = Field(description="Null if an older version did the job.")

    @classmethod
    def of(cls, track: Track) -> Self:
        row = track.row
        x, y, width, height = track.best_xywh
        return cls(
            track=row.track,
            person=track.person,
            first_frame=row.first_frame,
            last_frame=row.last_frame,
            first_time_s=row.first_time_us / MICROSECONDS,
            last_time_s=row.last_time_us / MICROSECONDS,
            face_count=row.face_count,
            best=BestFaceReply(
                frame=row.best_frame, box=BoxReply(x=x, y=y, width=width, height=height)
            ),
            summary=None if row.summary is None else FacesSummaryReply(**row.summary),
        )


class TracksReply(BaseModel):
    """A page of tracks, in the order of their numbers, which is that of their first faces."""

    tracks: list[TrackReply]
    next: str | None = Field(description="The `cursor` of the page that follows; null at the end.")


def _writable(person: str) -> str:
    if any(unicodedata.category(character) in _UNWRITABLE for character in person):
        raise ValueError("a name without control characters and line ends")
    return person


class TrackBody(BaseModel):
    """What can be said of a track by hand."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    person: (
        Annotated[
            str,
            Field(min_length=1, max_length=MAX_PERSON_CHARACTERS),
            AfterValidator(_writable),
        ]
        | None
    ) = Field(description="Who it is; null takes a name back. Exported in the column `person`.")


class PeakReply(BaseModel):
    """The moment at which the smoothed probability of an expression is highest."""

    time_s: float = Field(description="The time of its frame.")
    track: int
    probability: float = Field(description="There, smoothed along the track.")

    @classmethod
    def of(cls, peak: Peak) -> Self:
        return cls(
            time_s=peak.time_us / MICROSECONDS, track=peak.track, probability=peak.probability
        )


class JobSummaryReply(SummaryReply):
    """The timeline in numbers, with its peaks."""

    peaks: dict[str, PeakReply | None] = Field(
        description="By expression, of faces that can be read well and, where there are such, were seen in three frames"
        " or more; null where there is none."
    )


class PlotQuery(Parameters):
    track: int | None = Field(
        None, ge=0, le=LARGEST_TRACK, description="One track; without it the mean of all faces."
    )
    from_s: float = Field(0.0, ge=0, le=LARGEST_SECONDS, description="Where the plot begins.")
    to_s: float | None = Field(
        None, gt=0, le=LARGEST_SECONDS, description="Where it ends; without it with the timeline."
    )
    points: int = Field(1000, ge=1, le=5000, description="At most so many points.")
    scores: Scores = Field(
        Scores.SMOOTHED,
        description="raw, or smoothed along each track where that is done; of points of more than a second always raw.",
    )


class PlotReply(BaseModel):
    """A timeline thinned out, as columns: the n-th value of each belongs to the n-th point.

    A point without any face has null probabilities: a gap. A stretch without looked-at frames has no points.
    """

    grain: Grain = Field(
        description="What a point is: a frame, the mean of a bin of frames, or of whole seconds."
    )
    step_s: float = Field(description="What a point covers; 0: one frame.")
    time_s: list[float] = Field(description="Where each point begins.")
    faces: list[int]
    uncertain: list[int] = Field(description="Of the faces, those without a likely expression.")
    probabilities: dict[str, list[float | None]] = Field(
        description="By expression: means, in which poor faces count little."
    )
    done: bool = Field(description="The job is done: this is the final timeline.")

    @classmethod
    def of(cls, plot: Plot, *, done: bool) -> Self:
        return cls(
            grain=plot.grain,
            step_s=plot.step_us / MICROSECONDS,
            time_s=[point.time_us / MICROSECONDS for point in plot.points],
            faces=[point.face_count for point in plot.points],
            uncertain=[point.uncertain_count for point in plot.points],
            probabilities={
                name: [_probability(point, index) for point in plot.points]
                for index, name in enumerate(EXPRESSIONS)
            },
            done=done,
        )


def _probability(point: PlotPoint, index: int) -> float | None:
    return None if point.probabilities is None else round(point.probabilities[index], 4)
