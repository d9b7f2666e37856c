"""The messages between a worker and its analyser: length-prefixed JSON plus raw arrays of integers,
never pickle.

A message is `<json length><arrays length><json><arrays>`, both lengths uint32 little-endian. The
JSON's `arrays` lists (name, typecode, count) of the raw arrays that follow, in order. Both ends run
on one machine: native byte order.
"""

import json
import socket
import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_MESSAGE_BYTES = 512 * 1024 * 1024
"""More is refused: the analyser looks at hostile files, and its parent must not swallow what it is
made to send.
"""

MAX_DESCRIPTORS = 3
"""A medium, a file to write, and the medium once more: its sound is read beside its pictures."""

_LENGTHS = struct.Struct("<II")
_TYPECODES = frozenset("qiB")  # int64, int32, bytes


class WireError(Exception):
    """The other end sent something that is not a message."""


@dataclass(frozen=True)
class Message:
    header: dict[str, Any]
    arrays: Mapping[str, "array[int]"] = field(default_factory=dict)


def encode(message: Message) -> bytes:
    """Turn a message into bytes. Raises WireError above MAX_MESSAGE_BYTES."""
    listing = [[name, values.typecode, len(values)] for name, values in message.arrays.items()]
    text = json.dumps({**message.header, "arrays": listing}).encode()
    raw = b"".join(values.tobytes() for values in message.arrays.values())
    _check_size(len(text) + len(raw))
    return _LENGTHS.pack(len(text), len(raw)) + text + raw


class Decoder:
    """Collects bytes as they come and gives whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_message(self) -> Message | None:
        """Return the next whole message, None while it is incomplete. Raises WireError for
        nonsense.
        """
        if len(self._buffer) < _LENGTHS.size:
            return None
        text_bytes, raw_bytes = _LENGTHS.unpack_from(self._buffer)
        _check_size(text_bytes + raw_bytes)
        end = _LENGTHS.size + text_bytes + raw_bytes
        if len(self._buffer) < end:
            return None
        text = bytes(self._buffer[_LENGTHS.size : _LENGTHS.size + text_bytes])
        raw = bytes(self._buffer[_LENGTHS.size + text_bytes : end])
        del self._buffer[:end]
        return _decode(text, raw)


def _check_size(size: int) -> None:
    if size > MAX_MESSAGE_BYTES:
        raise WireError(f"message of {size} bytes; at most {MAX_MESSAGE_BYTES} are allowed")


def _decode(text: bytes, raw: bytes) -> Message:
    try:
        header = json.loads(text)
        arrays: dict[str, array[int]] = {}
        offset = 0
        for name, typecode, count in header.pop("arrays"):
            if typecode not in _TYPECODES:
                raise WireError(f"array {name!r} has typecode {typecode!r}")
            values: array[int] = array(typecode)
            size = values.itemsize * count
            values.frombytes(raw[offset : offset + size])
            if len(values) != count:
                raise WireError(f"array {name!r} ends early")
            arrays[name] = values
            offset += size
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WireError(f"not a message: {error}") from error
    return Message(header, arrays)


def send_request(
    connection: socket.socket, message: Message, *, descriptors: Sequence[int]
) -> None:
    """Send a message together with 1 to MAX_DESCRIPTORS open file descriptors."""
    data = encode(message)
    # Descriptors travel with the first bytes, which are never split.
    socket.send_fds(connection, [data[: _LENGTHS.size]], list(descriptors))
    connection.sendall(data[_LENGTHS.size :])


def receive_request(connection: socket.socket) -> tuple[Message, list[int]] | None:
    """Wait for a message with its descriptors (to be closed by the caller); None when the other end
    is gone.
    """
    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTHS.size, MAX_DESCRIPTORS)
    if not head:
        return None
    if not descriptors:
        raise WireError("a request came without the medium's descriptor")
    decoder = Decoder()
    decoder.feed(head)
    while (message := decoder.next_message()) is None:
        data = connection.recv(65536)
        if not data:
            return None
        decoder.feed(data)
    return message, descriptors
