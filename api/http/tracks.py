"""/v1/jobs/{id}/tracks, /summary and /plot: what finalise found out, for pages and plots."""

from typing import Any

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.http.access import OPENAPI_SECURITY, require_key
from api.http.jobs import find_job_of
from api.http.problems import problem_responses
from api.http.replies import json_reply
from api.http.schemas import MICROSECONDS, JobPath, NoParameters, TrackPath
from api.http.services import services
from api.http.timeline import check_done
from api.http.track_schemas import (
    LARGEST_TRACK,
    JobSummaryReply,
    PeakReply,
    PlotQuery,
    PlotReply,
    TrackBody,
    TrackReply,
    TracksQuery,
    TracksReply,
)
from api.http.uploads import read_body
from storage.errors import InvalidOption, TooLarge, TrackNotFound
from storage.expectations import expected, shown
from storage.jobs import JobView
from storage.plots import PlotRange, read_peaks, read_plot
from storage.records import JobState
from storage.timelines import complete_through_us
from storage.tracks import has_track, name_track, read_tracks

MAX_BODY_BYTES = 16 * 1024
_NAME = '{"person": "NAME"}, or {"person": null} to take a name back'
_NAME_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": TrackBody.model_json_schema()}},
}

blueprint = APIBlueprint(
    "tracks",
    __name__,
    url_prefix="/v1",
    abp_tags=[{"name": "tracks", "description": "Faces over time, sums and plots"}],
    abp_security=OPENAPI_SECURITY,
)
blueprint.before_request(require_key)


@blueprint.get(
    "/jobs/<string:id>/tracks",
    operation_id="listTracks",
    responses={"200": TracksReply, **problem_responses(400, 401, 404, 409)},
)
def get_tracks(path: JobPath, query: TracksQuery) -> Response:
    """List the tracks of a job that is done."""
    job = find_job_of(path)
    check_done(job)
    found = read_tracks(
        services().database, job.job, after_track=query.cursor, limit=query.limit + 1
    )
    find_job_of(path)  # a deletion that began meanwhile would have left holes
    page = found[: query.limit]
    more = len(found) > query.limit
    return json_reply(
        TracksReply(
            tracks=[TrackReply.of(track) for track in page],
            next=str(page[-1].row.track) if more else None,
        )
    )


@blueprint.patch(
    "/jobs/<string:id>/tracks/<int:track>",
    operation_id="nameTrack",
    request_body=_NAME_BODY,
    responses={"200": TrackReply, **problem_responses(400, 401, 403, 404, 409, 413)},
)
def patch_track(path: TrackPath, query: NoParameters) -> Response:
    """Say who a track is, or take the name back."""
    body = _named()
    job = find_job_of(path)
    check_done(job)
    check_track(job, path.track)
    return json_reply(
        TrackReply.of(name_track(services().database, job.job, path.track, body.person))
    )


def _named() -> TrackBody:
    """Read the body. Raises InvalidOption or TooLarge; Flask's own reading has no bound, and fails on deep nesting."""
    body = b""
    for piece in read_body(request):
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(f"the body has more than {MAX_BODY_BYTES} bytes; expected a name")
    try:
        return TrackBody.model_validate_json(body)
    except ValidationError as error:
        raise InvalidOption(f"{_what_is_wrong(error.errors()[0])}: send {_NAME}") from error


def _what_is_wrong(first: ErrorDetails) -> str:
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "json_invalid":
        return "the body is not JSON"
    if not where:
        return f"the body is {shown(first['input'])}"
    if first["type"] == "missing":
        return f"option {where} is missing"
    if first["type"] == "extra_forbidden":
        return f"unknown option {where!r}"
    return f"option {where} is {shown(first['input'])}; expected {expected(first)}"


@blueprint.get(
    "/jobs/<string:id>/summary",
    operation_id="getSummary",
    responses={"200": JobSummaryReply, **problem_responses(400, 401, 404, 409)},
)
def get_summary(path: JobPath, query: NoParameters) -> Response:
    """Sum up a job that is done."""
    job = find_job_of(path)
    check_done(job)
    summary = job.summary or {}
    if "peaks" not in summary:  # finalised before it found them
        summary["peaks"] = {
            name: None if peak is None else PeakReply.of(peak)
            for name, peak in read_peaks(services().database, job.job).items()
        }
        find_job_of(path)  # as above
    return json_reply(JobSummaryReply(**summary))


@blueprint.get(
    "/jobs/<string:id>/plot",
    operation_id="getPlot",
    responses={"200": PlotReply, **problem_responses(400, 401, 404)},
)
def get_plot(path: JobPath, query: PlotQuery) -> Response:
    """Read a timeline for a plot, thinned out to some number of points, as far as it is complete."""
    database = services().database
    job = find_job_of(path)  # its state first, as for the timeline
    done = job.state is JobState.DONE
    from_us = round(query.from_s * MICROSECONDS)
    if query.to_s is None:
        to_us = max(from_us, complete_through_us(database, job.job) or 0) + 1
    else:
        to_us = round(query.to_s * MICROSECONDS)
    if to_us <= from_us:
        raise InvalidOption(
            f"option to_s is {query.to_s}; expected more than from_s, {query.from_s}"
        )
    if query.track is not None:
        check_track(job, query.track)
    wanted = PlotRange(query.track, from_us, to_us, query.points, query.scores)
    plot = read_plot(database, job.job, wanted, rolled_up=done)
    find_job_of(path)  # a deletion that began meanwhile would have left holes
    return json_reply(PlotReply.of(plot, done=done))


def check_track(job: JobView, track: int) -> None:
    """Raise TrackNotFound if a job that is done has no such track; of others it isn't known yet which they have."""
    known = track <= LARGEST_TRACK and has_track(services().database, job.job, track)
    if job.state is JobState.DONE and not known:
        raise TrackNotFound(
            f"the job has no track {track}; GET /v1/jobs/{job.id}/tracks lists those it has"
        )
