"""/v1/jobs: send a recording in, see how far it is, take it away again."""

import logging
import re
from contextlib import AbstractContextManager
from typing import Any

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint

from api.http.access import OPENAPI_SECURITY, require_key
from api.http.job_schemas import JobReply, JobsReply
from api.http.problems import problem_responses
from api.http.replies import json_reply
from api.http.sample import find_sample_clip, open_sample_clip
from api.http.schemas import (
    DETECT_EVERY_SCHEMA,
    DETECTOR_SCHEMA,
    SAMPLE_FPS_SCHEMA,
    JobPath,
    JobsQuery,
    NewJobQuery,
    NoParameters,
    OptionsQuery,
)
from api.http.services import services
from api.http.uploads import (
    EXPECTED_UPLOAD,
    IncomingMedium,
    check_announced_size,
    is_form,
    read_body,
    receive_form,
    receiving,
)
from storage.decisions import cancel_job, retry_job
from storage.errors import InputError, InvalidOption, NotFound
from storage.jobs import JobView, StoredMedium, create_job, get_job, list_jobs
from storage.records import JobOptions
from worker.pictures import JOB_THUMBNAIL, PREVIEWS
from worker.removal import remove_job

logger = logging.getLogger(__name__)

_JOB_ID = re.compile(r"[0-9a-f]{32}")

_NEW_JOB_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "detector": DETECTOR_SCHEMA,
                    "sample_fps": SAMPLE_FPS_SCHEMA,
                    "detect_every": DETECT_EVERY_SCHEMA,
                },
            }
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}

blueprint = APIBlueprint(
    "jobs",
    __name__,
    url_prefix="/v1",
    abp_tags=[{"name": "jobs", "description": "Recordings and how far they are"}],
    abp_security=OPENAPI_SECURITY,
)
blueprint.before_request(require_key)


@blueprint.post(
    "/jobs",
    operation_id="createJob",
    description="The body is a multipart form with the field `file`, or the file itself with its name in"
    " `filename`. Options may be query parameters or fields of the form.",
    request_body=_NEW_JOB_BODY,
    responses={"202": JobReply, **problem_responses(400, 401, 403, 413, 415, 507)},
)
def post_job(query: NewJobQuery) -> Response:
    """Take an image or a video in and queue its analysis."""
    options = services().settings.parse_options(query.given())
    limit = services().settings.max_upload_bytes
    check_announced_size(request, max_bytes=limit)
    with _receiving() as incoming:
        if is_form(request):
            medium, options = _medium_of_form(query, incoming)
        else:
            medium = _medium_of_body(query, incoming)
        create_job(services().database, incoming.job_id, medium=medium, options=options)
    return _accepted(incoming.job_id)


def _receiving() -> AbstractContextManager[IncomingMedium]:
    here = services()
    return receiving(here.blobs, here.database, max_bytes=here.settings.max_upload_bytes)


def _medium_of_form(
    query: NewJobQuery, incoming: IncomingMedium
) -> tuple[StoredMedium, JobOptions]:
    form = receive_form(request, incoming)
    twice = form.fields.keys() & query.given().keys()
    if twice:
        raise InvalidOption(f"option {min(twice)} is given in the address and in the form")
    options = services().settings.parse_options(query.given() | form.fields)
    if form.filename is None:
        raise InputError(f"the form has no file; {EXPECTED_UPLOAD}")
    return incoming.complete(query.filename or form.filename), options


def _medium_of_body(query: NewJobQuery, incoming: IncomingMedium) -> StoredMedium:
    if not query.filename:
        raise InputError(f"the upload has no filename; {EXPECTED_UPLOAD}")
    for piece in read_body(request):
        incoming.write(piece)
    return incoming.complete(query.filename)


def _accepted(job_id: str) -> Response:
    _wake_workers(job_id)
    reply = json_reply(_described(get_job(services().database, job_id)), status=202)
    reply.headers["Location"] = f"/v1/jobs/{job_id}"
    return reply


def _wake_workers(job_id: str) -> None:
    try:
        services().send_hint()
    except Exception:  # whatever a broker can raise: the job stands, and the sweeper will see it
        logger.warning("no hint was sent", exc_info=True, extra={"job_id": job_id})


@blueprint.post(
    "/sample-jobs",
    operation_id="createSampleJob",
    responses={"202": JobReply, **problem_responses(400, 401, 403, 404, 507)},
)
def post_sample_job(query: OptionsQuery) -> Response:
    """Queue the analysis of this installation's sample clip."""
    options = services().settings.parse_options(query.given())
    clip = find_sample_clip(services().settings)
    with (
        open_sample_clip(clip) as pieces,
        _receiving() as incoming,
    ):
        for piece in pieces:
            incoming.write(piece)
        medium = incoming.complete(clip.name)
        create_job(services().database, incoming.job_id, medium=medium, options=options)
    return _accepted(incoming.job_id)


@blueprint.get(
    "/jobs",
    operation_id="listJobs",
    responses={"200": JobsReply, **problem_responses(400, 401)},
)
def get_jobs(query: JobsQuery) -> Response:
    """List the jobs, newest first."""
    found = list_jobs(services().database, before=query.cursor, limit=query.limit + 1)
    page = found[: query.limit]
    more = len(found) > query.limit
    return json_reply(
        JobsReply(jobs=[_described(job) for job in page], next=str(page[-1].job) if more else None)
    )


@blueprint.get(
    "/jobs/<string:id>",
    operation_id="getJob",
    responses={"200": JobReply, **problem_responses(400, 401, 404)},
)
def get_one_job(path: JobPath, query: NoParameters) -> Response:
    """Tell how far a job is."""
    return json_reply(_described(find_job_of(path)))


@blueprint.delete(
    "/jobs/<string:id>",
    operation_id="deleteJob",
    responses={"204": None, **problem_responses(400, 401, 403, 404)},
)
def delete_job(path: JobPath, query: NoParameters) -> Response:
    """Delete a job for good: its recording, its timeline and every trace of it."""
    remove_job(services().database, services().blobs, checked_id(path))
    return Response(status=204)


@blueprint.post(
    "/jobs/<string:id>/cancel",
    operation_id="cancelJob",
    responses={"200": JobReply, **problem_responses(400, 401, 403, 404, 409)},
)
def cancel_one_job(path: JobPath, query: NoParameters) -> Response:
    """Stop a job. What was finished of its timeline stays and can be read; `retry` takes it up again."""
    cancel_job(services().database, checked_id(path))
    return json_reply(_described(find_job_of(path)))


@blueprint.post(
    "/jobs/<string:id>/retry",
    operation_id="retryJob",
    responses={"202": JobReply, **problem_responses(400, 401, 403, 404, 409)},
)
def retry_one_job(path: JobPath, query: NoParameters) -> Response:
    """Try a job again that failed or was cancelled, from where it stopped; of one that is done, pictures that failed."""
    retry_job(services().database, checked_id(path))
    return _accepted(path.id)


def _described(job: JobView) -> JobReply:
    made = {n for n in (JOB_THUMBNAIL, *PREVIEWS) if services().blobs.exists_beside(job.id, n)}
    return JobReply.of(
        job, has_preview=bool(made & PREVIEWS.keys()), has_thumbnail=JOB_THUMBNAIL in made
    )


def find_job_of(path: JobPath) -> JobView:
    """Look up the job an address names. Raises NotFound."""
    return get_job(services().database, checked_id(path))


def checked_id(path: JobPath) -> str:
    """Return the id an address names, if it can be one at all. Raises NotFound."""
    if not _JOB_ID.fullmatch(path.id):
        raise NotFound(f"there is no job {path.id!r}; ids have 32 hexadecimal digits")
    return path.id
