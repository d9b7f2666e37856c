"""Bytes on their way in: from the request straight into the job's folder, counted, hashed and checked as they come."""

import contextlib
import errno
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import IO, BinaryIO

from flask import Request, Response
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]  # no types
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Event, Field, File, MultipartDecoder, NeedData, State

from storage.blobs import Blobs
from storage.database import Database
from storage.errors import IncompleteUpload, InputError, InvalidOption, StorageFull, TooLarge
from storage.jobs import StoredMedium, exists, new_job_id
from worker.intake import HEAD_BYTES, check_head

PIECE_BYTES = 64 * 1024
"""Larger reads lose the tail of a cut chunk under gunicorn."""
FORM_OVERHEAD_BYTES = 1024 * 1024
"""How much longer than its file a multipart body may be."""
MAX_FORM_PARTS = 16
MAX_PART_HEADER_BYTES = 4 * PIECE_BYTES
MAX_FIELD_BYTES = 4096
MAX_FILENAME_CHARACTERS = 255
PATIENCE_S = 60.0
"""A client that neither sends nor takes a byte for this long is given up."""
DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_S = 10.0

EXPECTED_UPLOAD = (
    "expected a multipart form with the field 'file', or the file's bytes as the body with the"
    " query parameter 'filename'"
)


_BODY_BREAKS_OFF = (ClientDisconnected, ParseException, OSError)
"""Raised by reading on: a cut chunk, a reset, silence."""


class IncomingMedium:
    """A new job's medium while it is being written."""

    def __init__(self, job_id: str, location: str, file: BinaryIO, *, max_bytes: int) -> None:
        self.job_id = job_id
        self.size_bytes = 0
        self._location = location
        self._file = file
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()
        self._head = b""

    def write(self, piece: bytes) -> None:
        """Take the next bytes. Raises TooLarge, or what `check_head` raises, as soon as it can be known."""
        self.size_bytes += len(piece)
        if self.size_bytes > self._max_bytes:
            raise TooLarge(f"the file is larger than the {self._max_bytes} bytes accepted here")
        if len(self._head) < HEAD_BYTES:
            self._head += piece[:HEAD_BYTES]
            if len(self._head) >= HEAD_BYTES:
                check_head(self._head, size_bytes=self.size_bytes)
        self._digest.update(piece)
        self._file.write(piece)

    def complete(self, filename: str) -> StoredMedium:
        """Bring all bytes to the disk and describe them. Raises what `check_head` raises on a short file."""
        if len(self._head) < HEAD_BYTES:
            check_head(self._head, size_bytes=self.size_bytes)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return StoredMedium(
            filename=checked_filename(filename),
            location=self._location,
            size_bytes=self.size_bytes,
            sha256=self._digest.hexdigest(),
        )


@contextlib.contextmanager
def receiving(blobs: Blobs, database: Database, *, max_bytes: int) -> Iterator[IncomingMedium]:
    """Make room for a new job's medium; leaving by an exception removes every trace of it, unless the job may stand."""
    job_id = new_job_id()
    try:
        location, file = blobs.create(job_id)
        with file:
            yield IncomingMedium(job_id, location, file, max_bytes=max_bytes)
    except BaseException as error:  # whatever ends an upload, its bytes must go
        if not (isinstance(error, DBAPIError) and _may_stand(database, job_id, error)):
            blobs.delete(job_id)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull() from error
        raise


def _may_stand(database: Database, job_id: str, error: DBAPIError) -> bool:
    """Tell whether a job may have been recorded, and only the database's answer to that got lost.

    Where that can't be known, the sweeper removes the bytes later if it was not.
    """
    if error.connection_invalidated:  # the server may still be at it
        return True
    try:
        return exists(database, job_id)
    except DBAPIError:
        return True


def checked_filename(given: str) -> str:
    """Return the caller's name for a file as one line of plain text; it stays a label and is never opened.

    Characters that can't be seen (controls, direction marks, halves of surrogate pairs) become U+FFFD: they deceive
    readers, and PostgreSQL refuses some. Raises InvalidOption if the name is empty or too long.
    """
    name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in given.strip())
    if not name:
        raise InvalidOption(f"the file has no name; {EXPECTED_UPLOAD}")
    if len(name) > MAX_FILENAME_CHARACTERS:
        raise InvalidOption(
            f"filename has {len(name)} characters; expected at most {MAX_FILENAME_CHARACTERS}"
        )
    return name


@dataclass
class ReceivedForm:
    """What a multipart body held beside the bytes of its file."""

    filename: str | None = None  #: None: there was no file
    fields: dict[str, str] = field(default_factory=dict)


def is_form(request: Request) -> bool:
    """Tell whether the body is a multipart form; any other is the file itself, whatever type it claims."""
    return request.mimetype == "multipart/form-data"


def check_announced_size(request: Request, *, max_bytes: int) -> None:
    """Refuse a body that says itself that it is too large. Raises TooLarge."""
    allowed = max_bytes + (FORM_OVERHEAD_BYTES if is_form(request) else 0)
    if request.content_length is not None and request.content_length > allowed:
        raise TooLarge(
            f"the upload has {request.content_length} bytes; this installation accepts {max_bytes}"
        )


def read_body(request: Request) -> Iterator[bytes]:
    """Yield a request's body in pieces. Raises IncompleteUpload if it ends before its announced end."""
    got = 0
    try:
        while piece := request.stream.read(PIECE_BYTES):
            got += len(piece)
            yield piece
    except _BODY_BREAKS_OFF as error:
        raise IncompleteUpload() from error
    expected = request.content_length
    if expected is not None and got < expected:  # gunicorn itself says nothing about it
        raise IncompleteUpload(f"the upload ended after {got} of {expected} bytes; send it again")


def receive_form(request: Request, incoming: IncomingMedium) -> ReceivedForm:
    """Write a multipart body's file to `incoming` as it comes. Raises InputError if the form can't be read."""
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary or not boundary.isascii():
        raise InputError(f"the multipart body names no boundary; {EXPECTED_UPLOAD}")
    decoder = MultipartDecoder(
        boundary.encode(), max_form_memory_size=MAX_PART_HEADER_BYTES, max_parts=MAX_FORM_PARTS
    )
    form = ReceivedForm()
    current = ""  # name of the field whose data comes; empty for the file
    try:
        for event in _form_events(decoder, read_body(request)):
            if isinstance(event, File):
                current = ""
                _accept_file(event, form)
            elif isinstance(event, Field):
                current = _accept_field(event, form)
            elif isinstance(event, Data) and current:
                _extend_field(current, event.data, form)
            elif isinstance(event, Data):
                incoming.write(event.data)
    except ValueError as error:
        raise InputError(f"the multipart body can't be read: {error}") from error
    except RequestEntityTooLarge as error:  # of the decoder, which does not say what was
        raise InputError(
            f"the form has more than {MAX_FORM_PARTS} parts, or the headers of one have more than"
            f" {MAX_PART_HEADER_BYTES} bytes; {EXPECTED_UPLOAD}"
        ) from error
    return form


def _form_events(decoder: MultipartDecoder, body: Iterator[bytes]) -> Iterator[Event]:
    for piece in body:
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), NeedData):
            yield event
    if decoder.state is not State.EPILOGUE:
        raise IncompleteUpload("the multipart body ended before its last boundary; send it again")


def _accept_file(part: File, form: ReceivedForm) -> None:
    if part.name != "file":
        raise InputError(f"the form has a file in the field {part.name!r}; {EXPECTED_UPLOAD}")
    if form.filename is not None:
        raise InputError("the form has more than one file; send each of them as a job of its own")
    form.filename = part.filename


def _accept_field(part: Field, form: ReceivedForm) -> str:
    if not part.name:
        raise InputError("the form has a field without a name")
    if part.name == "file":
        raise InputError(f"the form's field 'file' holds text, not a file; {EXPECTED_UPLOAD}")
    if part.name in form.fields:
        raise InvalidOption(f"option {part.name} is given more than once")
    form.fields[part.name] = ""
    return part.name


def _extend_field(name: str, data: bytes, form: ReceivedForm) -> None:
    form.fields[name] += data.decode(errors="replace")
    if len(form.fields[name]) > MAX_FIELD_BYTES:
        raise InvalidOption(f"option {name} is longer than {MAX_FIELD_BYTES} characters")


def limit_patience(request: Request) -> None:
    """Give up clients that fall silent, each of which would hold one of the server's threads for ever."""
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(PATIENCE_S)


def drain_after(request: Request, response: Response) -> None:
    """Read on for a while after a refusal was sent, so that a client still sending gets to see it.

    Closing with unread bytes resets the connection, and the reply is lost with it (RFC 9112, section 9.6).
    """
    if response.status_code >= HTTPStatus.BAD_REQUEST and _has_body(request):
        connection = request.environ.get("gunicorn.socket")
        # The request itself is over when the response is closed.
        response.call_on_close(partial(_drain, request.stream, connection))


def _has_body(request: Request) -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def _drain(body: IO[bytes], connection: socket.socket | None) -> None:
    drained = 0
    with contextlib.suppress(*_BODY_BREAKS_OFF), _ending(connection, after_s=DRAIN_S):
        while drained < DRAIN_BYTES and (piece := body.read(PIECE_BYTES)):
            drained += len(piece)


@contextlib.contextmanager
def _ending(connection: socket.socket | None, *, after_s: float) -> Iterator[None]:
    """To whoever reads on, let the client have gone after a while: a read waits for all it asked for, byte by byte."""
    if connection is None:
        yield
        return

    def end() -> None:
        with contextlib.suppress(OSError):  # it has ended by itself
            connection.shutdown(socket.SHUT_RD)

    timer = threading.Timer(after_s, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
