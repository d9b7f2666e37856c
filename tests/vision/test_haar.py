"""The Haar detector's two looks, a coarse one everywhere and a close one where that pays, against the cascade alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.vision.made_media import astronaut, talking_head
from tests.vision.test_detectors import ASTRONAUTS_FACE, frame_of, iou
from worker.vision.boxes import FaceBoxes
from worker.vision.detectors.haar import MAX_HITS, HaarDetector, _distinct, _thinned

HEAD = (120, 20, 330, 230)
"""Left, top, right, bottom of the astronaut's head and helmet ring."""
FACE_OF_HEAD = (ASTRONAUTS_FACE[2] - ASTRONAUTS_FACE[0]) / (HEAD[2] - HEAD[0])


@pytest.fixture(scope="module")
def haar() -> HaarDetector:
    return HaarDetector()


def with_heads(*heads: tuple[int, int, int], width: int = 640, height: int = 360) -> np.ndarray:
    """A dim picture with heads, each given by left, top and the width of its face."""
    picture = np.full((height, width, 3), 60, np.uint8)
    left, top, right, bottom = HEAD
    head = astronaut()[top:bottom, left:right]
    for x, y, face in heads:
        side = round(face / FACE_OF_HEAD)
        picture[y : y + side, x : x + side] = cv2.resize(
            head, (side, side), interpolation=cv2.INTER_AREA
        )
    return picture


@pytest.mark.parametrize("face", [52, 64, 80, 110, 140])
def test_a_face_of_any_size_from_fifty_pixels_on_is_found_once(
    haar: HaarDetector, face: int
) -> None:
    found = haar.detect(frame_of(with_heads((200, 10, face))))

    (box,) = found.xyxy
    assert 0.75 < (box[2] - box[0]) / face < 1.35


def test_faces_of_different_sizes_are_found_together(haar: HaarDetector) -> None:
    found = haar.detect(frame_of(with_heads((10, 10, 130), (400, 100, 60))))

    assert len(found) == 2


def test_small_pictures_may_have_small_faces(haar: HaarDetector) -> None:
    found = haar.detect(frame_of(with_heads((100, 30, 24), width=320, height=180)))

    (box,) = found.xyxy
    assert 20 < box[2] - box[0] < 36


def test_what_the_cascade_finds_alone_is_found(haar: HaarDetector) -> None:
    file = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
    cascade = cv2.CascadeClassifier(str(file))
    heads = [cv2.resize(head, (528, 432)) for head in talking_head(60)[::12]]
    for picture in [astronaut(), *heads]:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        alone = cascade.detectMultiScale(grey, 1.1, 8, minSize=(48, 48))  # 8: what is beyond doubt

        found = haar.detect(frame_of(picture)).xyxy

        for x, y, width, height in alone:
            box = np.array([x, y, x + width, y + height])
            assert max((iou(box, one) for one in found), default=0) > 0.5


def test_a_wall_of_faces_is_searched_in_bounded_memory(haar: HaarDetector) -> None:
    side = round(26 / FACE_OF_HEAD)
    places = [(x, y, 26) for x in range(0, 320 - side, side) for y in range(0, 320 - side, side)]

    glimpsed = haar._glimpsed(
        np.ascontiguousarray(with_heads(*places, width=320, height=320)[..., 0])
    )

    assert len(glimpsed) >= len(places)
    assert len(_thinned(np.zeros((50_000, 4), np.float32))) == MAX_HITS
    assert len(_thinned(np.zeros((0, 4), np.float32))) == 0


def test_doubles_and_what_lies_within_a_face_are_dropped() -> None:
    face, double, chin, neighbour = (
        [100, 100, 200, 200],
        [110, 105, 205, 200],
        [120, 150, 170, 195],
        [190, 100, 290, 200],
    )
    boxes = np.array([chin, double, neighbour, face], np.float32)

    kept = _distinct(FaceBoxes(boxes, np.array([0.1, 0.2, 0.3, 0.4], np.float32)))

    assert kept.xyxy.tolist() == [neighbour, face]
    assert kept.scores.tolist() == pytest.approx([0.3, 0.4])


def test_no_boxes_are_distinct() -> None:
    assert len(_distinct(FaceBoxes.empty())) == 0
