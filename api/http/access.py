"""Who may use the API: holders of the key; without a key only this machine's own pages and programs."""

import hmac

from flask import request

from api.http.problems import ForeignOrigin
from api.http.services import services
from storage.errors import InvalidOption, Unauthorized
from storage.settings import LOOPBACK_HOSTS

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})

OPENAPI_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
OPENAPI_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"api_key": []}, {}]
"""Either header; none where the installation has no key."""


def require_key() -> None:
    """Refuse a request without this installation's key, if it has one. Raises Unauthorized."""
    key = services().settings.api_key
    if not key:
        return
    given = _given_key()
    if not given:
        raise Unauthorized()
    # WSGI carries a header's bytes as Latin-1
    if not hmac.compare_digest(given.encode("latin-1", "replace"), key.encode()):
        raise Unauthorized("the API key is not the one of this installation")


def _given_key() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.headers.get("X-API-Key", "")


def refuse_foreign_sites() -> None:
    """Refuse what a page of another site makes a visitor's browser send here. Raises ForeignOrigin.

    Without a key the loopback address is all the protection there is, and any web page can send requests to it: by
    a cross-site form, or by a name of its own that it lets resolve to 127.0.0.1 (DNS rebinding).
    """
    site = request.headers.get("Sec-Fetch-Site", "")
    if site in _FOREIGN_SITES and request.method not in _SAFE_METHODS:
        raise ForeignOrigin()
    if services().settings.api_key:
        return
    origin = request.headers.get("Origin")  # some browsers send this one alone
    if origin is not None and request.method not in _SAFE_METHODS and not _is_own(origin):
        raise ForeignOrigin()
    if _host_name() not in LOOPBACK_HOSTS:
        raise ForeignOrigin(
            f"the host of the address is {_host_name()!r}; expected localhost or 127.0.0.1."
            " To be reached by another name this installation needs an API key"
        )


def _is_own(origin: str) -> bool:
    host = request.headers.get("Host", "").lower()
    return origin.lower() in {f"http://{host}", f"https://{host}"}


def _host_name() -> str:
    host = request.headers.get("Host", "localhost")
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def refuse_repeated_parameters() -> None:
    """Refuse a query that says the same thing twice, instead of picking one. Raises InvalidOption."""
    for name, values in request.args.lists():
        if len(values) > 1:
            raise InvalidOption(f"option {name} is given {len(values)} times; expected it once")
