"""/v1/jobs/{id}/timeline: what was seen, in pages while it comes in, as one CSV when it is done."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from flask import Response
from flask_openapi.blueprint import APIBlueprint

from api.http.access import OPENAPI_SECURITY, require_key
from api.http.jobs import find_job_of
from api.http.problems import problem_responses
from api.http.replies import disposition, json_reply
from api.http.schemas import MICROSECONDS, JobPath
from api.http.services import services
from api.http.timeline_schemas import FrameReply, TimelineCsvQuery, TimelineQuery, TimelineReply
from storage.database import Database
from storage.errors import JobNotDone, may_be_overcome
from storage.exports import csv_lines
from storage.jobs import LIVE_STATES, JobView, get_job
from storage.records import JobState, Scores
from storage.timelines import complete_through_us, iterate_frames, plan_number, read_frames
from storage.tracks import read_persons

CSV_PIECE_CHARACTERS = 64 * 1024
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
"""Source: https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file, and "/" of all others."""
_CSV_BODY = {"text/csv": {"schema": {"type": "string"}}}

blueprint = APIBlueprint(
    "timeline",
    __name__,
    url_prefix="/v1",
    abp_tags=[{"name": "timeline", "description": "Every looked-at frame, every face"}],
    abp_security=OPENAPI_SECURITY,
)
blueprint.before_request(require_key)


@blueprint.get(
    "/jobs/<string:id>/timeline",
    operation_id="getTimeline",
    responses={"200": TimelineReply, **problem_responses(400, 401, 404)},
)
def get_timeline(path: JobPath, query: TimelineQuery) -> Response:
    """Read a page of a timeline, from the first committed piece on while the job runs."""
    database = services().database
    job = find_job_of(path)  # its state first: what comes in meanwhile only makes the page longer
    # The plan before its rows: what newer ones are of, the next page tells.
    plan = plan_number(database, job.job)
    found = read_frames(
        database,
        job.job,
        after_frame=query.cursor,
        from_us=round(query.from_s * MICROSECONDS),
        limit=query.limit + 1,
    )
    complete_us = complete_through_us(database, job.job)
    find_job_of(path)  # a deletion that began meanwhile would have left holes
    page = found[: query.limit]
    last = page[-1].frame if page else query.cursor
    more = len(found) > query.limit or job.state in LIVE_STATES
    return json_reply(
        TimelineReply(
            frames=[FrameReply.of(frame) for frame in page],
            next=str(last) if more else None,
            plan=plan,
            complete_through_s=None if complete_us is None else complete_us / MICROSECONDS,
            done=job.state is JobState.DONE,
        )
    )


@blueprint.get(
    "/jobs/<string:id>/timeline.csv",
    operation_id="getTimelineCsv",
    responses={
        "200": {"description": "The whole timeline", "content": _CSV_BODY},
        **problem_responses(400, 401, 404, 409),
    },
)
def get_timeline_csv(path: JobPath, query: TimelineCsvQuery) -> Response:
    """Download the whole timeline of a job that is done."""
    job = find_job_of(path)
    check_done(job)
    lines = _whole_csv(services().database, job, query.scores)
    reply = Response(_in_pieces(lines), content_type="text/csv; charset=utf-8")
    reply.headers["Content-Disposition"] = disposition("attachment", csv_name(job.filename))
    reply.headers["Cache-Control"] = "no-store"
    return reply


def check_done(job: JobView) -> None:
    """Raise JobNotDone unless the job is done, with what became of it, and what to do."""
    retry = f"POST /v1/jobs/{job.id}/retry"
    if job.state is JobState.FAILED:
        again = f"; {retry} tries again" if may_be_overcome(job.error_code or "") else ""
        raise JobNotDone(f"the job failed ({job.error_code}): {job.error_message}{again}")
    if job.state is JobState.CANCELLED:
        raise JobNotDone(f"the job was cancelled; {retry} goes on with it")
    if job.state is not JobState.DONE:
        raise JobNotDone(f"the job is {job.state}: wait until its state is 'done', then ask again")


def _whole_csv(database: Database, job: JobView, scores: Scores) -> Iterator[str]:
    """Yield the lines of the CSV. Raises NotFound instead of ending if the job was deleted meanwhile."""
    persons = read_persons(database, job.job)
    yield from csv_lines(iterate_frames(database, job.job), scores=scores, persons=persons)
    get_job(database, job.id)  # rows go only after the job itself is hidden


def _in_pieces(lines: Iterable[str]) -> Iterator[bytes]:
    piece: list[str] = []
    length = 0
    for line in lines:
        piece.append(line)
        length += len(line)
        if length >= CSV_PIECE_CHARACTERS:
            yield "".join(piece).encode()
            piece, length = [], 0
    yield "".join(piece).encode()


def csv_name(filename: str) -> str:
    """Return a file name for the CSV of an upload: its own with another suffix, hidden nowhere, allowed everywhere."""
    stem = filename.removesuffix(PurePosixPath(filename).suffix)
    return f"{_NOT_IN_NAMES.sub('_', stem).strip(' .') or 'timeline'}.csv"
