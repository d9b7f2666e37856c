"""Which inputs `annotate` was given and what their files are called."""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

ITEMS_NAME = "items"
"""`items.csv` lists all inputs: no input may be called so."""
_UNLISTABLE_NAME = "unlistable"
"""In the place of an output's name, for folders: nothing is ever written for them."""

_OUTPUT_SUFFIXES = (".csv", ".json")

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
    """One file to annotate, or a folder that can't be listed, which stands for the files in it."""

    path: Path  #: as it was given, or found below a folder that was given
    output: Path  #: relative to the output folder, without suffix
    asked_for: bool  #: named by the caller or of a media suffix; others may be skipped

    def file(self, folder: Path, suffix: str) -> Path:
        """The path of an output file of this input, e.g. with suffix ".csv"."""
        return folder / self.output.parent / f"{self.output.name}{suffix}"


class _Found(NamedTuple):
    path: Path
    relative: Path  #: to what was given
    asked_for: bool


def find_inputs(paths: Iterable[Path], *, folder: Path) -> list[Input]:
    """Walk files and folders in order and name their outputs below `folder`.

    Folders behind symbolic links are walked too, each once. Hidden files and the output folder are passed over; of an input
    folder that is the output folder too, the files of earlier calls are. Equal stems of media keep their suffix (`a.mp4`,
    `a.mov`), and so does what has no media suffix; what still clashes is numbered in order. Folders that can't be listed come
    last: they cost no file its name. What is met again, by whatever path, is no other input.
    """
    unlistable: list[Path] = []
    met = [file for path in paths for file in _walk(path, folder.resolve(), unlistable)]
    found = _each_once(met)
    stems = Counter(relative.with_suffix("") for _, relative, asked_for in found if asked_for)
    found += _each_once(_Found(path, Path(_UNLISTABLE_NAME), True) for path in unlistable)
    taken = {Path(ITEMS_NAME)}
    inputs = []
    for path, relative, asked_for in found:
        stem = relative.with_suffix("")
        clashes = stems[stem] > 1 or stem in taken or not asked_for
        output = _free_name(relative if clashes else stem, taken)
        taken.add(output)
        inputs.append(Input(path=path, output=output, asked_for=asked_for))
    return inputs


def _each_once(met: Iterable[_Found]) -> list[_Found]:
    """Keep the first path to each file or folder; one that is asked for by any of its paths is asked for."""
    found: dict[str, _Found] = {}
    for file in met:
        identity = os.path.realpath(
            file.path
        )  # Path.resolve fails at loops of links before Python 3.13
        first = found.setdefault(identity, file)
        found[identity] = first._replace(asked_for=first.asked_for or file.asked_for)
    return list(found.values())


def _is_folder(path: Path) -> bool:
    """Whether a folder is there; one behind a folder that may not be entered is not."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_link(path: Path) -> bool:
    """Whether a symbolic link is there; what lies in a folder that may not be entered is none."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def _free_name(wanted: Path, taken: set[Path]) -> Path:
    numbered = (wanted.with_name(f"{wanted.name}-{number}") for number in count(2))
    return next(name for name in chain([wanted], numbered) if name not in taken)


def _walk(path: Path, excluded: Path, unlistable: list[Path]) -> Iterator[_Found]:
    """Yield the files that a path names, and add folders that can't be listed to `unlistable`."""

    def note(error: OSError) -> None:
        unlistable.append(Path(error.filename))

    if not _is_folder(path):
        yield _Found(path, Path(path.name), True)
        return
    passed_over = _OUTPUT_SUFFIXES if path.resolve() == excluded else ()
    for folder, names in _folders(path, excluded, note):
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith(passed_over):
                found = folder / name
                known = found.suffix.lower() in _MEDIA_SUFFIXES
                yield _Found(found, found.relative_to(path), known)


def _folders(
    top: Path, excluded: Path, note: Callable[[OSError], None]
) -> Iterator[tuple[Path, list[str]]]:
    """Yield every folder and the names of its files; what lies behind symbolic links comes last, and once.

    So no link, be it a loop, changes under which path a file is found that can be found without it.
    """
    visited: set[tuple[int, int] | None] = set()
    waiting = deque([top])
    while waiting:
        root = waiting.popleft()
        for parent, names, files in os.walk(root, onerror=note):
            folder = Path(parent)
            identity = _identity(folder)
            if root != top and identity in visited:
                names.clear()
                continue
            visited.add(identity)
            names[:] = sorted(
                name
                for name in names
                if not name.startswith(".") and (folder / name).resolve() != excluded
            )
            waiting += [folder / name for name in names if _is_link(folder / name)]
            yield folder, files


def _identity(folder: Path) -> tuple[int, int] | None:
    """What is the same of a folder by whatever path it is reached; None if it is gone."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
