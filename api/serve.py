"""Run the HTTP front door under gunicorn: one process, many threads."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # no types

from api.app import create_app
from storage.blobs import Blobs
from storage.database import Database
from storage.settings import Settings
from worker.celery_app import hint_sender

THREADS = 16
"""Each upload and each download in progress holds one."""
KEEPALIVE_S = 15
GRACE_S = 10
"""How long requests in progress may go on when the server is told to stop."""
HEARTBEAT_S = 60
"""gunicorn kills a worker process whose main loop is stuck for this long; requests may last longer."""


def serve(settings: Settings) -> None:
    """Answer HTTP on settings.host:port until SIGTERM or SIGINT; the database is migrated already.

    Raises ConfigurationError, before anything is opened, if the address needs an API key and there is none, or the
    database's URL can't be used.
    """
    settings.check_exposure()
    Database(settings.resolved_database_url).close()  # gunicorn's child would end in a traceback
    run_gunicorn(settings, hint_sender)


def run_gunicorn(settings: Settings, make_hint: Callable[[Settings], Callable[[], None]]) -> None:
    """Run the application; make_hint is called in the serving process, after the fork."""
    _Server(settings, make_hint).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(
        self, settings: Settings, make_hint: Callable[[Settings], Callable[[], None]]
    ) -> None:
        self._settings = settings
        self._make_hint = make_hint
        self._database: Database | None = None
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._configuration().items():
            self.cfg.set(name, value)

    def _configuration(self) -> dict[str, Any]:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return {
            "bind": f"{host}:{self._settings.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "timeout": HEARTBEAT_S,
            "graceful_timeout": GRACE_S,
            "keepalive": KEEPALIVE_S,
            "loglevel": "warning",
            "control_socket_disable": True,
            "worker_exit": self._close,
        }

    def load(self) -> Flask:
        """Make the application. gunicorn calls it in the worker process, so no connection crosses the fork."""
        self._database = Database(self._settings.resolved_database_url)
        return create_app(
            self._settings,
            self._database,
            Blobs(self._settings.blob_folder),
            self._make_hint(self._settings),
        )

    def _close(self, _arbiter: object, _worker: object) -> None:
        if self._database is not None:
            self._database.close()
