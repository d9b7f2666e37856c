"""/v1/jobs/{id}/media and what was made of it: the upload's own bytes, a preview browsers can play, thumbnails."""

import os
from typing import Any

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from werkzeug.wsgi import FileWrapper

from api.http.access import OPENAPI_SECURITY, require_key
from api.http.jobs import find_job_of
from api.http.problems import PreviewMissing, ThumbnailMissing, problem_responses
from api.http.replies import disposition
from api.http.schemas import JobPath, NoParameters, TrackPath
from api.http.services import services
from api.http.tracks import check_track
from storage.errors import AffectlineError, MediumUnavailable, PathNotFound
from storage.jobs import JobView
from storage.records import MediaInfo
from worker.intake import HEAD_BYTES, media_type
from worker.pictures import JOB_THUMBNAIL, PREVIEWS, preview_name, track_thumbnail

PIECE_BYTES = 256 * 1024
_MOST_DIGITS = 18
"""Of a file's size; Python refuses to read numbers of thousands of digits."""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
)
"""Of a stranger's file that is opened as a page of its own: it may be looked at and can't do anything."""

_BYTES = {"schema": {"type": "string", "format": "binary"}}


def _sent(types: tuple[str, ...], what: str) -> dict[str | int, Any]:
    content = {name: _BYTES for name in types}
    return {
        "200": {"description": what, "content": content},
        "206": {"description": "The range that was asked for", "content": content},
        **problem_responses(400, 401, 404, 416),
    }


blueprint = APIBlueprint(
    "media",
    __name__,
    url_prefix="/v1",
    abp_tags=[{"name": "media", "description": "The recording, and pictures made of it"}],
    abp_security=OPENAPI_SECURITY,
)
blueprint.before_request(require_key)


@blueprint.get(
    "/jobs/<string:id>/media",
    operation_id="getMedia",
    responses=_sent(("video/*", "image/*"), "The recording as it was sent in"),
)
def get_media(path: JobPath, query: NoParameters) -> Response:
    """Read the recording, whole or a range of it, from its upload on."""
    job = find_job_of(path)
    descriptor = services().blobs.open(job.location)
    try:
        head = os.pread(descriptor, HEAD_BYTES, 0)
    except OSError as error:
        os.close(descriptor)
        raise MediumUnavailable(
            f"the recording can't be read at the moment: {error.strerror}"
        ) from error
    kind = media_type(head) or "application/octet-stream"
    return _file(descriptor, kind=kind, tag=job.sha256, name=job.filename)


@blueprint.get(
    "/jobs/<string:id>/preview",
    operation_id="getPreview",
    responses=_sent(("video/mp4", "image/jpeg"), "The recording in a format browsers can show"),
)
def get_preview(path: JobPath, query: NoParameters) -> Response:
    """Read the preview of a recording that browsers can't show: H.264 in MP4, or JPEG; made when the job is done.

    Frame n of the preview is frame n of the recording, and its time is the timeline's `time_s`: a preview has no start offset.
    """
    job = find_job_of(path)
    name = preview_name(MediaInfo.from_json(job.media_info)) if job.media_info else None
    if name is None:
        raise PreviewMissing()
    return _made(job, name, kind=PREVIEWS[name], missing=PreviewMissing())


@blueprint.get(
    "/jobs/<string:id>/thumbnail.jpg",
    operation_id="getThumbnail",
    responses=_sent(("image/jpeg",), "At most 160 x 160 pixels"),
)
def get_thumbnail(path: JobPath, query: NoParameters) -> Response:
    """Read a small picture of the recording: a frame with a face, else its first one; made when the job is done."""
    return _made(find_job_of(path), JOB_THUMBNAIL, missing=ThumbnailMissing())


@blueprint.get(
    "/jobs/<string:id>/tracks/<int:track>/thumbnail.jpg",
    operation_id="getTrackThumbnail",
    responses=_sent(("image/jpeg",), "At most 160 x 160 pixels"),
)
def get_track_thumbnail(path: TrackPath, query: NoParameters) -> Response:
    """Read a small picture of a track's face where it is seen best; the first 200 tracks of a job get one."""
    job = find_job_of(path)
    try:
        return _made(job, track_thumbnail(path.track), missing=ThumbnailMissing())
    except ThumbnailMissing:
        check_track(job, path.track)
        raise


def _made(
    job: JobView, name: str, *, missing: AffectlineError, kind: str = "image/jpeg"
) -> Response:
    """Send a file that was made of a job's medium. Raises `missing` while there is none."""
    try:
        descriptor = services().blobs.open_beside(job.id, name)
    except PathNotFound as error:
        raise missing from error
    return _file(descriptor, kind=kind, tag=f"{job.sha256}-{name}", name=name)


def _file(descriptor: int, *, kind: str, tag: str, name: str) -> Response:
    """Send an open file, which is closed with the reply, or the range of it that the request asks for.

    Ranges that need not be met are answered as if there were none, see `_asks_for_part`.
    """
    file = os.fdopen(descriptor, "rb")
    size = os.fstat(descriptor).st_size
    # Not gunicorn's own wrapper: it can't seek, and a range would be reached by reading all before it
    reply = Response(FileWrapper(file, PIECE_BYTES), content_type=kind, direct_passthrough=True)
    reply.call_on_close(file.close)
    reply.content_length = size
    reply.set_etag(tag)
    reply.headers["Accept-Ranges"] = "bytes"
    reply.headers["Content-Disposition"] = disposition("inline", name)
    reply.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    reply.headers["Cache-Control"] = "private, no-cache"
    try:
        reply.make_conditional(request, accept_ranges=_asks_for_part(size), complete_length=size)
    except Exception:  # a range that can't be met: no reply will close the file
        file.close()
        raise
    return reply


def _asks_for_part(size: int) -> bool:
    """Whether the request's range is to be met or refused, rather than left alone.

    Left alone are several at once, those of a HEAD and those in another unit than bytes (RFC 9110, section 14.2), and the last
    n bytes of a file that has no more of them, which are all of it (14.1.2).
    """
    wanted = request.headers.get("Range", "").replace(" ", "")
    if request.method != "GET" or "," in wanted or not wanted.startswith("bytes="):
        return False
    last_bytes = wanted.removeprefix("bytes=-").lstrip("0") or "0"
    if not last_bytes.isdecimal():
        return True
    return len(last_bytes) <= _MOST_DIGITS and int(last_bytes) < size
