"""The values that flow through Affectline and into the database: plain Python, no numpy, no SQL.

Units: time in whole microseconds (`_us`) from the first frame, or in a stream's own ticks (`pts`);
boxes in whole pixels of the upright picture; scores and probabilities in ten-thousandths
(0..10000).
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any, NamedTuple, Self

from storage.errors import InvalidOption, UnknownOption

SCORE_UNIT = 10_000
"""Scores, qualities and probabilities are kept as integers of 1 / SCORE_UNIT."""


class Detector(StrEnum):
    MTCNN = "mtcnn"
    HAAR = "haar"


class JobState(StrEnum):
    QUEUED = "queued"  #: nothing of it was claimed yet
    RUNNING = "running"  #: at least its plan was claimed
    DONE = "done"  #: every frame has its row, tracks and summary stand
    FAILED = "failed"  #: ended with an error code
    DELETING = "deleting"  #: rows and media are being removed


class SegmentKind(StrEnum):
    PLAN = "plan"
    ANALYSE = "analyse"
    FINALISE = "finalise"


class SegmentState(StrEnum):
    WAITING = "waiting"  #: may not be claimed yet (finalise before the last segment)
    READY = "ready"
    RUNNING = "running"  #: under a lease
    DONE = "done"
    FAILED = "failed"


MAX_SAMPLE_FPS = 1000.0


@dataclass(frozen=True)
class JobOptions:
    """What the caller may choose for a job. The same names in HTTP, CLI and the exported JSON."""

    detector: Detector = Detector.MTCNN
    sample_fps: float | None = None
    """At most this many frames per second are looked at; None looks at every frame."""

    @classmethod
    def parse(cls, given: dict[str, Any]) -> Self:
        """Read options from strings or JSON values. Raises UnknownOption or InvalidOption."""
        for name in given:
            if name not in cls.__dataclass_fields__:
                known = ", ".join(cls.__dataclass_fields__)
                raise UnknownOption(f"unknown option {name!r}; expected one of: {known}")
        options = cls()
        if "detector" in given:
            options = replace(options, detector=_parse_detector(given["detector"]))
        if given.get("sample_fps") not in (None, ""):
            options = replace(options, sample_fps=_parse_sample_fps(given["sample_fps"]))
        return options

    def as_json(self) -> dict[str, Any]:
        return {"detector": str(self.detector), "sample_fps": self.sample_fps}


def _parse_detector(value: object) -> Detector:
    try:
        return Detector(str(value))
    except ValueError as error:
        known = ", ".join(Detector)
        raise InvalidOption(f"option detector is {value!r}; expected one of: {known}") from error


def _parse_sample_fps(value: object) -> float:
    wanted = f"expected a number above 0, at most {MAX_SAMPLE_FPS:g}"
    try:
        fps = float(str(value))
    except ValueError as error:
        raise InvalidOption(f"option sample_fps is {value!r}; {wanted}") from error
    if not 0 < fps <= MAX_SAMPLE_FPS:  # also refuses nan
        raise InvalidOption(f"option sample_fps is {value!r}; {wanted}")
    return fps


@dataclass(frozen=True)
class MediaInfo:
    """What the plan learned about a medium."""

    container: str  #: FFmpeg's name of the format, e.g. "mov,mp4,m4a,3gp,3g2,mj2"
    codec: str  #: FFmpeg's name of the decoder, e.g. "h264"
    width: int  #: of the upright picture, pixels
    height: int
    rotation: (
        int  #: degrees counter-clockwise that bring the decoded picture upright: 0, 90, 180, 270
    )
    frame_count: int  #: frames of the stream, looked at or not
    duration_us: int  #: time of the last frame
    time_base_numerator: int
    time_base_denominator: int
    first_pts: int  #: pts of the first frame, in time_base
    still: bool  #: a picture without a clock
    times_estimated: (
        bool  #: the stream carries no usable timestamps; times follow from its nominal rate
    )
    full_decode: bool  #: the frame list comes from decoding all, not from the packets

    @property
    def time_base(self) -> Fraction:
        return Fraction(self.time_base_numerator, self.time_base_denominator)

    @property
    def start_offset_us(self) -> int:
        """The first frame's time on the container's clock, which players and audio use."""
        return microseconds(self.first_pts, self.time_base)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def microseconds(ticks: int, time_base: Fraction) -> int:
    """Exact time of `ticks` rounded half up to whole microseconds (integers only: no float ever
    touches time).
    """
    numerator = ticks * time_base.numerator * 1_000_000
    return (2 * numerator + time_base.denominator) // (2 * time_base.denominator)


@dataclass(frozen=True)
class SegmentSlice:
    """One segment's part of the plan's exact frame list."""

    first_frame: int  #: index of its first frame in the stream
    pts: tuple[
        int, ...
    ]  #: pts of every frame first_frame .. first_frame + len(pts) - 1, ascending, in time_base
    look: tuple[int, ...]  #: frame indices (of the stream) that are looked at, ascending
    entries: tuple[int, ...]
    """dts of the key packets to enter at, best first; empty: decode from the start of the file."""

    def to_bytes(self) -> bytes:
        """Pack it for the database: JSON, compressed."""
        return zlib.compress(json.dumps(asdict(self), separators=(",", ":")).encode())

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """Read back what `to_bytes` packed."""
        given = json.loads(zlib.decompress(packed))
        return cls(
            first_frame=int(given["first_frame"]),
            pts=tuple(given["pts"]),
            look=tuple(given["look"]),
            entries=tuple(given["entries"]),
        )


@dataclass(frozen=True)
class MediaPlan:
    media: MediaInfo
    segments: tuple[SegmentSlice, ...]  #: in order, without gaps, covering every frame


class FrameRow(NamedTuple):
    """One looked-at frame; a frame without a face has one too."""

    frame: int
    time_us: int
    face_count: int


class FaceRow(NamedTuple):
    """One face of one frame."""

    frame: int
    face: int  #: 0-based within the frame, left to right, then top to bottom
    x: int
    y: int
    width: int
    height: int
    detection_score: int
    quality: int | None
    angry: int
    disgust: int
    fear: int
    happy: int
    neutral: int
    sad: int
    surprise: int


class SegmentObservations(NamedTuple):
    """What one segment saw. `frames` has every looked-at frame in order; `faces` is ordered by
    (frame, face).
    """

    frames: Sequence[FrameRow]
    faces: Sequence[FaceRow]
