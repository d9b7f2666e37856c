"""Which inputs `annotate` was given and what their files are called."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

STATE_FOLDER = ".affectline"
"""Where `annotate` keeps its database, below the output folder."""
ITEMS_NAME = "items"
"""`items.csv` lists all inputs: no input may be called so."""

# fmt: off
_MEDIA_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".avif", ".bmp", ".flv", ".gif", ".h264", ".h265", ".heic",
    ".heif", ".hevc", ".jpeg", ".jpg", ".m2ts", ".m4v", ".mj2", ".mjpeg", ".mjpg", ".mkv",
    ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogg", ".ogv", ".png", ".tif", ".tiff", ".ts",
    ".vob", ".webm", ".webp", ".wmv",
})
# fmt: on


@dataclass(frozen=True)
class Input:
    """One file to annotate."""

    path: Path  #: as it was given, or found below a folder that was given
    output: Path  #: relative to the output folder, without suffix
    asked_for: bool  #: named by the caller or of a media suffix; others may be skipped

    def file(self, folder: Path, suffix: str) -> Path:
        """The path of an output file of this input, e.g. with suffix ".csv"."""
        return folder / self.output.parent / f"{self.output.name}{suffix}"


def find_inputs(paths: Iterable[Path], *, folder: Path) -> list[Input]:
    """Walk files and folders in order and name their outputs below `folder`.

    Hidden files, and the output folder itself, are passed over. Equal stems keep their suffix
    (`a.mp4`, `a.mov`); what still clashes is numbered in order.
    """
    found = [item for path in paths for item in _walk(path, folder.resolve())]
    stems = Counter(relative.with_suffix("") for _, relative, _ in found)
    taken: Counter[Path] = Counter()
    inputs = []
    for path, relative, asked_for in found:
        stem = relative.with_suffix("")
        output = relative if stems[stem] > 1 or stem == Path(ITEMS_NAME) else stem
        taken[output] += 1
        if taken[output] > 1:
            output = output.with_name(f"{output.name}-{taken[output]}")
        inputs.append(Input(path=path, output=output, asked_for=asked_for))
    return inputs


def _walk(path: Path, excluded: Path) -> Iterator[tuple[Path, Path, bool]]:
    """Yield (path, path relative to what was given, asked for)."""
    if not path.is_dir():
        yield path, Path(path.name), True
        return
    for parent, folders, files in os.walk(path):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (Path(parent) / name).resolve() != excluded
        )
        for name in sorted(files):
            if not name.startswith("."):
                found = Path(parent) / name
                known = found.suffix.lower() in _MEDIA_SUFFIXES
                yield found, found.relative_to(path), known
