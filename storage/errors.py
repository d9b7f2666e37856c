"""Every error Affectline can report, each with one stable code used in HTTP, CLI, logs and the
database.

The first docstring line of a class is its default message. `InputError`: the caller's file or
request, never retried. `TransientError`: retried by the engine until its counter ends. The rest:
this installation needs its operator.
"""

from typing import ClassVar


class AffectlineError(Exception):
    """Something went wrong inside Affectline; the log of this time says more."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        return str(self.args[0])


class InputError(AffectlineError):
    """The request or the file can't be used as it is."""

    code = "invalid_input"
    http_status = 400


class EmptyFile(InputError):
    """The file holds no bytes; expected an image or a video."""

    code = "empty_file"
    http_status = 400


class UnsupportedMedia(InputError):
    """The file is not an image or a video of a supported format."""

    code = "unsupported_media"
    http_status = 415


class NoVideo(UnsupportedMedia):
    """The file holds no video stream; expected an image or a video with pictures."""

    code = "no_video"


class CorruptMedia(InputError):
    """The file is damaged: not one picture could be decoded."""

    code = "corrupt_media"
    http_status = 422


class TooLarge(InputError):
    """The file is larger than this installation accepts."""

    code = "too_large"
    http_status = 413


class IncompleteUpload(InputError):
    """The upload ended before all announced bytes had come; send it again."""

    code = "incomplete_upload"
    http_status = 400


class UnknownOption(InputError):
    """The request names an option that does not exist."""

    code = "unknown_option"
    http_status = 400


class InvalidOption(InputError):
    """An option has a value that is not allowed."""

    code = "invalid_option"
    http_status = 400


class DetectorUnavailable(InputError):
    """This installation lacks the face detector's model file: choose another detector."""

    code = "detector_unavailable"
    http_status = 400


class PathNotFound(InputError):
    """There is no such file or folder."""

    code = "path_not_found"
    http_status = 404


class Unauthorized(InputError):
    """This installation needs an API key: send it as 'Authorization: Bearer KEY'."""

    code = "api_key_required"
    http_status = 401


class NotFound(AffectlineError):
    """There is no job of that id; it may have been deleted."""

    code = "job_not_found"
    http_status = 404


class TrackNotFound(NotFound):
    """The job has no track of that number."""

    code = "track_not_found"


class NothingFound(NotFound):
    """There are no images or videos in the folders that were named."""

    code = "nothing_found"


class Conflict(AffectlineError):
    """The job is not in a state that allows this."""

    code = "conflict"
    http_status = 409


class FileChanging(Conflict):
    """The file was written to or replaced while it was looked at: try again when that has ended."""

    code = "file_changing"


class JobNotDone(Conflict):
    """The job is not done: this is there when its state is 'done'."""

    code = "job_not_done"


class LiveNotFound(NotFound):
    """There is no live session of that id; it ends when it gets no picture for 15 seconds: open another."""

    code = "live_not_found"


class LiveBusy(Conflict):
    """The live session still looks at the picture before: send the next one when that is answered."""

    code = "live_busy"


class LiveFull(InputError):
    """All live sessions of this installation are taken; try again later."""

    code = "live_full"
    http_status = 429


class LiveOff(InputError):
    """Live views are switched off in this installation: AFFECTLINE_LIVE_SESSIONS is 0."""

    code = "live_off"
    http_status = 403


class JobEnded(Conflict):
    """The job has ended: there is nothing left to cancel."""

    code = "job_ended"


class JobNotEnded(Conflict):
    """The job has not failed and was not cancelled: there is nothing to try again."""

    code = "job_not_ended"


class OutputFailed(AffectlineError):
    """The result can't be written: the disk is full, or the place is not allowed or misnamed."""

    code = "output_failed"


class StorageFull(AffectlineError):
    """There is no room left to write; delete recordings, or have the operator make some."""

    code = "storage_full"
    http_status = 507


class ConfigurationError(AffectlineError):
    """A setting of this installation is missing or wrong."""

    code = "configuration"


class ModelContractError(ConfigurationError):
    """The model file does not keep the contract of its metadata."""

    code = "model_contract"


class TransientError(AffectlineError):
    """The work was interrupted and will be tried again."""

    code = "interrupted"
    http_status = 503
    pause_s: ClassVar[float] = 0.0
    """How long the work is left alone before it is tried again."""


class DatabaseUnavailable(TransientError):
    """The database does not answer at the moment; try again in a little while."""

    code = "database_unavailable"


class MediumUnavailable(TransientError):
    """The file can't be read at the moment: its disk, its network share or that one's server fails."""

    code = "medium_unavailable"
    pause_s = 30.0


class AnalyserDied(TransientError):
    """The analysing process ended unexpectedly on this file."""

    code = "analyser_died"


class AnalyserTimeout(TransientError):
    """The analysing process made no progress on this file within its time limit."""

    code = "analyser_timeout"


class AnalyserOutOfMemory(TransientError):
    """The analysing process needed more memory than it is allowed on this file."""

    code = "analyser_memory"


class PlanMismatch(TransientError):
    """Decoding did not give the frames of the plan; the job is planned again."""

    code = "plan_mismatch"


class LeaseLost(TransientError):
    """Another worker took over this piece of work; this one's result is dropped."""

    code = "lease_lost"


class WorkersLost(TransientError):
    """Worker after worker vanished while it worked on this file."""

    code = "workers_lost"


def error_kinds() -> dict[str, type[AffectlineError]]:
    """Every kind of error by its code, sorted; of kinds that share one, the most general."""
    found: dict[str, type[AffectlineError]] = {}
    waiting = [AffectlineError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind)
        waiting.extend(kind.__subclasses__())
    return {code: found[code] for code in sorted(found)}


def is_passing(code: str) -> bool:
    """Whether an error's code is one of those that may not come again: of a TransientError."""
    return issubclass(error_kinds().get(code, AffectlineError), TransientError)


def may_be_overcome(code: str) -> bool:
    """Whether trying a failed job again can help: its error may pass, or its operator can end it; the file's own can't."""
    kind = error_kinds().get(code, AffectlineError)
    mended = (
        DetectorUnavailable,
        PathNotFound,
        TooLarge,
    )  # a file, a drive or a limit of this installation
    return not issubclass(kind, InputError) or issubclass(kind, mended)


def error_from_code(code: str, message: str) -> AffectlineError:
    """Rebuild the error that crossed the analyser's pipe or the database as (code, message)."""
    return error_kinds().get(code, AffectlineError)(message)
