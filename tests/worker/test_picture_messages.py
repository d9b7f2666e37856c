"""The messages of illustrating and of live views: they come back as they were sent, and nonsense is refused."""

from array import array

import pytest

from tests.storage.made_jobs import media_info, plan_of
from worker.analyser import live_messages, picture_messages
from worker.analyser.wire import Decoder, Message, WireError, encode
from worker.live_faces import LiveFace, LiveSight
from worker.regions import Region


def over_the_wire(message: Message) -> Message:
    decoder = Decoder()
    decoder.feed(encode(message))
    received = decoder.next_message()
    assert received is not None
    return received


def test_regions_and_frames_are_kept() -> None:
    piece = plan_of(3, 4).segments[1]
    regions = [Region(3, -5, 0, 40, 30), Region(6, 1, 2, 3, 4)]

    asked = over_the_wire(
        picture_messages.thumbnails_request(media_info(7), piece=piece, regions=regions)
    )

    assert picture_messages.regions_of(asked) == regions
    read = picture_messages.piece_of(asked)
    assert (read.first_frame, read.pts, read.entries) == (3, piece.pts, piece.entries)


def test_thumbnails_are_kept() -> None:
    jpegs = [b"one", b"another", bytes(range(256))]

    answer = over_the_wire(picture_messages.thumbnails_answer(jpegs))

    assert picture_messages.read_thumbnails(answer, count=3) == jpegs


@pytest.mark.parametrize(
    ("sizes", "content"),
    [([3], b"abc"), ([1, 1], b"abc"), ([4, -1], b"abc"), ([3, 0], b"abc")],
    ids=["too few", "bytes left over", "a negative size", "an empty one"],
)
def test_thumbnails_that_do_not_add_up_are_refused(sizes: list[int], content: bytes) -> None:
    answer = Message({}, {"sizes": array("q", sizes), "bytes": array("B", content)})

    with pytest.raises(WireError):
        picture_messages.read_thumbnails(answer, count=2)


@pytest.mark.parametrize("quality", [None, 0, 9_000])
def test_a_sight_is_kept(quality: int | None) -> None:
    face = LiveFace(2, -1, 20, 30, 40, 9_900, quality, tuple(range(7)), tuple(range(7, 14)))
    sight = LiveSight(640, 480, (face, face._replace(track=3)), 5_600)

    answer = over_the_wire(live_messages.sight_answer(sight))

    assert live_messages.read_sight(answer) == sight


@pytest.mark.parametrize(
    "answer",
    [
        Message({"say": "sight"}),
        Message({"width": 1, "height": 1}, {"faces": array("i", [1, 2])}),
        Message({"width": "wide", "height": 1}, {"faces": array("i")}),
    ],
    ids=["nothing", "half a face", "a width in words"],
)
def test_other_answers_are_no_sight(answer: Message) -> None:
    with pytest.raises(WireError):
        live_messages.read_sight(answer)


def test_other_answers_end_nothing() -> None:
    for read in (live_messages.read_begun, picture_messages.read_preview):
        with pytest.raises(WireError):
            read(Message({"say": "failure"}))
