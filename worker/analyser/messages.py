"""What the worker asks its analyser and what that answers, as messages of the wire."""

from array import array

from storage.errors import AffectlineError, error_from_code
from storage.packed import PackedFaces, PackedFrames
from storage.records import (
    Detector,
    JobOptions,
    MediaInfo,
    MediaPlan,
    SegmentObservations,
    SegmentSlice,
)
from worker.analyser.wire import Message, WireError


def load_request(detector: Detector) -> Message:
    """Load the models for a detector's jobs. With any one descriptor, which is not looked at."""
    return Message({"ask": "load", "detector": detector})


def loaded_answer(uncertain_below: int) -> Message:
    return Message({"say": "loaded", "uncertain_below": uncertain_below})


def read_loaded(answer: Message) -> int:
    """Return what is uncertain to the classifier, in ten-thousandths. Raises WireError for anything else."""
    below = answer.header.get("uncertain_below")
    if answer.header.get("say") != "loaded" or not isinstance(below, int):
        raise WireError(f"not the end of loading: {answer.header}")
    return below


def plan_request(options: JobOptions, *, segment_target_us: int, full_decode: bool) -> Message:
    header = {
        "ask": "plan",
        "options": options.as_json(),
        "segment_target_us": segment_target_us,
        "full_decode": full_decode,
    }
    return Message(header)


def analyse_request(options: JobOptions, *, media: MediaInfo, piece: SegmentSlice) -> Message:
    header = {
        "ask": "analyse",
        "options": options.as_json(),
        "media": media.as_json(),
        "first_frame": piece.first_frame,
        "entries": list(piece.entries),
        "opening_pts": piece.opening_pts,
        "closing_pts": piece.closing_pts,
    }
    return Message(header, {"pts": array("q", piece.pts), "look": array("q", piece.look)})


def slice_of(request: Message) -> SegmentSlice:
    """Read back the slice of an analyse request."""
    return SegmentSlice(
        first_frame=request.header["first_frame"],
        pts=tuple(request.arrays["pts"]),
        look=tuple(request.arrays["look"]),
        entries=tuple(request.header["entries"]),
        opening_pts=request.header["opening_pts"],
        closing_pts=request.header["closing_pts"],
    )


def progress(done: int, total: int) -> Message:
    return Message({"say": "progress", "done": done, "total": total})


def frames_done(report: Message) -> int:
    """Read back a progress message. Raises WireError for anything else."""
    done = report.header.get("done")
    if not isinstance(done, int):
        raise WireError(f"not a progress: {done!r} frames done")
    return done


def failure(error: AffectlineError) -> Message:
    return Message({"say": "failure", "code": error.code, "message": error.message})


def raised(answer: Message) -> AffectlineError:
    """Rebuild the error of a failure message."""
    return error_from_code(str(answer.header.get("code")), str(answer.header.get("message")))


def plan_answer(plan: MediaPlan) -> Message:
    sizes = [
        {
            "first_frame": piece.first_frame,
            "frames": len(piece.pts),
            "looks": len(piece.look),
            "entries": list(piece.entries),
            "opening_pts": piece.opening_pts,
            "closing_pts": piece.closing_pts,
        }
        for piece in plan.segments
    ]
    arrays = {
        "pts": array("q", (pts for piece in plan.segments for pts in piece.pts)),
        "look": array("q", (frame for piece in plan.segments for frame in piece.look)),
    }
    return Message({"say": "plan", "media": plan.media.as_json(), "segments": sizes}, arrays)


def read_plan(answer: Message) -> MediaPlan:
    """Read back a plan. Raises WireError for anything else."""
    try:
        pts, look = answer.arrays["pts"], answer.arrays["look"]
        pieces: list[SegmentSlice] = []
        frames_read = looks_read = 0
        for size in answer.header["segments"]:
            frames_end, looks_end = frames_read + size["frames"], looks_read + size["looks"]
            pieces.append(
                SegmentSlice(
                    first_frame=size["first_frame"],
                    pts=tuple(pts[frames_read:frames_end]),
                    look=tuple(look[looks_read:looks_end]),
                    entries=tuple(size["entries"]),
                    opening_pts=size["opening_pts"],
                    closing_pts=size["closing_pts"],
                )
            )
            frames_read, looks_read = frames_end, looks_end
        return MediaPlan(MediaInfo.from_json(answer.header["media"]), tuple(pieces))
    except (KeyError, TypeError) as error:
        raise WireError(f"not a plan: {error}") from error


def observations_answer(seen: SegmentObservations) -> Message:
    frames, faces = PackedFrames(), PackedFaces()
    frames.extend(seen.frames)
    faces.extend(seen.faces)
    return Message({"say": "observations"}, {"frames": frames.values, "faces": faces.values})


def read_observations(answer: Message) -> SegmentObservations:
    """Read back a segment's rows. Raises WireError for anything else."""
    try:
        frames, faces = answer.arrays["frames"], answer.arrays["faces"]
        return SegmentObservations(PackedFrames(frames), PackedFaces(faces))
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"not observations: {error}") from error
