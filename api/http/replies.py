"""JSON replies out of the models of api.http.schemas."""

from flask import Response
from pydantic import BaseModel


def json_reply(body: BaseModel, *, status: int = 200) -> Response:
    """Turn a model into its reply; clients and proxies keep no copy of it."""
    reply = Response(body.model_dump_json(), status=status, mimetype="application/json")
    reply.headers["Cache-Control"] = "no-store"
    return reply
