"""The HTTP front door: put together here, of explicit values only."""

from collections.abc import Callable

from flask import Response, request
from flask_openapi.models.info import Info
from flask_openapi.models.security_scheme import SecurityScheme
from flask_openapi.openapi import OpenAPI

from api.http import health, jobs, live, media, page, plotly, timeline, tracks
from api.http.access import (
    OPENAPI_SECURITY_SCHEMES,
    refuse_foreign_sites,
    refuse_repeated_parameters,
)
from api.http.problems import Problem, install_problems, refuse_parameters
from api.http.services import Services, install
from api.http.uploads import drain_after, limit_patience
from storage.blobs import Blobs
from storage.database import Database
from storage.settings import Settings
from storage.version import VERSION
from worker.analyser.limits import AnalyserLimits
from worker.live import LiveSessions


def create_app(
    settings: Settings, database: Database, blobs: Blobs, send_hint: Callable[[], None]
) -> OpenAPI:
    """Make the application that answers HTTP for one installation.

    send_hint: wakes the workers after a job was created; may fail, since SQL is the truth.
    """
    app = _describe()
    live_sessions = LiveSessions(
        AnalyserLimits.from_settings(settings), most=settings.live_sessions
    )
    install(app, Services(settings, database, blobs, send_hint, live_sessions))
    install_problems(app)
    app.before_request(_prepare)
    app.after_request(_finish)
    for blueprint in (
        jobs.blueprint,
        timeline.blueprint,
        tracks.blueprint,
        media.blueprint,
        live.blueprint,
        health.blueprint,
    ):
        app.register_api(blueprint)
    app.register_blueprint(page.blueprint)
    app.register_blueprint(plotly.blueprint)
    return app


def _describe() -> OpenAPI:
    """Make an application without paths, as /openapi.json begins."""
    app = OpenAPI(
        "api",
        info=Info(
            title="Affectline",
            version=VERSION,
            description="Emotion timelines from video: frame by frame, face by face, seven *apparent*"
            " expressions.",
        ),
        security_schemes={
            name: SecurityScheme.model_validate(scheme)
            for name, scheme in OPENAPI_SECURITY_SCHEMES.items()
        },
        doc_ui=False,  # its pages come from a network; /openapi.json is ours
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=refuse_parameters,
    )
    app.openapi_version = "3.1.1"  # 3.2 is too new for most tools
    return app


def _prepare() -> None:
    limit_patience(request)
    refuse_foreign_sites()
    refuse_repeated_parameters()


def _finish(response: Response) -> Response:
    drain_after(request, response)
    return page.add_security_headers(response)
