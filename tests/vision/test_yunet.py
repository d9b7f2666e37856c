"""YuNet: the authors' own library on the same pictures, parts of a picture, and files that are not it."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from storage.errors import DetectorUnavailable
from tests.vision.made_media import astronaut, talking_head
from tests.vision.test_detectors import frame_of, iou
from worker.vision.boxes import FaceBoxes
from worker.vision.detectors.yunet import YuNetDetector


@pytest.fixture(scope="module")
def detector(yunet_file: Path) -> YuNetDetector:
    return YuNetDetector(yunet_file)


@pytest.fixture(scope="module")
def two_faces() -> np.ndarray:
    left = astronaut()[:, :320]
    return np.hstack([left, left[:, ::-1]])


@pytest.mark.skipif(importlib.util.find_spec("yuface") is None, reason="yuface is not installed")
def test_boxes_and_scores_are_those_of_the_authors_own_library(detector: YuNetDetector) -> None:
    import yuface

    for picture in [astronaut(), *talking_head(4)]:
        scores, boxes, points = yuface.detect(np.ascontiguousarray(picture[:, :, ::-1]), 0.7)

        found = detector.detect(frame_of(picture))

        order, theirs = np.argsort(-found.scores), np.argsort(-scores.astype(int))
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        assert len(found) == len(scores) > 0
        assert found.scores[order] == pytest.approx(scores[theirs] / 100, abs=0.01)
        assert found.xyxy[order] == pytest.approx(corners[theirs].astype(float), abs=2)
        assert found.landmarks is not None
        landmarks = points.reshape(-1, 5, 2)[theirs]
        assert found.landmarks[order] == pytest.approx(landmarks.astype(float), abs=1)


def test_faces_in_a_strip_no_higher_than_one_cell_are_found(detector: YuNetDetector) -> None:
    """OpenCV alone finds none or some of them, as memory beside the picture happens to be."""
    face = cv2.resize(astronaut()[53:187, 156:290], (32, 32), interpolation=cv2.INTER_AREA)
    strip = np.tile(face, (1, 9, 1))

    assert len(detector.detect(frame_of(strip))) == 9


def test_search_near_a_face_gives_nearly_the_box_of_the_search_everywhere(
    detector: YuNetDetector,
) -> None:
    for head in talking_head(4):
        found = detector.detect(frame_of(head))

        near = detector.detect_near(frame_of(head), found)

        assert near.xyxy == pytest.approx(found.xyxy, abs=3)
        assert near.landmarks == pytest.approx(found.landmarks, abs=3)


def test_search_near_one_face_leaves_the_other_out(
    detector: YuNetDetector, two_faces: np.ndarray
) -> None:
    found = detector.detect(frame_of(two_faces))
    left = found[np.argsort(found.xyxy[:, 0])[:1]]

    near = detector.detect_near(frame_of(two_faces), left)

    assert len(found) == 2
    assert len(near) == 1 and iou(near.xyxy[0], left.xyxy[0]) > 0.9


def test_faces_too_small_to_be_read_are_left_out(detector: YuNetDetector) -> None:
    """The astronaut's face, 109 pixels high, is found by the network down to 14."""
    found = {size: detector.detect(frame_of(reduced_to(size))) for size in (16, 30)}

    assert len(found[16]) == 0
    assert len(found[30]) == 1


def reduced_to(face: int) -> np.ndarray:
    """The astronaut with a face so many pixels high, on gray of her full size."""
    side = int(astronaut().shape[0] * face / 109)
    picture = np.full_like(astronaut(), 128)
    picture[:side, :side] = cv2.resize(astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    return picture


def test_nothing_is_confirmed_without_a_search(detector: YuNetDetector) -> None:
    found = detector.detect(frame_of(astronaut()))

    assert detector.confirm(frame_of(astronaut()), found).scores.tolist() == [0.0]
    assert len(detector.detect_near(frame_of(astronaut()), FaceBoxes.empty())) == 0


def test_without_a_file_its_setting_is_named() -> None:
    with pytest.raises(DetectorUnavailable, match="AFFECTLINE_YUNET"):
        YuNetDetector(None)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "yunet.onnx"
    file.write_bytes(b"no network")

    with pytest.raises(DetectorUnavailable, match="AFFECTLINE_YUNET"):
        YuNetDetector(file)


def test_another_network_is_refused(shipped_model: Path) -> None:
    with pytest.raises(DetectorUnavailable, match="AFFECTLINE_YUNET"):
        YuNetDetector(shipped_model)
