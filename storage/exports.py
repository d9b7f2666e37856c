"""The CSV timeline: Affectline's face. Columns are only ever appended."""

from collections.abc import Iterable, Iterator

from storage.labels import EXPRESSIONS
from storage.records import SCORE_UNIT
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
)
CSV_HEADER = ",".join(CSV_COLUMNS) + "\n"
_EMPTY_FACE = "," * (len(CSV_COLUMNS) - 2)


def csv_lines(timeline: Iterable[TimelineFrame]) -> Iterator[str]:
    """Yield the header and one line per face of each frame; a frame without a face has one with
    empty columns.

    Lines end in a line feed. Nothing in them comes from the caller, so nothing needs quoting.
    """
    yield CSV_HEADER
    for frame in timeline:
        start = f"{frame.frame},{seconds(frame.time_us)}"
        if not frame.faces:
            yield f"{start}{_EMPTY_FACE}\n"
        for face in frame.faces:
            yield f"{start},{_face_columns(face)}\n"


def _face_columns(face: TimelineFace) -> str:
    row = face.row
    return ",".join(
        (
            str(row.face),
            "" if face.track is None else str(face.track),
            *(str(edge) for edge in (row.x, row.y, row.width, row.height)),
            score(row.detection_score),
            "" if row.quality is None else score(row.quality),
            *(score(probability) for probability in face.probabilities),
            face.emotion,
            score(face.confidence),
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
