"""What `annotate` writes beside the timelines: one row per input, and where the numbers come from."""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api.outputs import Input
from storage.blobs import file_location, sha256_of
from storage.errors import AffectlineError, EmptyFile, OutputFailed, UnsupportedMedia
from storage.exports import CSV_COLUMNS, CSV_HEADER, guarded_cell, seconds
from storage.jobs import JobView
from storage.records import SCORE_UNIT, MediaInfo, Scores
from storage.version import VERSION

ITEM_COLUMNS = (
    "path",
    "sha256",
    "state",
    "code",
    "frames",
    "frames_with_face",
    "seconds",
    "timeline",
)
_BEGINNINGS = (",".join(CSV_COLUMNS[:9]), ",".join(ITEM_COLUMNS[:7]))
"""Of a timeline and of items.csv, in every version: columns are only added, at the end."""
_LIBRARIES = ("av", "numpy", "onnxruntime", "opencv-python-headless")


@dataclass(frozen=True)
class Item:
    """How one input ended: a row of items.csv."""

    path: str
    sha256: str = ""
    state: str = "failed"  #: done, failed or skipped (found in a folder, no image or video)
    code: str = ""  #: of the error
    frames: int | None = None  #: looked-at frames
    frames_with_face: int | None = None
    seconds: str = ""  #: time of the last frame
    timeline: str = ""  #: the CSV's path below the output folder
    message: str = ""  #: of the error; not in the file
    done_before: bool = False  #: by an earlier call; not in the file

    def cells(self) -> list[str]:
        values = [getattr(self, column) for column in ITEM_COLUMNS]
        return ["" if value is None else guarded_cell(str(value)) for value in values]


def refused_item(given: Input, error: AffectlineError) -> Item:
    """An input that has no result; what was only found in a folder counts as skipped if it is no medium."""
    no_medium = isinstance(error, (UnsupportedMedia, EmptyFile))
    state = "skipped" if no_medium and not given.asked_for else "failed"
    return Item(path=printable(given.path), state=state, code=error.code, message=error.message)


def failed_item(given: Input, view: JobView) -> Item:
    """An input whose job failed."""
    return Item(
        path=printable(given.path),
        sha256=view.sha256,
        code=view.error_code or "",
        message=view.error_message or "",
    )


def done_item(given: Input, view: JobView, *, done_before: bool) -> Item:
    """An input whose job is done, now or by an earlier call."""
    summary, media = view.summary or {}, MediaInfo.from_json(view.media_info or {})
    return Item(
        path=printable(given.path),
        sha256=view.sha256,
        state="done",
        frames=summary["frames"],
        frames_with_face=summary["frames_with_face"],
        seconds=seconds(media.duration_us),
        timeline=printable(given.file(Path(), ".csv")),
        done_before=done_before,
    )


def printable(path: Path) -> str:
    """The path as text; bytes of it that are not UTF-8 as escapes."""
    return str(path).encode(errors="backslashreplace").decode()


def item_lines(items: list[Item]) -> Iterator[str]:
    """The text of items.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(ITEM_COLUMNS)
    writer.writerows(item.cells() for item in items)
    yield text.getvalue()


def provenance(view: JobView, *, scores: Scores) -> Iterator[str]:
    """The JSON beside a CSV: all that is needed to say where its numbers come from."""
    media = MediaInfo.from_json(view.media_info or {})
    facts: dict[str, Any] = {
        "file": view.filename,
        "sha256": view.sha256,
        "size_bytes": view.size_bytes,
        "start_offset_s": float(seconds(media.start_offset_us)),
        "media": media.as_json(),
        "options": view.options.as_json(),
        "scores": str(scores),
        "model_sha256": view.model_hash,
        "uncertain_below": view.uncertain_below / SCORE_UNIT,
        "versions": {
            "affectline": VERSION,
            "engine": view.engine_version,
            **{name: version(name) for name in _LIBRARIES},
        },
        "counts": view.summary,
    }
    yield json.dumps(facts, indent=2) + "\n"


def check_place(file: Path) -> None:
    """Raise OutputFailed if something that no call of annotate wrote is where it would write, or nothing can be."""
    try:
        there = file.exists()
    except OSError as error:
        raise OutputFailed(f"{file.name} can't be written: {error.strerror}") from error
    if there and not _is_ours(file) and not _is_empty(file):
        raise OutputFailed(
            f"{file} is there and was not written by annotate; move it, or choose another -o"
        )


def remove_if_untrue(given: Input, folder: Path, *, looked_at: Callable[[str], Set[str]]) -> None:
    """Remove the timeline and the provenance of an input that other bytes than it has now were annotated for.

    looked_at: the SHA-256 of what lay at a location when it was annotated; a file of another folder may have had the same
    name, and its timeline is not this one's to remove. They stay too where the input can't be read, which may be for a
    while only, and where nothing says what they are of.
    """
    with contextlib.suppress(OSError):
        told = sha256_told(given.file(folder, ".json"))
        if not told or not given.path.is_file() or told not in looked_at(file_location(given.path)):
            return
        if sha256_of(given.path) != told:
            for suffix in (".csv", ".json"):
                _remove_if_ours(given.file(folder, suffix))


def sha256_told(file: Path) -> str | None:
    """What a provenance says of its medium's bytes; None if there is none that annotate wrote."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no file, no JSON, or no text
        return None
    return facts.get("sha256") if isinstance(facts, dict) and "model_sha256" in facts else None


def _remove_if_ours(file: Path) -> None:
    """Remove a timeline or its provenance of an earlier call; never what somebody else made."""
    if file.exists() and _is_ours(file):
        file.unlink()


def _is_ours(file: Path) -> bool:
    """Whether a file begins as what is written here does."""
    try:
        text = file.read_text(encoding="utf-8") if file.suffix == ".json" else _first_line(file)
    except (OSError, UnicodeDecodeError):
        return False
    ours = text.startswith("{") and "model_sha256" in text
    return ours or text.startswith(_BEGINNINGS)


def _is_empty(file: Path) -> bool:
    """Whether writing over it loses nothing."""
    return file.is_file() and file.stat().st_size == 0


def _first_line(file: Path) -> str:
    with file.open(encoding="utf-8") as opened:
        return opened.readline(len(CSV_HEADER))


def write_atomically(texts: Mapping[Path, Iterable[str]], *, drafts: Path) -> None:
    """Write drafts and rename them when all are whole: files that belong together are all new, or all as they were.

    Folders of the files are made. drafts: a folder on the same file system. Raises OutputFailed.
    """
    written = {drafts / f"draft-{number}": target for number, target in enumerate(texts)}
    try:
        for draft, target in written.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8", newline="") as file:
                file.writelines(texts[target])
        for draft, target in written.items():
            draft.replace(target)
    except OSError as error:
        names = " and ".join(target.name for target in texts)
        raise OutputFailed(f"{names} can't be written: {error.strerror}") from error
    finally:
        for draft in written:  # on a full disk there is room again for the next file
            with contextlib.suppress(OSError):
                draft.unlink()
