"""A real server process for tests: gunicorn with the real application, without workers behind it.

Run as `python -m tests.api.serving PATIENCE_S`; settings come from the environment.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from api import serve
from api.http import uploads
from storage.settings import Settings
from tests.waiting import wait_until
from worker.tether import tethered

ROOT = Path(__file__).parent.parent.parent
CONNECTIONS = Path("/proc/net/tcp")
WITH_A_CLIENT = {"01", "08"}  # established; closed by the client but not by the server yet


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(settings: Settings, *, patience_s: float = uploads.PATIENCE_S) -> Iterator[str]:
    """Run a server on the settings' database and folder; yields its address.

    patience_s: how long it waits for a client that has fallen silent, at most HEAD_S within a request's head and DRAIN_S
    after a refusal.
    """
    port = free_port()
    environment = os.environ | {
        "AFFECTLINE_DATA": str(settings.data),
        "AFFECTLINE_DATABASE_URL": settings.database_url,
        "AFFECTLINE_MAX_UPLOAD_BYTES": str(settings.max_upload_bytes),
        "AFFECTLINE_API_KEY": settings.api_key,
        "AFFECTLINE_PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }
    if settings.sample_clip is not None:
        environment["AFFECTLINE_SAMPLE_CLIP"] = str(settings.sample_clip)
    command = tethered([sys.executable, "-m", "tests.api.serving", str(patience_s)])
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(address), "the server answers")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def is_idle(address: str) -> bool:
    """Tell whether no client has a connection to that server, so that no request is under way."""
    port = int(address.rpartition(":")[2])
    rows = [row.split() for row in CONNECTIONS.read_text().splitlines()[1:]]
    served = (row[3] for row in rows if int(row[1].rpartition(":")[2], 16) == port)
    return not any(state in WITH_A_CLIENT for state in served)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    uploads.PATIENCE_S = float(sys.argv[1])
    uploads.DRAIN_S = min(uploads.DRAIN_S, uploads.PATIENCE_S)
    serve.HEAD_S = min(serve.HEAD_S, uploads.PATIENCE_S)
    serve.run_gunicorn(Settings.load(), lambda _settings: lambda: None)
