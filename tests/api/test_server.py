"""What only a real server and real sockets show."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from api.serve import THREADS, serve
from storage.blobs import Blobs
from storage.database import Database, migrate
from storage.errors import ConfigurationError
from storage.exports import csv_lines
from storage.jobs import begin_delete, finish_delete, list_jobs
from storage.settings import Settings
from storage.timelines import iterate_frames
from tests.api.made_jobs import MadeUp, finish_job
from tests.api.serving import serving
from tests.waiting import wait_until
from worker.removal import remove_job

SILENCE_S = 5.0
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Settings]]:
    """One server for all tests here: (address, settings)."""
    settings = Settings(data=tmp_path_factory.mktemp("served"), max_upload_bytes=100_000)
    settings.blob_folder.mkdir()
    database = Database(settings.resolved_database_url)
    migrate(database)
    database.close()
    with serving(settings, patience_s=SILENCE_S) as address:
        yield address, settings


@pytest.fixture
def address(served: tuple[str, Settings]) -> str:
    return served[0]


@pytest.fixture
def blobs(served: tuple[str, Settings]) -> Blobs:
    return Blobs(served[1].blob_folder)


@pytest.fixture
def database(served: tuple[str, Settings], blobs: Blobs) -> Iterator[Database]:
    """The server's database, without the jobs of other tests."""
    database = Database(served[1].resolved_database_url)
    for job in list_jobs(database):
        remove_job(database, blobs, job.id)
    yield database
    database.close()


def exchange(address: str, sent: bytes) -> tuple[int, dict]:
    """Send raw bytes, end the sending side as a cut connection does, and read what comes back."""
    host = urlsplit(address)
    with socket.create_connection((host.hostname, host.port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def request_head(*lines: str) -> bytes:
    first = "POST /v1/jobs?filename=a.png HTTP/1.1"
    return "\r\n".join([first, "Host: localhost", *lines, "", ""]).encode()


MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    + PNG
    + b"\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (request_head(f"Content-Length: {len(PNG)}"), PNG),
        (
            request_head(
                f"Content-Length: {len(MULTIPART)}", "Content-Type: multipart/form-data; boundary=b"
            ),
            MULTIPART,
        ),
        (
            request_head("Transfer-Encoding: chunked"),
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(PNG), PNG),
        ),
    ],
    ids=["body", "form", "chunked"],
)
@pytest.mark.parametrize("cut", [1, 3, 40_000], ids=["last byte", "near the end", "middle"])
def test_a_cut_body_is_incomplete_and_leaves_nothing(
    address: str, database: Database, blobs: Blobs, head: bytes, body: bytes, cut: int
) -> None:
    status, problem = exchange(address, head + body[:-cut])

    assert (status, problem["code"]) == (400, "incomplete_upload")
    assert list_jobs(database) == []
    assert list(blobs.folder.iterdir()) == []

    status, job = exchange(address, head + body)  # whole, it is fine
    assert (status, job["size_bytes"]) == (202, len(PNG))


def test_a_connection_that_breaks_leaves_nothing(
    address: str, database: Database, blobs: Blobs
) -> None:
    host = urlsplit(address)
    connection = socket.create_connection((host.hostname, host.port))
    connection.sendall(request_head(f"Content-Length: {len(PNG)}") + PNG[:20_000])
    wait_until(lambda: any(blobs.folder.iterdir()), "the upload begins")

    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()  # by a reset

    wait_until(lambda: not any(blobs.folder.iterdir()), "its folder is gone")
    assert list_jobs(database) == []


def test_a_client_that_falls_silent_is_given_up(
    address: str, database: Database, blobs: Blobs
) -> None:
    host = urlsplit(address)
    with socket.create_connection((host.hostname, host.port), timeout=3 * SILENCE_S) as connection:
        connection.sendall(request_head(f"Content-Length: {len(PNG)}") + PNG[:20_000])
        begun_s = time.monotonic()

        received = b""  # head and body may come one after the other
        while b"incomplete_upload" not in received and (piece := connection.recv(65536)):
            received += piece

    assert time.monotonic() - begun_s > SILENCE_S / 2
    assert received.startswith(b"HTTP/1.1 400") and b"incomplete_upload" in received
    wait_until(lambda: not any(blobs.folder.iterdir()), "its folder is gone")


def test_requests_that_never_come_whole_do_not_keep_others_out(address: str) -> None:
    """Each holds a thread; without a limit they would all be held for as long as the clients please."""
    host = urlsplit(address)
    with ExitStack() as stack:
        for _ in range(THREADS + 4):
            connection = socket.create_connection((host.hostname, host.port))
            stack.enter_context(connection)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")

        reply = httpx.get(f"{address}/healthz", timeout=3 * SILENCE_S)

    assert reply.status_code == 200


def test_a_request_that_comes_byte_by_byte_is_given_up(address: str) -> None:
    host = urlsplit(address)
    begun_s = time.monotonic()
    with socket.create_connection((host.hostname, host.port)) as connection:
        connection.settimeout(0.1)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")

        while not is_over(connection):
            connection.sendall(b"x")
            assert time.monotonic() - begun_s < 3 * SILENCE_S

    assert time.monotonic() - begun_s > SILENCE_S / 2


def test_a_refused_client_that_sends_on_byte_by_byte_is_given_up(address: str) -> None:
    """Symptom: sixteen of them held all threads for as long as they pleased, without any key."""
    host = urlsplit(address)
    begun_s = time.monotonic()
    with socket.create_connection((host.hostname, host.port)) as connection:
        connection.sendall(
            b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"
        )
        assert b"404" in connection.recv(4096)
        connection.settimeout(0.1)
        while not is_over(connection):
            connection.sendall(b"x")
            assert time.monotonic() - begun_s < 3 * SILENCE_S

    assert time.monotonic() - begun_s > SILENCE_S / 2


def is_over(connection: socket.socket) -> bool:
    """Tell, after a moment, whether the server has closed its end."""
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


LARGE = 20_000_000  # more than the buffers of both sockets together


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request_head(f"Content-Length: {LARGE}"), 413),
        (request_head("Transfer-Encoding: chunked") + b"%x\r\n" % LARGE, 415),
    ],
    ids=["content length", "chunked"],
)
def test_a_client_that_sends_all_before_it_reads_sees_why_it_is_refused(
    address: str, database: Database, blobs: Blobs, head: bytes, status: int
) -> None:
    """As browsers do: a reset while they send would be a network error to them."""
    assert exchange(address, head + b"x" * LARGE)[0] == status

    assert list(blobs.folder.iterdir()) == []


def test_an_upload_of_unknown_length_is_cut_at_the_limit(
    address: str, database: Database, blobs: Blobs
) -> None:
    def endless() -> Iterator[bytes]:
        yield PNG
        for _ in range(100):
            yield bytes(10_000)

    reply = httpx.post(f"{address}/v1/jobs?filename=a.png", content=endless())

    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")
    assert list(blobs.folder.iterdir()) == []


def test_a_refused_upload_does_not_spoil_the_connection(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        for _ in range(3):
            refused = client.post("/v1/jobs?filename=a.mp4", content=b"x" * 90_000)
            accepted = client.post("/v1/jobs?filename=a.png", content=PNG)

            assert (refused.status_code, accepted.status_code) == (415, 202)


def test_a_csv_streams_whole(address: str, database: Database, blobs: Blobs) -> None:
    job = finish_job(database, blobs, MadeUp(frame_count=3_000, segment_frames=1_000))

    reply = httpx.get(f"{address}/v1/jobs/{job.id}/timeline.csv")

    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert reply.content == "".join(csv_lines(iterate_frames(database, job.job))).encode()


def test_a_csv_whose_job_is_deleted_meanwhile_is_seen_to_be_cut(
    address: str, database: Database, blobs: Blobs
) -> None:
    made = MadeUp(  # its CSV is more than the sockets hold
        frame_count=60_000, faces_of_frame=(1,), segment_frames=20_000, tracked=False
    )
    job = finish_job(database, blobs, made)

    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("GET", f"{address}/v1/jobs/{job.id}/timeline.csv") as reply,
    ):
        pieces = reply.iter_raw()
        next(pieces)
        begin_delete(database, job.id)
        finish_delete(database, job.job)
        for _ in pieces:
            pass


def test_the_server_stops_when_told_to(
    settings: Settings, blobs: Blobs, database: Database
) -> None:
    with serving(settings) as address, httpx.Client() as client:
        client.get(f"{address}/healthz")  # a connection that is kept alive must not hold it up
        begun_s = time.monotonic()

    assert time.monotonic() - begun_s < 10


def test_a_server_that_others_can_reach_needs_a_key() -> None:
    with pytest.raises(ConfigurationError, match="AFFECTLINE_API_KEY"):
        serve(Settings(host="0.0.0.0"))
