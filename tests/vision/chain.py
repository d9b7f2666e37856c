"""FER-2013 faces through the whole chain: pasted into pictures, found, cut out, classified.

Run it to calibrate the framing: `python -m tests.vision.chain FER.npz MODEL.onnx [faces] [scale ...]`. The test
test_chain.py does the same with fewer faces.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from storage.labels import EXPRESSIONS
from storage.records import JobOptions
from storage.settings import Settings
from tests.vision.conftest import descriptor, no_progress
from tests.vision.made_media import Recipe, write_video
from worker.vision.classifier import Classifier
from worker.vision.crops import CropSpec, crop_faces
from worker.vision.detectors import FaceDetector, load_detector
from worker.vision.frames import Frame
from worker.vision.pipeline import Pipeline
from worker.vision.probe import plan_medium

WIDTH, HEIGHT = 640, 480
COLUMNS, ROWS = 3, 2
SIDES = (96, 160)
"""Of the pasted squares, pixels."""
SHOT_FRAMES = 17
"""Of video that shows the same six faces."""
DRIFT = 8
"""Pixels by which they move to each side."""

Shot = tuple[npt.NDArray[np.uint8], dict[int, tuple[int, int, int]]]
"""A picture and left, top and side of each face in it, by the face's number."""


@dataclass(frozen=True)
class ChainResult:
    """How the chain did on a set of labelled faces."""

    covered: npt.NDArray[np.bool_]  #: (n,) the face was found
    truth: npt.NDArray[np.int64]  #: (n,) labels
    bare: npt.NDArray[np.int64]  #: (n,) predictions from the data set's own 48 x 48 pictures
    chained: npt.NDArray[np.int64]  #: (n,) predictions from the chain's crops; -1 where not covered
    strays: int  #: boxes that belong to no pasted face
    detection_ms: float  #: CPU per picture

    @property
    def coverage(self) -> float:
        return float(self.covered.mean())

    @property
    def bare_accuracy(self) -> float:
        """On the covered faces."""
        return _mean((self.bare == self.truth)[self.covered])

    @property
    def chained_accuracy(self) -> float:
        """On the covered faces."""
        return _mean((self.chained == self.truth)[self.covered])

    @property
    def loss(self) -> float:
        """By how much the chain's accuracy on the covered faces lies below that of the bare pictures."""
        return self.bare_accuracy - self.chained_accuracy

    @property
    def loss_error(self) -> float:
        """Standard error of `loss`: of n faces only those that one way gets right and the other wrong matter (McNemar)."""
        discordant = ((self.bare == self.truth) != (self.chained == self.truth))[self.covered]
        return float(np.sqrt(discordant.sum()) / max(1, self.covered.sum()))

    @property
    def agreement(self) -> float:
        """Share of covered faces that get the same label both ways."""
        return _mean((self.chained == self.bare)[self.covered])


def _mean(these: npt.NDArray[np.bool_]) -> float:
    """0 of none: no face was covered."""
    return float(these.mean()) if len(these) else 0.0


def load_faces(file: Path, count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Faces (n, 48, 48) uint8 and labels (n,) from every part of a FER-2013 archive."""
    with np.load(file) as archive:
        usable = archive["labels"] >= 0  # exact copies with conflicting labels have -1
        images, labels = archive["images"][usable], archive["labels"][usable]
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)
    return images[chosen].reshape(-1, 48, 48), labels[chosen].astype(np.int64)


def run_chain(
    faces: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.int64],
    *,
    detector: FaceDetector,
    classifier: Classifier,
    framing: CropSpec | None = None,
    sides: tuple[int, int] = SIDES,
) -> ChainResult:
    """Paste faces into pictures, six in each, of sides from the first to the second, and let the chain read them."""
    framing = framing or detector.framing
    crops: dict[int, npt.NDArray[np.float32]] = {}
    strays, spent = 0, 0.0
    for picture, places in pictures_of(faces, sides):
        frame = Frame(0, 0, av.VideoFrame.from_ndarray(picture, "rgb24"), VideoReformatter())
        started = time.process_time()
        boxes = detector.detect(frame)
        spent += time.process_time() - started
        cut = crop_faces(frame.luma, boxes.xyxy, framing, limited_range=frame.limited_range)
        for box, crop in zip(boxes.xyxy, cut, strict=True):
            face = _face_at(box, places)
            if face is None:
                strays += 1
            else:
                crops.setdefault(face, crop)
    read = {}
    if crops:
        predicted = classifier.probabilities(np.stack(list(crops.values()))).argmax(axis=1)
        read = dict(zip(crops, predicted.tolist(), strict=True))
    pictures = -(-len(faces) // (COLUMNS * ROWS))
    return _result(faces, truth, read, classifier, strays, 1000 * spent / pictures)


def run_chain_in_video(
    faces: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.int64],
    *,
    pipeline: Pipeline,
    classifier: Classifier,
    folder: Path,
    options: JobOptions,
) -> ChainResult:
    """Let faces move through a compressed video, six at a time, and let the whole engine read them.

    What counts is the frame in the middle of each shot, whose boxes are interpolated unless every frame is searched.
    """
    shots = list(pictures_of(faces))
    moving = (moved(shot, step) for shot in shots for step in range(SHOT_FRAMES))
    video = Recipe(rate=Fraction(25), keyframe_every=250, options={"crf": "23"})
    file = write_video(folder / "faces.mp4", (picture for picture, _ in moving), video)
    with descriptor(file) as fd:
        plan = plan_medium(fd, options, segment_target_us=10**12, progress=no_progress)
        (whole,) = plan.segments
        seen = pipeline.analyse(fd, options, plan.media, whole, progress=no_progress)
    read: dict[int, int] = {}
    strays = 0
    for face in seen.faces:
        shot, step = divmod(face.frame, SHOT_FRAMES)
        if step != SHOT_FRAMES // 2:
            continue
        box = np.array([face.x, face.y, face.x + face.width, face.y + face.height], np.float32)
        index = _face_at(box, moved(shots[shot], step)[1])
        if index is None:
            strays += 1
        else:
            read.setdefault(index, int(np.argmax([getattr(face, name) for name in EXPRESSIONS])))
    return _result(faces, truth, read, classifier, strays, 0.0)


def _result(
    faces: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.int64],
    read: dict[int, int],
    classifier: Classifier,
    strays: int,
    detection_ms: float,
) -> ChainResult:
    """What came of it, given what the chain read of the faces that it found."""
    covered = np.array([index in read for index in range(len(faces))])
    chained = np.array([read.get(index, -1) for index in range(len(faces))])
    bare = classifier.probabilities(faces[..., None].astype(np.float32)).argmax(axis=1)
    return ChainResult(covered, truth, bare, chained, strays, detection_ms)


def moved(shot: Shot, step: int) -> Shot:
    """A picture and its faces' places some frames later: all of it drifts, and its border is repeated."""
    picture, places = shot
    x, y = round(DRIFT * np.sin(step / 3)), round(DRIFT * np.cos(step / 4)) - DRIFT
    padded = np.pad(picture, ((DRIFT * 2,) * 2, (DRIFT * 2,) * 2, (0, 0)), mode="edge")
    top, left = 2 * DRIFT - y, 2 * DRIFT - x
    seen = padded[top : top + HEIGHT, left : left + WIDTH]
    return np.ascontiguousarray(seen), {
        index: (a + x, b + y, side) for index, (a, b, side) in places.items()
    }


def pictures_of(faces: npt.NDArray[np.uint8], sides: tuple[int, int] = SIDES) -> Iterator[Shot]:
    """Pictures of six faces each, on a faintly noisy gray; with (left, top, side) of each face."""
    random = np.random.default_rng(2013)
    cell = WIDTH // COLUMNS
    for start in range(0, len(faces), COLUMNS * ROWS):
        gray = random.normal(110, 6, (HEIGHT, WIDTH))
        places: dict[int, tuple[int, int, int]] = {}
        for slot, face in enumerate(faces[start : start + COLUMNS * ROWS]):
            side = int(random.integers(sides[0], sides[1] + 1))
            left = slot % COLUMNS * cell + (cell - side) // 2
            top = slot // COLUMNS * HEIGHT // ROWS + (HEIGHT // ROWS - side) // 2
            enlarged = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
            gray[top : top + side, left : left + side] = enlarged
            places[start + slot] = (left, top, side)
        level = np.clip(gray, 0, 255).astype(np.uint8)
        yield np.repeat(level[:, :, None], 3, axis=2), places


def _face_at(box: npt.NDArray[np.float32], places: dict[int, tuple[int, int, int]]) -> int | None:
    """The pasted face that a box stands on: its centre within the middle half, its height at least half."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    for index, (left, top, side) in places.items():
        near = abs(x - left - side / 2) < side / 4 and abs(y - top - side / 2) < side / 4
        if near and box[3] - box[1] > side / 2:
            return index
    return None


def main() -> None:
    archive, model, count, *scales = sys.argv[1:]
    faces, truth = load_faces(Path(archive), int(count))
    classifier = Classifier(Path(model))
    for name in Settings.load().detectors:
        detector = load_detector(name, yunet=Settings.load().yunet)
        for scale in [detector.framing.scale, *map(float, scales)]:
            result = run_chain(
                faces, truth, detector=detector, classifier=classifier, framing=CropSpec(scale)
            )
            print(
                f"{name} scale {scale}: coverage {result.coverage:.3f}, strays {result.strays}, "
                f"accuracy {result.chained_accuracy:.3f} (bare {result.bare_accuracy:.3f}), "
                f"loss {result.loss:.3f} +- {result.loss_error:.3f}, "
                f"same label {result.agreement:.3f}, {result.detection_ms:.1f} ms per picture"
            )


if __name__ == "__main__":
    main()
