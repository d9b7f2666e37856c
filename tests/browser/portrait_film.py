"""A film of one photograph that comes, goes and changes its expression.

The photograph is NASA's portrait of Eileen Collins, which is in the public domain and comes with scikit-image.
"""

from collections.abc import Iterator
from math import pi, sin

import cv2
import numpy as np
import numpy.typing as npt

from tests.vision.made_media import installed_file

Picture = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 960, 540
FRAMES_PER_SECOND = 25
SECONDS = 20
GROUND = (52, 60, 84)
LIPS = (150, 95, 85)
SAD = (
    -25.0,
    0.0,
    10.0,
)  # pixels by which the corners of the mouth, both brows and their inner ends are moved up
SADDEST_S = pi / 2 / 0.55  # when _bent's sine is at its highest
ANGRY = (-25.0, -8.0, -10.0)


def portrait() -> Picture:
    """The photograph, RGB, 512 x 512."""
    file = installed_file("skimage", "data/astronaut.png")
    read = cv2.imread(str(file))
    assert read is not None
    return np.asarray(read[..., ::-1], np.uint8)


def head() -> Picture:
    """What of it is filmed, 330 x 330: she smiles."""
    return portrait()[0:330, 60:390]


def saddened() -> Picture:
    """The same at its saddest."""
    return _bent(head(), SADDEST_S)


def performance() -> Iterator[Picture]:
    """Two faces: one stays, the other one comes and goes."""
    face = head()
    for index in range(SECONDS * FRAMES_PER_SECOND):
        time_s = index / FRAMES_PER_SECOND
        picture = _ground()
        _put(picture, _bent(face, time_s), 330, (40 + 30 * sin(0.7 * time_s), 120))
        if 4 < time_s < 11.5 or time_s > 14:
            _put(picture, _bent(face, time_s + 8)[:, ::-1], 260, (590 - 24 * sin(time_s), 190))
        yield picture


def _ground() -> Picture:
    shade = np.linspace(1.25, 0.8, HEIGHT)[:, None, None]
    return np.asarray(np.broadcast_to(shade * np.array(GROUND), (HEIGHT, WIDTH, 3)), np.uint8)


def _bent(face: Picture, time_s: float) -> Picture:
    """The face as it looks at a time: smiling, then sad, smiling again, then angry, and over again."""
    turn = sin(0.55 * time_s)
    target, strength = (SAD, turn) if turn > 0 else (ANGRY, -turn)
    strength = min(1.0, 1.4 * strength)
    corners, brows, inner = (strength * pixels for pixels in target)
    y, x = np.mgrid[0 : face.shape[0], 0 : face.shape[1]].astype(np.float32)
    aside = x - 164  # of the middle of the face
    mouth, brow = _near(aside, 34, y - 148, 14), _near(aside, 42, y - 93, 9)
    way = corners * mouth * (np.abs(aside) / 20 - 0.6)
    way += brows * brow + inner * _near(aside, 16, y - 93, 9)
    moved = cv2.remap(face, x, (y + way).astype(np.float32), cv2.INTER_LINEAR).astype(np.float32)
    skin = cv2.GaussianBlur(moved, (0, 0), 9)
    moved = _mixed(moved, skin, strength * _near(aside, 22, y - 148, 7))  # the teeth go
    moved = _mixed(moved, np.array(LIPS), 0.8 * strength * _near(aside, 20, y - 148, 2.5))
    return np.clip(moved, 0, 255).astype(np.uint8)


def _near(x: npt.NDArray, x_spread: float, y: npt.NDArray, y_spread: float) -> npt.NDArray:
    return np.exp(-((x / x_spread) ** 2) - (y / y_spread) ** 2)


def _mixed(one: npt.NDArray, other: npt.NDArray, share: npt.NDArray) -> npt.NDArray:
    return one + (other - one) * share[..., None]


def _put(picture: Picture, face: Picture, size: int, at: tuple[float, float]) -> None:
    small = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA)
    left, top = (round(one) for one in at)
    picture[top : top + size, left : left + size] = small


def before_a_camera() -> Iterator[Picture]:
    """The portrait as a webcam of 640 x 480 would see it."""
    face = portrait()[0:384]
    for index in range(50):
        yield np.asarray(cv2.resize(np.roll(face, index // 5, axis=1), (640, 480)), np.uint8)
