"""plotly's script, out of the installed package: nothing of it is copied into this project, or imported."""

import gzip
import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request

_PACKAGE = "plotly"
_SCRIPT = Path("package_data", "plotly.min.js")
_GZIP_LEVEL = 6  # 9 takes twice as long for half a per cent

blueprint = Blueprint("plotly", __name__)


@dataclass(frozen=True)
class Script:
    """plotly.min.js as it goes out."""

    plain: bytes
    packed: bytes  #: by gzip: 1.5 MB instead of 4.8
    etag: str  #: of the plain bytes


def script_address() -> str:
    """Return where the page finds plotly; another version has another address."""
    return f"/plotly-{importlib.metadata.version(_PACKAGE)}.js"


@cache
def load_script() -> Script:
    """Read the script, once per process. Raises FileNotFoundError if the package isn't whole."""
    # find_spec looks the package up without running it
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {_PACKAGE} is not installed")
    plain = (Path(spec.submodule_search_locations[0]) / _SCRIPT).read_bytes()
    packed = gzip.compress(plain, _GZIP_LEVEL, mtime=0)
    return Script(plain, packed, hashlib.sha256(plain).hexdigest()[:32])


@blueprint.get("/plotly-<version>.js")
def show_script(version: str) -> Response:
    """The script. Its address changes with its version, so browsers may keep it for good."""
    script = load_script()
    takes_gzip = request.accept_encodings["gzip"] > 0
    reply = Response(script.packed if takes_gzip else script.plain, mimetype="text/javascript")
    if takes_gzip:
        reply.headers["Content-Encoding"] = "gzip"
    reply.headers["Vary"] = "Accept-Encoding"
    current = request.path == script_address()
    reply.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if current else "no-store"
    )
    reply.set_etag(f"{script.etag}-gzip" if takes_gzip else script.etag)
    reply.make_conditional(request)
    return reply
