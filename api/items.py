"""What `annotate` writes beside the timelines: one row per input, and where the numbers come from."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api.outputs import Input
from storage.errors import AffectlineError
from storage.exports import CSV_HEADER, guarded_cell, seconds
from storage.jobs import JobView
from storage.records import MediaInfo, Scores
from storage.version import VERSION

ITEM_COLUMNS = ("path", "sha256", "state", "code", "frames", "frames_with_face", "seconds")
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
    message: str = ""  #: of the error; not in the file

    def cells(self) -> list[str]:
        values = [getattr(self, column) for column in ITEM_COLUMNS]
        return ["" if value is None else guarded_cell(str(value)) for value in values]


def refused_item(given: Input, error: AffectlineError) -> Item:
    """An input that no job was made for; what was only found in a folder counts as skipped."""
    state = "failed" if given.asked_for else "skipped"
    return Item(path=printable(given.path), state=state, code=error.code, message=error.message)


def failed_item(given: Input, view: JobView) -> Item:
    """An input whose job failed."""
    return Item(
        path=printable(given.path),
        sha256=view.sha256,
        code=view.error_code or "",
        message=view.error_message or "",
    )


def done_item(given: Input, view: JobView) -> Item:
    """An input whose job is done."""
    summary, media = view.summary or {}, MediaInfo(**(view.media_info or {}))
    return Item(
        path=printable(given.path),
        sha256=view.sha256,
        state="done",
        frames=summary["frames"],
        frames_with_face=summary["frames_with_face"],
        seconds=seconds(media.duration_us),
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
    media = MediaInfo(**(view.media_info or {}))
    facts: dict[str, Any] = {
        "file": view.filename,
        "sha256": view.sha256,
        "size_bytes": view.size_bytes,
        "start_offset_s": float(seconds(media.start_offset_us)),
        "media": media.as_json(),
        "options": view.options.as_json(),
        "scores": str(scores),
        "model_sha256": view.model_hash,
        "versions": {
            "affectline": VERSION,
            "engine": view.engine_version,
            **{name: version(name) for name in _LIBRARIES},
        },
        "counts": view.summary,
    }
    yield json.dumps(facts, indent=2) + "\n"


def remove_if_ours(file: Path) -> None:
    """Remove a timeline or its provenance of an earlier call; never what somebody else made."""
    try:
        with file.open(encoding="utf-8") as opened:
            head = opened.read(len(CSV_HEADER))
        if head == CSV_HEADER or (head.startswith("{") and "model_sha256" in file.read_text()):
            file.unlink()
    except (OSError, UnicodeDecodeError):  # not there, or none of ours
        return


def write_atomically(target: Path, lines: Iterable[str], *, draft: Path) -> None:
    """Write a draft and rename it: whoever looks sees the whole file or none.

    draft: a file on the same file system. Raises OSError.
    """
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
    draft.replace(target)
