"""A short video with a face that falls into many segments, made on the spot."""

from pathlib import Path

import numpy as np

from tests.vision.made_media import Recipe, talking_head, write_video

SEGMENT_TARGET_S = 0.4
"""With a key picture every 10 of 25 frames per second: ten frames per segment."""


def write_clip(file: Path, *, frames: int, scale: int = 1) -> Path:
    """Write so many frames of a talking head (176 x 144, times `scale`), a key picture every ten."""
    pictures = (np.kron(p, np.ones((scale, scale, 1), np.uint8)) for p in talking_head(frames))
    return write_video(file, pictures, Recipe(keyframe_every=10))
