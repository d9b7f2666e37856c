"""The web page, the explanations of problems, and the headers that keep both harmless."""

from typing import cast

from flask import Blueprint, Response, current_app, jsonify, render_template
from flask_openapi.openapi import OpenAPI

from api.http.model_card import shipped_model
from api.http.plotly import script_address
from api.http.problems import title_of
from api.http.sample import has_sample_clip
from api.http.services import services
from storage.errors import error_kinds
from storage.labels import EXPRESSIONS, POOR_BELOW, UNCERTAIN_BELOW
from storage.records import SCORE_UNIT

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("page", __name__)


@blueprint.get("/")
def show_page() -> str:
    """The page."""
    settings = services().settings
    return render_template(
        "index.html",
        key_needed=bool(settings.api_key),
        max_upload_bytes=settings.max_upload_bytes,
        sample=has_sample_clip(settings),
        plotly=script_address(),
        detectors=settings.detectors,
        model=shipped_model(),
        expressions=EXPRESSIONS,
        uncertain_below=UNCERTAIN_BELOW / SCORE_UNIT,
        poor_below=POOR_BELOW / SCORE_UNIT,
    )


@blueprint.get("/problems")
def show_problems() -> str:
    """What each problem's code means."""
    kinds = [
        {"code": kind.code, "status": kind.http_status, "title": title_of(kind)}
        for kind in error_kinds().values()
    ]
    return render_template("problems.html", kinds=kinds)


@blueprint.get("/openapi.json")
def show_openapi() -> Response:
    """The API in a machine's words."""
    return jsonify(cast(OpenAPI, current_app).api_doc)


def add_security_headers(response: Response) -> Response:
    """Allow nothing but our own scripts, styles and pictures, and no other page around ours."""
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    return response
