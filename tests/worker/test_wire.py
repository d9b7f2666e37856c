"""The wire between worker and analyser: any chunking gives the same messages, nonsense is refused."""

import json
import os
import socket
import struct
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import CorruptMedia
from storage.packed import PackedFaces, PackedFrames
from storage.records import FaceRow, FrameRow, JobOptions, MediaPlan, SegmentObservations
from tests.storage.made_jobs import media_info, plan_of, seen_in
from worker.analyser import messages, wire
from worker.analyser.wire import Decoder, Message, WireError, encode

numbers = {"q": st.integers(-(2**63), 2**63 - 1), "i": st.integers(-(2**31), 2**31 - 1)}
arrays = st.sampled_from("qi").flatmap(
    lambda typecode: st.lists(numbers[typecode], max_size=20).map(
        lambda values: array(typecode, values)
    )
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner),
    max_leaves=5,
)
headers = st.dictionaries(st.text().filter(lambda name: name != "arrays"), json_values, max_size=4)
some_messages = st.lists(
    st.builds(Message, headers, st.dictionaries(st.text(), arrays, max_size=3)), max_size=4
)


@given(sent=some_messages, data=st.data())
def test_any_chunking_gives_the_same_messages(sent: list[Message], data: st.DataObject) -> None:
    stream = b"".join(map(encode, sent))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    decoder = Decoder()

    received = []
    for start, end in pairwise([0, *cuts, len(stream)]):
        decoder.feed(stream[start:end])
        while (message := decoder.next_message()) is not None:
            received.append(message)

    assert received == sent


def framed(text: bytes, raw: bytes = b"") -> bytes:
    return struct.pack("<II", len(text), len(raw)) + text + raw


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        (b"", b""),
        (b"nonsense", b""),
        (b"\xff\xfe", b""),
        (b"[]", b""),
        (b'"arrays"', b""),
        (b"17", b""),
        (b"{}", b""),
        (b'{"arrays": 3}', b""),
        (b'{"arrays": [["a", "q"]]}', b""),
        (b'{"arrays": [["a", "d", 1]]}', b"12345678"),
        (b'{"arrays": [["a", "q", 2]]}', b"12345678"),
        (b'{"arrays": [["a", "q", 1]]}', b"1234"),
        (b'{"arrays": [["a", "q", -1]]}', b"12345678"),
        (b'{"arrays": [["a", "q", 1.0]]}', b"12345678"),
        (b'{"arrays": [["a", "q", "1"]]}', b"12345678"),
        (b'{"arrays": [["a", [], 1]]}', b"12345678"),
        (b'{"arrays": [[["a"], "q", 1]]}', b"12345678"),
        (b'{"arrays": [["a", "q", 1000000000000000]]}', b"12345678"),
        (b"[" * 100_000, b""),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_nonsense_is_refused(text: bytes, raw: bytes) -> None:
    decoder = Decoder()
    decoder.feed(framed(text, raw))

    with pytest.raises(WireError):
        decoder.next_message()


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_wire_error(data: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    decoder.feed(framed(data))

    try:
        while decoder.next_message() is not None:
            pass
    except WireError:
        pass


@given(st.dictionaries(st.sampled_from(["say", "segments", "media", "done"]), json_values))
def test_a_message_of_another_shape_is_no_answer(header: dict[str, object]) -> None:
    with pytest.raises(WireError):
        messages.read_plan(Message(header))
    with pytest.raises(WireError):
        messages.read_observations(Message(header))


def test_too_large_a_message_is_refused_before_its_bytes_come() -> None:
    decoder = Decoder()
    decoder.feed(struct.pack("<II", 1, wire.MAX_MESSAGE_BYTES))

    with pytest.raises(WireError, match="at most"):
        decoder.next_message()


def test_too_large_a_message_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_MESSAGE_BYTES", 100)

    with pytest.raises(WireError, match="at most 100"):
        encode(Message({}, {"a": array("q", range(20))}))


def test_a_request_brings_the_descriptor_along() -> None:
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    os.write(writing, b"the medium")

    with ours, theirs:
        wire.send_request(ours, Message({"ask": "plan"}), descriptors=[reading])
        received = wire.receive_request(theirs)

    assert received is not None
    message, (descriptor,) = received
    assert message == Message({"ask": "plan"})
    assert descriptor != reading
    assert os.read(descriptor, 100) == b"the medium"
    for open_descriptor in (reading, writing, descriptor):
        os.close(open_descriptor)


def test_a_request_without_a_descriptor_is_refused() -> None:
    ours, theirs = socket.socketpair()

    with ours, theirs:
        ours.sendall(encode(Message({"ask": "plan"})))
        with pytest.raises(WireError, match="without the medium"):
            wire.receive_request(theirs)


def test_the_end_of_the_other_side_ends_the_wait() -> None:
    ours, theirs = socket.socketpair()
    ours.close()

    with theirs:
        assert wire.receive_request(theirs) is None


def over_the_wire(message: Message) -> Message:
    decoder = Decoder()
    decoder.feed(encode(message))
    received = decoder.next_message()
    assert received is not None
    return received


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5).map(lambda sizes: plan_of(*sizes)))
def test_a_plan_crosses_the_wire(plan: MediaPlan) -> None:
    assert messages.read_plan(over_the_wire(messages.plan_answer(plan))) == plan


@given(st.integers(1, 30), st.integers(0, 4))
def test_observations_cross_the_wire(frame_count: int, faces: int) -> None:
    seen = seen_in(plan_of(frame_count).segments[0], faces=faces)

    received = messages.read_observations(over_the_wire(messages.observations_answer(seen)))

    assert received == seen
    assert isinstance(received.frames, PackedFrames) and isinstance(received.faces, PackedFaces)


def test_seeing_nothing_crosses_the_wire() -> None:
    seen = SegmentObservations([FrameRow(0, 0, 0)], [])

    assert messages.read_observations(over_the_wire(messages.observations_answer(seen))) == seen


def test_a_slice_crosses_the_wire() -> None:
    piece = plan_of(3, 5).segments[1]
    request = messages.analyse_request(JobOptions(), media=media_info(8), piece=piece)

    assert messages.slice_of(over_the_wire(request)) == piece


def test_an_error_crosses_the_wire_with_type_and_message() -> None:
    raised = messages.raised(over_the_wire(messages.failure(CorruptMedia("byte 7 is wrong"))))

    assert (type(raised), raised.message) == (CorruptMedia, "byte 7 is wrong")


def test_rows_of_another_width_are_refused() -> None:
    width = len(FaceRow._fields)
    lists = {"frames": array("q"), "faces": array("i", range(width + 1))}

    with pytest.raises(WireError, match=f"rows of {width}"):
        messages.read_observations(Message({"say": "observations"}, lists))


def test_messages_are_json_and_never_pickle() -> None:
    stream = encode(Message({"ask": "plan", "name": "ü"}, {"pts": array("q", [1, 2])}))

    text_bytes, raw_bytes = struct.unpack_from("<II", stream)
    header = json.loads(stream[8 : 8 + text_bytes])
    assert header == {"ask": "plan", "name": "ü", "arrays": [["pts", "q", 2]]}
    assert stream[8 + text_bytes :] == struct.pack("<qq", 1, 2)
    assert raw_bytes == 16
