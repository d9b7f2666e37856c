"""What a live view sees in one picture: plain values, kept nowhere."""

from typing import NamedTuple

MAX_SIDE = 1280
"""Pixels of a picture's width and height: faces of webcams are large, and larger pictures only cost time."""


class LiveFace(NamedTuple):
    """A face of one picture. Scores and probabilities are ten-thousandths; the box is in whole pixels of the picture."""

    track: int  #: the same face over time, from 0 within a session
    x: int
    y: int
    width: int
    height: int
    detection_score: int
    quality: int | None
    probabilities: tuple[int, ...]  #: of this picture alone, in the order of labels.EXPRESSIONS
    smoothed: tuple[int, ...]  #: along the track


class LiveSight(NamedTuple):
    """One picture's size and its faces, in order of their tracks."""

    width: int
    height: int
    faces: tuple[LiveFace, ...]
    uncertain_below: int  #: ten-thousandths: what is uncertain to the model that read them
