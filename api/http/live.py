"""/v1/live: pictures of a camera in, faces out, one picture at a time; nothing is stored."""

import time
from typing import Any

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint

from api.http.access import OPENAPI_SECURITY, require_key
from api.http.live_schemas import LivePath, LiveReply, LiveSightReply
from api.http.problems import problem_responses
from api.http.replies import json_reply
from api.http.schemas import NoParameters
from api.http.services import services
from api.http.uploads import read_body
from storage.errors import InputError, TooLarge
from worker.live import IDLE_S
from worker.live_faces import MAX_SIDE

MAX_PICTURE_BYTES = 1024 * 1024
"""A JPEG of 640 x 480 pixels has about 50,000."""

_PICTURE: dict[str, Any] = {
    "required": True,
    "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
}

blueprint = APIBlueprint(
    "live",
    __name__,
    url_prefix="/v1",
    abp_tags=[{"name": "live", "description": "Faces before a camera, as they are"}],
    abp_security=OPENAPI_SECURITY,
)
blueprint.before_request(require_key)


@blueprint.post(
    "/live",
    operation_id="openLive",
    responses={"201": LiveReply, **problem_responses(400, 401, 403, 429, 503)},
)
def post_live(query: NoParameters) -> Response:
    """Open a live session; it belongs to the server that opened it and ends when no picture comes for a while."""
    session = services().live.open()
    address = f"/v1/live/{session}"
    reply = json_reply(
        LiveReply(
            id=session,
            frames=f"{address}/frames",
            idle_s=IDLE_S,
            max_side=MAX_SIDE,
            max_bytes=MAX_PICTURE_BYTES,
        ),
        status=201,
    )
    reply.headers["Location"] = address
    return reply


@blueprint.post(
    "/live/<string:id>/frames",
    operation_id="lookLive",
    request_body=_PICTURE,
    responses={
        "200": LiveSightReply,
        **problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
)
def post_frame(path: LivePath, query: NoParameters) -> Response:
    """Look at the next picture of a session, a JPEG, and answer with the faces in it."""
    jpeg = _read_picture()
    began_s = time.monotonic()
    seen = services().live.look(path.id, jpeg)
    milliseconds = (time.monotonic() - began_s) * 1000
    return json_reply(LiveSightReply.of(seen, milliseconds=milliseconds))


def _read_picture() -> bytes:
    """Return the body. Raises TooLarge as soon as it is, IncompleteUpload, and InputError if there is none."""
    _check_size(request.content_length or 0)
    jpeg = bytearray()
    for piece in read_body(request):
        jpeg += piece
        _check_size(len(jpeg))
    if not jpeg:
        raise InputError("the request has no body; expected a JPEG")
    return bytes(jpeg)


def _check_size(size: int) -> None:
    if size > MAX_PICTURE_BYTES:
        raise TooLarge(f"the picture has {size} bytes; expected at most {MAX_PICTURE_BYTES}")


@blueprint.delete(
    "/live/<string:id>",
    operation_id="closeLive",
    responses={"204": None, **problem_responses(400, 401, 403, 404)},
)
def delete_live(path: LivePath, query: NoParameters) -> Response:
    """End a live session and its process."""
    services().live.close(path.id)
    return Response(status=204)
