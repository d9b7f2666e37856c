"""The live view: faces followed cheaply, numbered steadily, smoothed by real time."""

from pathlib import Path

import numpy as np
import pytest

from storage.errors import CorruptMedia, TooLarge, UnsupportedMedia
from storage.records import SCORE_UNIT
from tests.vision.conftest import write_classifier
from tests.vision.live_pictures import HEIGHT, WIDTH, before_wall, jpeg, webcam
from tests.vision.made_media import astronaut, talking_head
from worker.live_faces import LiveFace
from worker.vision.live import SMOOTHED_OVER_S, LiveView

FRAME_US = 33_333
EMPTY_ROOM = jpeg(np.full((HEIGHT, WIDTH, 3), 110, np.uint8))


class Camera:
    """Shows pictures to a view, 30 per second."""

    def __init__(self, model: Path) -> None:
        self.view = LiveView(model)
        self.now_us = 0

    def show(self, picture: bytes) -> tuple[LiveFace, ...]:
        self.now_us += FRAME_US
        return self.view.look(picture, self.now_us).faces


@pytest.fixture
def camera(tiny_model: Path) -> Camera:
    return Camera(tiny_model)


def test_one_face_has_one_number_and_a_box_in_every_picture(camera: Camera) -> None:
    pictures = list(webcam(40))

    seen = [camera.show(picture) for picture in pictures]

    assert [len(faces) for faces in seen] == [1] * len(pictures)
    assert {faces[0].track for faces in seen} == {0}
    for face in (faces[0] for faces in seen):
        assert face.x > 60 and face.x + face.width < 60 + 512
        assert 100 < face.height < 320
        assert face.detection_score > 0.7 * SCORE_UNIT
        assert face.quality is not None and face.quality > 0.5 * SCORE_UNIT
        assert sum(face.probabilities) == pytest.approx(SCORE_UNIT, abs=4)
        assert sum(face.smoothed) == pytest.approx(SCORE_UNIT, abs=4)


def test_between_full_detections_the_box_follows_the_face(camera: Camera) -> None:
    """The whole head wanders 4 pixels per picture; a box that stood still would be 48 pixels behind."""
    head = talking_head(1)[0]
    boxes = [camera.show(jpeg(before_wall(head, left=10 + 4 * step)))[0] for step in range(13)]

    moved = boxes[-1].x - boxes[0].x
    assert moved == pytest.approx(48, abs=8)


def test_a_face_that_leaves_is_gone_in_the_same_picture(camera: Camera) -> None:
    for picture in webcam(3):
        camera.show(picture)

    assert camera.show(EMPTY_ROOM) == ()


def test_a_face_that_comes_back_at_once_keeps_its_number(camera: Camera) -> None:
    (face,) = webcam(1)
    camera.show(face)
    camera.show(EMPTY_ROOM)

    assert [seen.track for seen in camera.show(face)] == [0]


def test_a_face_that_comes_back_late_is_another(camera: Camera) -> None:
    (face,) = webcam(1)
    camera.show(face)
    for _ in range(31):
        camera.show(EMPTY_ROOM)

    assert [seen.track for seen in camera.show(face)] == [1]


def test_a_newcomer_beside_a_followed_face_is_found_within_half_a_second(camera: Camera) -> None:
    head = np.asarray(astronaut()[:256, 96:352])
    one = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    one[100:356, 20:276] = head
    two = one.copy()
    two[100:356, 340:596] = head
    camera.show(jpeg(one))

    seen = [len(camera.show(jpeg(two))) for _ in range(15)]

    assert (seen[0], seen[-1]) == (1, 2)


def test_smoothing_goes_by_real_time_not_by_pictures(tiny_model: Path) -> None:
    """After the time constant the new expression counts for 1 - 1/e, in one step or in ten."""
    bright = before_wall(talking_head(1)[0])
    before, after = jpeg(bright), jpeg(bright // 2)
    shares = []
    for steps in (1, 10):
        view = LiveView(tiny_model)
        old = np.array(view.look(before, 0).faces[0].smoothed)
        for step in range(1, steps + 1):
            (face,) = view.look(after, round(step / steps * SMOOTHED_OVER_S * 1e6)).faces
        new = np.array(face.probabilities)
        most = int(np.abs(new - old).argmax())
        shares.append((face.smoothed[most] - old[most]) / (new[most] - old[most]))

    assert shares == pytest.approx([0.632, 0.632], abs=0.1)


@pytest.mark.parametrize(
    ("picture", "error"),
    [
        (b"GIF89a", UnsupportedMedia),
        (b"\xff\xd8\xff\xe0 and so on", CorruptMedia),
        (jpeg(np.zeros((8, 1300, 3), np.uint8)), TooLarge),
        (jpeg(np.zeros((4000, 4000, 3), np.uint8)), CorruptMedia),
    ],
    ids=["a GIF", "damaged", "too wide", "far too large to be decoded at all"],
)
def test_a_picture_that_cannot_be_used_is_refused_and_the_next_one_seen(
    camera: Camera, picture: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        camera.show(picture)

    (face,) = webcam(1)
    assert len(camera.show(face)) == 1


def test_what_is_uncertain_is_what_the_model_says(tmp_path: Path) -> None:
    view = LiveView(write_classifier(tmp_path / "model.onnx", uncertain_below="0.9"))

    assert view.look(EMPTY_ROOM, FRAME_US).uncertain_below == 9_000
