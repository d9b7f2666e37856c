"""What a live session asks its analyser and what that answers, as messages of the wire."""

from array import array

from storage.labels import EXPRESSIONS
from worker.analyser.wire import Message, WireError
from worker.live_faces import LiveFace, LiveSight

_NO_QUALITY = -1
_FACTS = 7
_WIDTH = _FACTS + 2 * len(EXPRESSIONS)


def begin_request() -> Message:
    """Load the models and forget whatever was seen before."""
    return Message({"ask": "begin_live"})


def begun_answer() -> Message:
    return Message({"say": "begun"})


def read_begun(answer: Message) -> None:
    """Raise WireError for anything else."""
    if answer.header.get("say") != "begun":
        raise WireError(f"not the begin of a live view: {answer.header}")


def look_request(time_us: int) -> Message:
    """Look at the JPEG behind the descriptor, which was taken at that time of any clock that only goes forward."""
    return Message({"ask": "look", "time_us": time_us})


def sight_answer(seen: LiveSight) -> Message:
    faces = array("i", (value for face in seen.faces for value in _row(face)))
    size = {"width": seen.width, "height": seen.height}
    return Message(
        {"say": "sight", **size, "uncertain_below": seen.uncertain_below}, {"faces": faces}
    )


def _row(face: LiveFace) -> tuple[int, ...]:
    quality = _NO_QUALITY if face.quality is None else face.quality
    box = (face.x, face.y, face.width, face.height)
    return (face.track, *box, face.detection_score, quality, *face.probabilities, *face.smoothed)


def read_sight(answer: Message) -> LiveSight:
    """Read back what was seen. Raises WireError for anything else."""
    try:
        width, height, below = (
            int(answer.header[name]) for name in ("width", "height", "uncertain_below")
        )
        values = answer.arrays["faces"].tolist()
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"not a sight: {error}") from error
    if len(values) % _WIDTH:
        raise WireError(f"{len(values)} values do not make faces of {_WIDTH}")
    rows = (values[start : start + _WIDTH] for start in range(0, len(values), _WIDTH))
    return LiveSight(width, height, tuple(_face(row) for row in rows), below)


def _face(row: list[int]) -> LiveFace:
    track, x, y, width, height, score, quality = row[:_FACTS]
    return LiveFace(
        track=track,
        x=x,
        y=y,
        width=width,
        height=height,
        detection_score=score,
        quality=None if quality == _NO_QUALITY else quality,
        probabilities=tuple(row[_FACTS : _FACTS + len(EXPRESSIONS)]),
        smoothed=tuple(row[_FACTS + len(EXPRESSIONS) :]),
    )
