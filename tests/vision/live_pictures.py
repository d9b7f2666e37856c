"""JPEGs as a browser's camera would send them."""

from collections.abc import Iterator

import cv2
import numpy as np

from tests.vision.made_media import Picture, talking_head

WIDTH, HEIGHT = 640, 480


def jpeg(picture: Picture) -> bytes:
    """Encode an RGB picture."""
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]))[1]
    return bytes(encoded)


def webcam(count: int) -> Iterator[bytes]:
    """A talking head in 640 x 480, its face some 200 pixels high."""
    for head in talking_head(count):
        yield jpeg(before_wall(head))


def before_wall(head: Picture, *, left: int = 60) -> Picture:
    """Put a picture, enlarged to 512 x 419, before a gray wall."""
    wall = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    wall[40:459, left : left + 512] = cv2.resize(head, (512, 419), interpolation=cv2.INTER_CUBIC)
    return wall
