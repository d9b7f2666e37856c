"""Every failure as an RFC 9457 problem: one shape, one stable code, words that say what to do.

Titles come from the errors' docstrings, and so does the page at /problems that each `type` points to.
"""

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from storage.database import is_full
from storage.errors import (
    AffectlineError,
    DatabaseUnavailable,
    InputError,
    InvalidOption,
    NotFound,
    StorageFull,
    TooLarge,
)
from storage.expectations import expected, shown

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"


class RouteNotFound(InputError):  # noqa: N818  # named as in storage.errors
    """There is nothing at this address; /openapi.json lists what there is."""

    code = "route_not_found"
    http_status = 404


class MethodNotAllowed(InputError):  # noqa: N818  # named as in storage.errors
    """This address does not take that method; the Allow header lists those it takes."""

    code = "method_not_allowed"
    http_status = 405


class ForeignOrigin(InputError):  # noqa: N818  # named as in storage.errors
    """The request comes from another site's page, which may not use this installation."""

    code = "foreign_origin"
    http_status = 403


class SampleMissing(NotFound):
    """This installation has no sample clip."""

    code = "sample_missing"


class PreviewMissing(NotFound):
    """There is no preview: the recording needs none, or it is not made yet. The job's `playable` tells what to show."""

    code = "preview_missing"


class ThumbnailMissing(NotFound):
    """There is no thumbnail, or not yet: they are made when the job is done."""

    code = "thumbnail_missing"


class RangeNotSatisfiable(InputError):  # noqa: N818  # named as in storage.errors
    """The file has no such range of bytes; the Content-Range header tells its length."""

    code = "range_not_satisfiable"
    http_status = 416


class Problem(BaseModel):
    """A failure (RFC 9457)."""

    type: str = Field(description="Where this kind of problem is explained.")
    title: str = Field(description="The kind of problem in words.")
    status: int
    detail: str = Field(description="This occurrence in words: what was expected, what came.")
    code: str = Field(description="The stable name of this kind of problem.")
    instance: str = Field(description="The path of the request.")


def problem_responses(*statuses: int) -> dict[str | int, Any]:
    """Describe replies of these statuses for the OpenAPI document, and all others as problems too."""
    described: dict[str | int, Any] = {
        str(status): _described(HTTPStatus(status).phrase) for status in statuses
    }
    return {**described, "default": _described("Any other failure")}


def _described(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {PROBLEM_TYPE: {"schema": schema}}}


def title_of(kind: type[AffectlineError]) -> str:
    """Return what a kind of error says about itself."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def problem(error: AffectlineError, *, status: int | None = None) -> Response:
    """Turn an error into its reply; of a fault of our own only the kind is told, the rest is for the log."""
    status = status or error.http_status
    ours = status == HTTPStatus.INTERNAL_SERVER_ERROR
    body = Problem(
        type=f"/problems#{error.code}",
        title=title_of(type(error)),
        status=status,
        detail=title_of(type(error)) if ours else error.message,
        code=error.code,
        instance=request.path,
    )
    reply = Response(body.model_dump_json(), status=status, content_type=PROBLEM_TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        reply.headers["WWW-Authenticate"] = 'Bearer realm="affectline"'
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        reply.headers["Retry-After"] = "5"
    return reply


def refuse_parameters(error: ValidationError) -> Response:
    """Raise what pydantic found wrong with path or query parameters as an error of ours."""
    raise InvalidOption(
        "; ".join(
            f"option {'.'.join(map(str, item['loc']))} is {shown(item['input'])}; expected {expected(item)}"
            for item in error.errors()
        )
    )


def install_problems(app: Flask) -> None:
    """Make an application answer every failure with a problem."""
    app.register_error_handler(AffectlineError, _from_affectline)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(OperationalError, _from_database)
    app.register_error_handler(Exception, _from_fault)


def _from_affectline(error: AffectlineError) -> Response:
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request failed", exc_info=error, extra={"path": request.path})
    return problem(error)


def _from_http(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    reply = problem(_translated(error, status), status=status)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):  # such as Allow
            reply.headers[name] = value
    return reply


def _translated(error: HTTPException, status: int) -> AffectlineError:
    if status == HTTPStatus.NOT_FOUND:
        return RouteNotFound(f"there is nothing at {request.path!r}; see /openapi.json")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed(f"{request.path!r} does not take {request.method}")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge()
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return RangeNotSatisfiable()
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return InputError(error.description)
    return AffectlineError()


def _from_database(error: OperationalError) -> Response:
    logger.error("the database failed", exc_info=error, extra={"path": request.path})
    return problem(StorageFull() if is_full(error) else DatabaseUnavailable())


def _from_fault(error: Exception) -> Response:
    logger.error("request failed unexpectedly", exc_info=error, extra={"path": request.path})
    return problem(AffectlineError())
