"""Cuts between two shots, seen in the brightness alone."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from worker.vision.frames import Frame

THUMBNAIL_SIDE = 48
"""Samples along the longer side: enough to tell shots apart; noise averages out."""
CUT_DIFFERENCE = 15.0
"""Least mean difference of brightness, of 255. In the real clips at hand cuts have 24 to 126, moving heads and cameras at
most 12."""
SAME_SHOT_CORRELATION = 0.5
"""From here on two pictures show the same scene, however a flash or a fade changed its brightness. In the same clips cuts
have -0.3 to 0.46, other neighbours 0.56 or more."""
MOVED_DIFFERENCE = 10.0
"""Least mean difference of brightness, of 255, between pictures a third of a second apart where a camera or much of the picture
moved. In real clips speakers have 1 to 6 (medians), a camera that turns or follows and a street 14 to 29."""

Thumbnail = npt.NDArray[np.float32]


class ShotFrame(NamedTuple):
    frame: Frame
    begins_shot: bool  #: there is a cut between it and the looked-at frame before
    thumbnail: Thumbnail


def with_cuts(frames: Iterable[Frame]) -> Iterator[ShotFrame]:
    """Say of each frame whether it begins a new shot; of the first one nothing is known, so it does not."""
    before: Thumbnail | None = None
    for frame in frames:
        now = thumbnail(frame.luma)
        yield ShotFrame(frame, before is not None and is_cut(before, now), now)
        before = now


def thumbnail(luma: npt.NDArray[np.uint8]) -> Thumbnail:
    """Sample a luma plane at about THUMBNAIL_SIDE points along its longer side: (height, width), in the plane's range."""
    step = max(1, max(luma.shape) // THUMBNAIL_SIDE)
    return luma[step // 2 :: step, step // 2 :: step].astype(np.float32)


def is_cut(before: Thumbnail, after: Thumbnail) -> bool:
    """Tell whether two pictures show different scenes: if one comes right after the other, there is a cut between them.

    Pictures of different sizes do.
    """
    if before.shape != after.shape:
        return True
    if _difference(before, after) < CUT_DIFFERENCE:
        return False
    return _correlation(before, after) < SAME_SHOT_CORRELATION


def has_moved(before: Thumbnail, after: Thumbnail) -> bool:
    """Tell whether much of the picture is elsewhere than it was."""
    return before.shape != after.shape or _difference(before, after) >= MOVED_DIFFERENCE


def _difference(before: Thumbnail, after: Thumbnail) -> float:
    """Mean of all samples' differences, of 255."""
    return float(np.abs(after - before).mean())


def _correlation(one: Thumbnail, other: Thumbnail) -> float:
    """Pearson's correlation, -1..1; 0 where a picture is flat."""
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / scale if scale > 0 else 0.0
