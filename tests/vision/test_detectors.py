"""The detectors: one contract, and MTCNN against the package its weights come from."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from storage.records import Detector
from tests.vision.made_media import astronaut, moving_pictures, talking_head
from worker.vision.boxes import FaceBoxes
from worker.vision.detectors import FaceDetector, load_detector, mtcnn_networks
from worker.vision.detectors.mtcnn import MtcnnDetector, pyramid_scales, suppressed
from worker.vision.frames import Frame
from worker.vision.orientation import Orientation

ASTRONAUTS_FACE = np.array([180, 75, 268, 185])
"""Left, top, right, bottom as a person would draw it."""


def frame_of(picture: np.ndarray, orientation: Orientation | None = None):
    made = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
    return Frame(0, 0, made, VideoReformatter(), orientation or Orientation(0))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


@pytest.fixture(scope="module")
def detectors() -> dict[Detector, FaceDetector]:
    return {name: load_detector(name) for name in (Detector.MTCNN, Detector.HAAR)}


@pytest.fixture(params=list(Detector))
def detector(
    request: pytest.FixtureRequest, detectors: dict[Detector, FaceDetector]
) -> FaceDetector:
    if request.param is Detector.YUNET:
        return load_detector(Detector.YUNET, yunet=request.getfixturevalue("yunet_file"))
    return detectors[request.param]


def test_the_one_face_is_found_where_it_is(detector: FaceDetector) -> None:
    found = detector.detect(frame_of(astronaut()))

    (best,) = found[found.scores > 0.6].xyxy if len(found) > 1 else found.xyxy
    assert iou(best, ASTRONAUTS_FACE) > 0.4
    assert 0 < found.scores[0] <= 1


def test_no_face_is_found_where_there_is_none(detector: FaceDetector) -> None:
    for picture in moving_pictures(3, width=320, height=240):
        found = detector.detect(frame_of(picture))

        assert len(found) == 0
        assert found.xyxy.shape == (0, 4)


@pytest.mark.parametrize(
    "size", [(1, 1), (11, 40), (12, 12), (19, 23), (3000, 2), (25, 25)], ids=str
)
def test_tiny_and_thin_pictures_have_no_faces_and_no_error(
    detector: FaceDetector, size: tuple[int, int]
) -> None:
    width, height = size

    assert len(detector.detect(frame_of(np.full((height, width, 3), 90, np.uint8)))) == 0


def test_boxes_are_in_pixels_of_the_full_size_picture(detector: FaceDetector) -> None:
    small = astronaut()
    large = np.repeat(np.repeat(small, 3, axis=0), 3, axis=1)

    (in_small,) = best_box(detector.detect(frame_of(small)))
    (in_large,) = best_box(detector.detect(frame_of(large)))

    assert iou(in_large / 3, in_small) > 0.75


def best_box(found: FaceBoxes) -> np.ndarray:
    return found.xyxy[np.argsort(-found.scores)[:1]]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_picture_is_searched_upright(detector: FaceDetector, turn: int) -> None:
    upright = astronaut()
    stored = np.rot90(upright, k=-(turn // 90))

    found = detector.detect(frame_of(stored, Orientation(turn)))

    expected = detector.detect(frame_of(upright))
    assert iou(best_box(found)[0], best_box(expected)[0]) > 0.9


def test_search_near_a_face_finds_it_as_the_search_everywhere_does(detector: FaceDetector) -> None:
    frame = frame_of(astronaut())
    found = detector.detect(frame)
    moved = FaceBoxes(found.xyxy + np.float32(12), found.scores)

    near = detector.detect_near(frame, moved)

    assert len(near) == len(found)
    assert min(iou(*pair) for pair in zip(near.xyxy, found.xyxy, strict=True)) > 0.85


def test_search_near_the_same_place_twice_finds_the_face_once(detector: FaceDetector) -> None:
    frame = frame_of(astronaut())
    found = detector.detect(frame)
    best = found[np.argsort(-found.scores)[:1]]
    twice = FaceBoxes(
        np.concatenate([best.xyxy, best.xyxy + 3]), np.concatenate([best.scores, best.scores])
    )

    assert len(detector.detect_near(frame, twice)) == 1


def test_search_near_a_place_without_a_face_finds_none(detector: FaceDetector) -> None:
    frame = frame_of(astronaut())
    corner = FaceBoxes(np.array([[380, 20, 460, 120]], np.float32), np.ones(1, np.float32))
    beyond = FaceBoxes(np.array([[600, 600, 660, 680]], np.float32), np.ones(1, np.float32))

    assert len(detector.detect_near(frame, corner)) == 0
    assert len(detector.detect_near(frame, beyond)) == 0
    assert len(detector.detect_near(frame, FaceBoxes.empty())) == 0


def test_what_is_confirmed_are_the_expected_faces_in_their_order(detector: FaceDetector) -> None:
    frame = frame_of(astronaut())
    (best,) = best_box(detector.detect(frame))
    expected = FaceBoxes(np.stack([best + 200, best]), np.ones(2, np.float32))

    seen = detector.confirm(frame, expected)

    assert seen.xyxy.shape == (2, 4)
    assert seen.scores[0] == 0
    assert seen.scores[1] == 0 or iou(seen.xyxy[1], best) > 0.75
    assert len(detector.confirm(frame, FaceBoxes.empty())) == 0


def test_mtcnn_search_near_faces_gives_the_very_boxes_of_the_search_everywhere(
    detectors: dict[Detector, FaceDetector],
) -> None:
    detector = detectors[Detector.MTCNN]
    for head in talking_head(6):
        found = detector.detect(frame_of(head))

        assert detector.detect_near(frame_of(head), found).xyxy == pytest.approx(found.xyxy, abs=1)


def test_mtcnn_confirms_a_face_where_it_stands_and_only_there(
    detectors: dict[Detector, FaceDetector],
) -> None:
    detector = detectors[Detector.MTCNN]
    assert isinstance(detector, MtcnnDetector)
    face = detector.detect(frame_of(astronaut()))
    elsewhere = np.array([[380, 20, 460, 120]], np.float32)
    asked = FaceBoxes(np.concatenate([face.xyxy, elsewhere]), np.ones(len(face) + 1, np.float32))

    seen = detector.confirm(frame_of(astronaut()), asked)

    assert seen.scores[0] > 0.9 and seen.scores[-1] == 0
    assert iou(seen.xyxy[0], face.xyxy[0]) > 0.8


def test_mtcnn_leaves_out_faces_too_small_in_a_small_frame() -> None:
    """A face of 16 pixels: found in a picture when asked for, but of no use where those are the frame's own."""
    height = int(astronaut().shape[0] * 16 / 109)
    small = np.asarray(cv2.resize(astronaut(), (height, height), interpolation=cv2.INTER_AREA))

    assert len(MtcnnDetector(smallest_face=12).detect_rgb(small)) == 1
    assert len(MtcnnDetector(smallest_face=12).detect(frame_of(small))) == 0


def test_same_frame_gives_the_same_boxes_whatever_came_before(detector: FaceDetector) -> None:
    heads = talking_head(3)
    first = detector.detect(frame_of(heads[0]))

    detector.detect(frame_of(astronaut()))
    detector.detect(frame_of(heads[2]))
    again = detector.detect(frame_of(heads[0]))

    assert np.array_equal(first.xyxy, again.xyxy)
    assert np.array_equal(first.scores, again.scores)


def test_mtcnn_is_given_red_green_blue(detectors: dict[Detector, FaceDetector]) -> None:
    """A detector trained on RGB that gets BGR loses faces silently: its sureness tells."""
    detector = detectors[Detector.MTCNN]
    assert isinstance(detector, MtcnnDetector)
    heads = talking_head(12)

    as_video = [detector.detect(frame_of(head)).scores.sum() for head in heads]
    right = [detector.detect_rgb(head).scores.sum() for head in heads]
    swapped = [detector.detect_rgb(head[:, :, ::-1]).scores.sum() for head in heads]

    assert as_video == pytest.approx(right)
    assert as_video != pytest.approx(swapped)


def test_mtcnn_names_the_eyes_and_the_mouth(detectors: dict[Detector, FaceDetector]) -> None:
    found = detectors[Detector.MTCNN].detect(frame_of(astronaut()))

    assert found.landmarks is not None
    left_eye, right_eye, nose, left_mouth, right_mouth = found.landmarks[0]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_noise_that_looks_like_faces_everywhere_does_not_fill_the_memory() -> None:
    """Overlaps are compared in pairs: 60,000 proposals would want 14 GB."""
    random = np.random.default_rng(1)
    corners = random.uniform(0, 500, (60_000, 2)).astype(np.float32)
    crowd = FaceBoxes(
        np.concatenate([corners, corners + 20], axis=1), random.random(60_000, np.float32)
    )

    assert len(suppressed(crowd, threshold=0.5)) <= 1000


def test_suppression_keeps_the_best_of_each_heap() -> None:
    xyxy = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)

    kept = suppressed(FaceBoxes(xyxy, np.array([0.7, 0.9, 0.8], np.float32)), threshold=0.5)

    assert kept.scores.tolist() == pytest.approx([0.9, 0.8])


def test_pyramid_reaches_from_the_smallest_face_to_the_whole_picture() -> None:
    scales = pyramid_scales(smallest=20, largest=360)

    assert scales[0] == pytest.approx(0.6)
    assert 12 / scales[-1] < 360 < 12 / scales[-1] / 0.709**2


PACKAGE_RESULTS = """
import sys
import joblib, numpy as np, tensorflow as tf
from mtcnn import MTCNN
from mtcnn.network.pnet import PNet
from mtcnn.network.rnet import RNet
from mtcnn.network.onet import ONet
given = np.load(sys.argv[1])
results = {}
for name, network in (("pnet", PNet), ("rnet", RNet), ("onet", ONet)):
    model = network()
    model.build()
    model.set_weights(joblib.load(f"{sys.argv[3]}/{name}.lz4"))
    for part, value in enumerate(model((given[name].astype(np.float32) - 127.5) / 128)):
        results[f"{name}{part}"] = value.numpy()
whole = MTCNN()
for name in ("astronaut", "head"):
    found = whole.detect_faces(given[name], threshold_onet=0.7, box_format="xyxy", output_type="numpy")
    results[name] = found
np.savez(sys.argv[2], **results)
"""


@pytest.fixture(scope="module")
def given_pictures() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    return {
        "pnet": random.integers(0, 256, (1, 67, 90, 3), np.uint8),
        "rnet": random.integers(0, 256, (5, 24, 24, 3), np.uint8),
        "onet": random.integers(0, 256, (5, 48, 48, 3), np.uint8),
        "astronaut": astronaut(),
        "head": talking_head(1)[0],
    }


@pytest.fixture(scope="module")
def package_results(
    given_pictures: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    """What the mtcnn package computes in TensorFlow, in a process of its own."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow, of the test extra, is not installed")
    folder = tmp_path_factory.mktemp("mtcnn")
    np.savez(folder / "given.npz", **given_pictures)
    weights = mtcnn_networks.weights_folder()
    command = [sys.executable, "-c", PACKAGE_RESULTS, "given.npz", "results.npz", str(weights)]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=quiet, timeout=200)
    with np.load(folder / "results.npz") as results:
        return dict(results)


def test_the_three_graphs_compute_what_the_package_computes(
    given_pictures: dict[str, np.ndarray], package_results: dict[str, np.ndarray]
) -> None:
    pnet = mtcnn_networks.load_network("pnet")
    rnet = mtcnn_networks.load_network("rnet")
    onet = mtcnn_networks.load_network("onet")

    ours = {
        f"{name}{part}": value
        for name, values in {
            "pnet": [
                value.transpose(0, 2, 3, 1)
                for value in pnet.run(["offsets", "faces"], pixels=given_pictures["pnet"])
            ],
            "rnet": rnet.run(["offsets", "faces"], pixels=given_pictures["rnet"]),
            "onet": onet.run(["offsets", "landmarks", "faces"], pixels=given_pictures["onet"]),
        }.items()
        for part, value in enumerate(values)
    }

    for name, value in ours.items():
        assert value == pytest.approx(package_results[name], abs=2e-5), name


@pytest.mark.parametrize("name", ["astronaut", "head"])
def test_the_whole_detector_finds_the_packages_faces(
    name: str,
    given_pictures: dict[str, np.ndarray],
    package_results: dict[str, np.ndarray],
    detectors: dict[Detector, FaceDetector],
) -> None:
    detector = detectors[Detector.MTCNN]
    assert isinstance(detector, MtcnnDetector)
    theirs = package_results[name]

    ours = detector.detect_rgb(given_pictures[name])

    assert len(ours) == len(theirs) > 0
    for box, score, expected in zip(ours.xyxy, ours.scores, theirs, strict=True):
        assert iou(box, expected[1:5]) > 0.9
        assert score == pytest.approx(expected[5], abs=0.02)


def test_detectors_never_import_the_package_or_tensorflow() -> None:
    probe = (
        "import sys; from storage.settings import Settings; from worker.vision.detectors import load_detector\n"
        "[load_detector(name) for name in Settings().detectors]\n"
        "print([name for name in ('mtcnn', 'tensorflow', 'keras') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]

    result = subprocess.run(
        [sys.executable, "-c", probe], cwd=root, check=True, capture_output=True, text=True
    )

    assert result.stdout.strip() == "[]"
