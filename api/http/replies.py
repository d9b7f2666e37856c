"""JSON replies out of the models of api.http.schemas, and the names of files that are sent."""

from urllib.parse import quote

from flask import Response
from pydantic import BaseModel


def json_reply(body: BaseModel, *, status: int = 200) -> Response:
    """Turn a model into its reply; clients and proxies keep no copy of it."""
    reply = Response(body.model_dump_json(), status=status, mimetype="application/json")
    reply.headers["Cache-Control"] = "no-store"
    return reply


def disposition(kind: str, name: str) -> str:
    """Return a Content-Disposition, `inline` or `attachment`, with a file name in ASCII and in full (RFC 6266)."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ()") else "_" for c in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
