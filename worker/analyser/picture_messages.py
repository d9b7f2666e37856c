"""What illustrating a job asks of its analyser and what that answers, as messages of the wire."""

from array import array
from collections.abc import Sequence

from storage.records import MediaInfo, SegmentSlice
from worker.analyser.wire import Message, WireError
from worker.regions import Region


def thumbnails_request(
    media: MediaInfo, *, piece: SegmentSlice, regions: Sequence[Region]
) -> Message:
    """Cut these regions out of frames of a segment. With one descriptor: the medium."""
    header = {
        "ask": "thumbnails",
        "media": media.as_json(),
        "first_frame": piece.first_frame,
        "entries": list(piece.entries),
    }
    flat = array("q", (value for region in regions for value in region))
    return Message(header, {"pts": array("q", piece.pts), "regions": flat})


def piece_of(request: Message) -> SegmentSlice:
    """Read back the frames of a request; none of them is looked at yet."""
    return SegmentSlice(
        first_frame=request.header["first_frame"],
        pts=tuple(request.arrays["pts"]),
        look=(),
        entries=tuple(request.header["entries"]),
    )


def regions_of(request: Message) -> list[Region]:
    """Read back the regions of a thumbnails request."""
    values, width = request.arrays["regions"], len(Region._fields)
    return [Region(*values[start : start + width]) for start in range(0, len(values), width)]


def thumbnails_answer(jpegs: Sequence[bytes]) -> Message:
    arrays = {"sizes": array("q", map(len, jpegs)), "bytes": array("B", b"".join(jpegs))}
    return Message({"say": "thumbnails"}, arrays)


def read_thumbnails(answer: Message, *, count: int) -> list[bytes]:
    """Read back so many JPEGs. Raises WireError for anything else."""
    try:
        sizes, whole = answer.arrays["sizes"], answer.arrays["bytes"].tobytes()
    except KeyError as error:
        raise WireError(f"not thumbnails: {error}") from error
    if len(sizes) != count or sum(sizes) != len(whole) or any(size <= 0 for size in sizes):
        raise WireError(f"{len(sizes)} thumbnails in {len(whole)} bytes; expected {count}")
    jpegs: list[bytes] = []
    start = 0
    for size in sizes:
        jpegs.append(whole[start : start + size])
        start += size
    return jpegs


def preview_request(media: MediaInfo, *, pts: Sequence[int]) -> Message:
    """Write a preview. With three descriptors: the medium, an empty file to write and read, and the medium opened once more.

    pts: of all frames of the medium.
    """
    header = {"ask": "preview", "media": media.as_json(), "first_frame": 0, "entries": []}
    return Message(header, {"pts": array("q", pts)})


def preview_answer() -> Message:
    return Message({"say": "preview"})


def read_preview(answer: Message) -> None:
    """Raise WireError for anything else."""
    if answer.header.get("say") != "preview":
        raise WireError(f"not the end of a preview: {answer.header}")
