"""What a live view costs: CPU of web server and analyser per 640 x 480 picture with one face, frames per second, latency.

    PYTHONPATH=. .venv/bin/python benchmarks/live.py

Starts a real server with a session, sends it the pictures of a talking head one after the other, and prints JSON. CPU is
user and system time of the server's processes, JPEG decoding and HTTP included; of several rounds the cheapest counts.
"""

import json
import platform
import statistics
import sys
import tempfile
import time
from http.client import HTTPConnection
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import psutil

from storage.database import Database, migrate
from storage.settings import Settings
from tests.api.serving import serving
from tests.vision.live_pictures import HEIGHT, WIDTH, webcam

PICTURES = 120
FRAMES_PER_ROUND = 300
ROUNDS = 3
CAMERA_FPS = 30


def main() -> None:
    """Measure and print."""
    pictures = list(webcam(PICTURES))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        database = Database(settings.resolved_database_url)
        migrate(database)
        database.close()
        settings = settings.model_copy(update={"database_url": database.url})
        with serving(settings) as address:
            rounds = _measured(address, pictures)
    best = min(rounds, key=lambda found: found["cpu_ms_per_frame"])
    facts = {
        "pictures": f"{WIDTH}x{HEIGHT} JPEG, one face, {statistics.mean(map(len, pictures)):.0f} bytes",
        "machine": f"{psutil.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("av", "onnxruntime", "flask", "gunicorn")},
        "rounds": len(rounds),
    }
    json.dump(facts | best, sys.stdout, indent=2)
    print()


def _measured(address: str, pictures: list[bytes]) -> list[dict[str, Any]]:
    connection = HTTPConnection(address.removeprefix("http://"))
    session = _asked(connection, "POST", "/v1/live", b"")["frames"]
    shown = cycle(pictures)
    for picture in islice(shown, PICTURES):  # everything warm
        _asked(connection, "POST", session, picture)
    servers = [child for child in psutil.Process().children(recursive=True)]
    paced = [
        _round(connection, session, islice(shown, FRAMES_PER_ROUND), servers, pace_s=1 / CAMERA_FPS)
        for _ in range(ROUNDS)
    ]
    flat_out = _round(connection, session, islice(shown, FRAMES_PER_ROUND), servers, pace_s=0.0)
    for found in paced:
        found["frames_per_second_flat_out"] = flat_out["frames_per_second"]
    _asked(connection, "DELETE", session.removesuffix("/frames"), b"")
    return paced


def _round(
    connection: HTTPConnection,
    session: str,
    pictures: Any,
    servers: list[psutil.Process],
    *,
    pace_s: float,
) -> dict[str, Any]:
    waits_s: list[float] = []
    faces = 0
    used_s, began_s = _cpu_s(servers), time.monotonic()
    for number, picture in enumerate(pictures):
        time.sleep(max(0.0, began_s + number * pace_s - time.monotonic()))
        asked_s = time.monotonic()
        faces += len(_asked(connection, "POST", session, picture)["faces"])
        waits_s.append(time.monotonic() - asked_s)
    took_s = time.monotonic() - began_s
    return {
        "cpu_ms_per_frame": round((_cpu_s(servers) - used_s) * 1000 / len(waits_s), 2),
        "faces_per_frame": round(faces / len(waits_s), 3),
        "frames_per_second": round(len(waits_s) / took_s, 1),
        "latency_ms_median": round(statistics.median(waits_s) * 1000, 1),
        "latency_ms_p95": round(statistics.quantiles(waits_s, n=20)[-1] * 1000, 1),
    }


def _asked(connection: HTTPConnection, method: str, path: str, body: bytes) -> dict[str, Any]:
    connection.request(method, path, body, {"Content-Type": "image/jpeg"})
    reply = connection.getresponse()
    text = reply.read()
    if reply.status >= 300:
        raise SystemExit(f"{method} {path}: {reply.status} {text!r}")
    answer: dict[str, Any] = json.loads(text) if text else {}
    return answer


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    main()
