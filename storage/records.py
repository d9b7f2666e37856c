"""The values that flow through Affectline and into the database: plain Python, no numpy, no SQL.

Units: time in whole microseconds (`_us`) from the first frame, or in a stream's own ticks (`pts`);
boxes in whole pixels of the upright picture; scores and probabilities in ten-thousandths
(0..10000).
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple, Self

from storage.errors import InvalidOption, UnknownOption

SCORE_UNIT = 10_000
"""Scores, qualities and probabilities are kept as integers of 1 / SCORE_UNIT."""


class Detector(StrEnum):
    MTCNN = "mtcnn"
    HAAR = "haar"
    YUNET = "yunet"  #: where AFFECTLINE_YUNET names its file


class Scores(StrEnum):
    """Which probabilities of a face are meant."""

    RAW = "raw"  #: what the model said of this one picture
    SMOOTHED = "smoothed"  #: along the face's track, see worker.smoothing


class JobState(StrEnum):
    QUEUED = "queued"  #: nothing of it was claimed yet
    RUNNING = "running"  #: at least its plan was claimed
    DONE = "done"  #: every frame has its row, tracks and summary stand
    FAILED = "failed"  #: ended with an error code
    CANCELLED = "cancelled"  #: stopped by its owner; what was finished stays
    DELETING = "deleting"  #: rows and media are being removed


class SegmentKind(StrEnum):
    PLAN = "plan"
    ANALYSE = "analyse"
    FINALISE = "finalise"
    ILLUSTRATE = "illustrate"  #: thumbnails and preview, once the job is done


class SegmentState(StrEnum):
    WAITING = "waiting"  #: may not be claimed yet (finalise before the last segment)
    READY = "ready"
    RUNNING = "running"  #: under a lease
    DONE = "done"
    FAILED = "failed"


MAX_SAMPLE_FPS = 1000.0
MAX_DETECT_EVERY = 64


@dataclass(frozen=True)
class JobOptions:
    """What the caller may choose for a job. The same names in HTTP, CLI and the exported JSON."""

    detector: Detector = Detector.MTCNN
    sample_fps: float | None = None
    """At most this many frames per second are looked at; None looks at every frame."""
    detect_every: int = 8
    """Full face detection on every so many looked-at frames; between them faces are followed. 1 detects in all."""

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
        if given.get("detect_every") not in (None, ""):
            options = replace(options, detect_every=_parse_detect_every(given["detect_every"]))
        return options

    def as_json(self) -> dict[str, Any]:
        return {
            "detector": str(self.detector),
            "sample_fps": self.sample_fps,
            "detect_every": self.detect_every,
        }


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


def _parse_detect_every(value: object) -> int:
    text = str(value)
    every = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= every <= MAX_DETECT_EVERY:
        raise InvalidOption(
            f"option detect_every is {value!r}; expected a whole number, 1 to {MAX_DETECT_EVERY}"
        )
    return every


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
    pixel_format: str = ""  #: FFmpeg's name, e.g. "yuv420p"; empty: planned before it was kept
    damaged_packets: int = (
        0  #: left out because they can't be decoded; an unreadable end counts as one
    )
    mirrored: bool = False  #: left and right of the decoded picture are swapped before it is turned
    container_start_us: int = 0
    """The earliest time of any stream by the container's timestamps; 0 too where it was planned before this was kept."""

    @property
    def time_base(self) -> Fraction:
        return Fraction(self.time_base_numerator, self.time_base_denominator)

    @property
    def first_time_us(self) -> int:
        """The first frame's time by the container's timestamps, which browsers count by."""
        return microseconds(self.first_pts, self.time_base)

    @property
    def start_offset_us(self) -> int:
        """The first frame's time since picture or sound began, whichever came first.

        FFmpeg's tools and mpv count so: they take the container's start away (ffmpeg's `-copyts`, mpv's `--rebase-start-time`).
        """
        return self.first_time_us - self.container_start_us

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote, also of a newer version: its new facts are left aside. (A fleet is renewed bit by bit.)"""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in facts.items() if name in known})


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
    opening_pts: int | None = None
    """pts of the looked-at frame before its first, which tells whether that begins a new shot; None: there is none."""
    closing_pts: int | None = None
    """pts of the frame after its last, in which faces are detected to close the last window; None: no frame is needed."""

    @cached_property
    def decoded_pts(self) -> tuple[int, ...]:
        """pts of every frame that is decoded: its own, and the one that closes it."""
        return self.pts if self.closing_pts is None else (*self.pts, self.closing_pts)

    @property
    def end_frame(self) -> int:
        """Index of the frame after its last."""
        return self.first_frame + len(self.pts)

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
            opening_pts=given.get("opening_pts"),  # not in what the first version packed
            closing_pts=given.get("closing_pts"),
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
    cut: int = 0  #: 1: this frame begins a new shot, and no track goes on from the one before


class FaceRow(NamedTuple):
    """One face of one frame."""

    frame: int
    face: int  #: 0-based within the frame, left to right, then top to bottom
    x: int
    y: int
    width: int
    height: int
    detection_score: int
    quality: (
        int | None
    )  #: how usable the face is; below labels.POOR_BELOW it is poor; None: not measured
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
