"""What the views of one application work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from storage.blobs import Blobs
from storage.database import Database
from storage.settings import Settings
from worker.live import LiveSessions

_EXTENSION = "affectline"


@dataclass(frozen=True)
class Services:
    """The values `create_app` was given."""

    settings: Settings
    database: Database
    blobs: Blobs
    send_hint: Callable[[], None]
    """Wakes the workers; may fail or do nothing, since the sweeper looks too."""
    live: LiveSessions


def install(app: Flask, given: Services) -> None:
    """Give an application its services."""
    app.extensions[_EXTENSION] = given


def services() -> Services:
    """Return the services of the application that answers the current request."""
    return cast(Services, current_app.extensions[_EXTENSION])
