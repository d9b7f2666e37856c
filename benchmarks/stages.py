"""CPU time of a whole analysis and of its stages. Processor time, never wall time: other work on the machine hardly shows."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storage.records import JobOptions, MediaPlan, SegmentObservations
from storage.settings import Settings
from worker.vision import pipeline, windows
from worker.vision.decode import decode_segment
from worker.vision.pipeline import Pipeline
from worker.vision.probe import plan_medium

REPEATS = 3
"""The least of so many runs counts, as the timeit documentation advises: the others were disturbed."""
WHOLE = 10**15
"""Microseconds: one segment for everything."""


def measure(
    file: Path, options: JobOptions, model: Path, *, repeats: int = REPEATS
) -> dict[str, Any]:
    """Analyse a video; CPU milliseconds per frame of decoding alone, of every stage and of the whole.

    Stages are timed inside the whole, so they add up to a little less than it.
    """
    analyser = _pipeline(options, model)
    with _opened(file) as fd:
        plan = plan_medium(fd, options, segment_target_us=WHOLE, progress=_no_progress)
        runs = [_analysed(fd, plan, options, analyser) for _ in range(repeats)]
        decode_s = min(_timed(lambda: _decode(fd, plan))[0] for _ in range(repeats))
    whole_s, seen, stages = min(runs, key=lambda run: run[0])
    frames = len(seen.frames)
    return {
        "detector": str(options.detector),
        "detect_every": options.detect_every,
        "frames": frames,
        "faces_per_frame": round(len(seen.faces) / frames, 2),
        "decode_only_ms": _per_frame(decode_s, frames),
        "end_to_end_ms": _per_frame(whole_s, frames),
        "decode_share": round(decode_s / whole_s, 3),
        "stages_ms": {name: _per_frame(spent_s, frames) for name, spent_s in stages.items()},
    }


def least_timed(
    file: Path, options: JobOptions, model: Path, *, repeats: int = REPEATS
) -> tuple[float, SegmentObservations]:
    """Analyse a video; the least CPU seconds of a run, decoding included, and what was seen."""
    analyser = _pipeline(options, model)
    with _opened(file) as fd:
        plan = plan_medium(fd, options, segment_target_us=WHOLE, progress=_no_progress)
        (segment,) = plan.segments
        runs = [
            _timed(
                lambda: analyser.analyse(fd, options, plan.media, segment, progress=_no_progress)
            )
            for _ in range(repeats)
        ]
    return min(runs, key=lambda run: run[0])


def analyse_in_segments(file: Path, options: JobOptions, model: Path) -> None:
    """Plan a video and analyse each segment, as a job's are, and let go of its rows."""
    analyser = _pipeline(options, model)
    with _opened(file) as fd:
        plan = plan_medium(fd, options, progress=_no_progress)
        for segment in plan.segments:
            analyser.analyse(fd, options, plan.media, segment, progress=_no_progress)


def _pipeline(options: JobOptions, model: Path) -> Pipeline:
    return Pipeline(options.detector, model, yunet=Settings.load().yunet)


def _analysed(
    fd: int, plan: MediaPlan, options: JobOptions, analyser: Pipeline
) -> tuple[float, SegmentObservations, dict[str, float]]:
    (segment,) = plan.segments
    with _clocks(analyser) as spent_s:
        whole_s, seen = _timed(
            lambda: analyser.analyse(fd, options, plan.media, segment, progress=_no_progress)
        )
    return whole_s, seen, spent_s


def _decode(fd: int, plan: MediaPlan) -> None:
    for frame in decode_segment(fd, plan.media, plan.segments[0], progress=_no_progress):
        _ = frame.luma


@contextmanager
def _clocks(analyser: Pipeline) -> Iterator[dict[str, float]]:
    """Put a clock around each stage's function for a while."""
    detector, classifier = analyser._detector, analyser._classifier
    places: list[tuple[Any, str, str]] = [
        (detector, "detect", "detect"),
        (detector, "detect_near", "detect_near"),
        (detector, "confirm", "confirm"),
        (windows, "matched", "match"),
        (pipeline, "crop_faces", "crop"),
        (pipeline, "qualities", "quality"),
        (classifier, "probabilities", "classify"),
    ]
    spent_s = {stage: 0.0 for _, _, stage in places}
    originals = [getattr(owner, name) for owner, name, _ in places]
    for (owner, name, stage), original in zip(places, originals, strict=True):
        setattr(owner, name, _clocked(original, stage, spent_s))
    try:
        yield spent_s
    finally:
        for (owner, name, _), original in zip(places, originals, strict=True):
            setattr(owner, name, original)


def _clocked(
    function: Callable[..., Any], stage: str, spent_s: dict[str, float]
) -> Callable[..., Any]:
    def clocked(*arguments: Any, **named: Any) -> Any:
        taken_s, result = _timed(lambda: function(*arguments, **named))
        spent_s[stage] += taken_s
        return result

    return clocked


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started_s = time.process_time()
    result = work()
    return time.process_time() - started_s, result


def _per_frame(spent_s: float, frames: int) -> float:
    return round(1000 * spent_s / frames, 3)


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    fd = os.open(file, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def _no_progress(done: int, total: int) -> None:
    """Nobody looks on."""
