"""The CSV timeline: Affectline's face. Columns are only ever appended."""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from storage.labels import EXPRESSIONS, likeliest
from storage.records import SCORE_UNIT, Scores
from storage.timelines import TimelineFace, TimelineFrame

CSV_COLUMNS: tuple[str, ...] = (
    "frame",
    "time_s",
    "face",
    "track",
    "x",
    "y",
    "width",
    "height",
    "detection_score",
    "quality",
    *EXPRESSIONS,
    "emotion",
    "confidence",
    "person",
)
CSV_HEADER = ",".join(CSV_COLUMNS) + "\n"
_EMPTY_FACE = "," * (len(CSV_COLUMNS) - 2)
_NEEDS_QUOTES = re.compile(r'[",\r\n]')
_NOBODY: Mapping[int, str] = MappingProxyType({})


def csv_lines(
    timeline: Iterable[TimelineFrame],
    *,
    scores: Scores = Scores.RAW,
    persons: Mapping[int, str] = _NOBODY,
) -> Iterator[str]:
    """Yield the header and one line per face of each frame; a frame without a face has one with
    empty columns.

    scores: the seven probabilities, and `emotion` and `confidence` by them.  persons: names given to tracks by hand.
    Lines end in a line feed.
    """
    yield CSV_HEADER
    names = {track: _quoted(guarded_cell(person)) for track, person in persons.items()}
    for frame in timeline:
        start = f"{frame.frame},{seconds(frame.time_us)}"
        if not frame.faces:
            yield f"{start}{_EMPTY_FACE}\n"
        for face in frame.faces:
            person = "" if face.track is None else names.get(face.track, "")
            yield f"{start},{_face_columns(face, scores)},{person}\n"


def _face_columns(face: TimelineFace, scores: Scores) -> str:
    row = face.row
    probabilities = face.scored(scores)
    emotion, confidence = likeliest(probabilities)
    return ",".join(
        (
            str(row.face),
            "" if face.track is None else str(face.track),
            *(str(edge) for edge in (row.x, row.y, row.width, row.height)),
            score(row.detection_score),
            "" if row.quality is None else score(row.quality),
            *(score(probability) for probability in probabilities),
            emotion,
            score(confidence),
        )
    )


def seconds(time_us: int) -> str:
    """Whole microseconds as seconds with six decimals, by integers only."""
    sign = "-" if time_us < 0 else ""
    whole, rest = divmod(abs(time_us), 1_000_000)
    return f"{sign}{whole}.{rest:06d}"


def score(ten_thousandths: int) -> str:
    """0..10000 as a number with four decimals."""
    whole, rest = divmod(ten_thousandths, SCORE_UNIT)
    return f"{whole}.{rest:04d}"


def guarded_cell(text: str) -> str:
    """Make a caller's text safe for spreadsheets, which run cells that begin like a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _quoted(cell: str) -> str:
    """Quote a cell as RFC 4180 has it, if it needs to be."""
    return '"' + cell.replace('"', '""') + '"' if _NEEDS_QUOTES.search(cell) else cell
