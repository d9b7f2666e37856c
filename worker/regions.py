"""Parts of a medium that are cut out for people to look at."""

from typing import NamedTuple

AROUND_FACE = 1.5
"""Side of the square that shows a face, by the height of its box: hair and chin are in it."""


class Region(NamedTuple):
    """A rectangle of one frame, in whole pixels of the upright picture; it may reach beyond it."""

    frame: int
    x: int
    y: int
    width: int
    height: int


def around_face(frame: int, xywh: tuple[int, int, int, int]) -> Region:
    """The square about a face's box that shows the whole head."""
    x, y, width, height = xywh
    side = round(AROUND_FACE * max(width, height))
    return Region(frame, x + (width - side) // 2, y + (height - side) // 2, side, side)
