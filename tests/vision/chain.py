"""FER-2013 faces through the whole chain: pasted into pictures, found, cut out, classified.

Run it to calibrate the framing: `python -m tests.vision.chain FER.npz MODEL.onnx [faces] [scale ...]`. The test
test_chain.py does the same with fewer faces.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from storage.records import Detector
from worker.vision.classifier import Classifier
from worker.vision.crops import CropSpec, crop_faces
from worker.vision.detectors import DETECTORS, FaceDetector
from worker.vision.frames import Frame

WIDTH, HEIGHT = 640, 480
COLUMNS, ROWS = 3, 2


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
        return float((self.bare == self.truth)[self.covered].mean())

    @property
    def chained_accuracy(self) -> float:
        """On the covered faces."""
        return float((self.chained == self.truth)[self.covered].mean())

    @property
    def loss(self) -> float:
        """By how much the chain's accuracy on the covered faces lies below that of the bare pictures."""
        return self.bare_accuracy - self.chained_accuracy

    @property
    def loss_error(self) -> float:
        """Standard error of `loss`: of n faces only those that one way gets right and the other wrong matter (McNemar)."""
        discordant = ((self.bare == self.truth) != (self.chained == self.truth))[self.covered]
        return float(np.sqrt(discordant.sum()) / self.covered.sum())

    @property
    def agreement(self) -> float:
        """Share of covered faces that get the same label both ways."""
        return float((self.chained == self.bare)[self.covered].mean())


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
) -> ChainResult:
    """Paste faces into pictures, six in each, and let the chain read them."""
    framing = framing or detector.framing
    crops: dict[int, npt.NDArray[np.float32]] = {}
    strays, spent = 0, 0.0
    for picture, places in pictures_of(faces):
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
    covered = np.array([index in crops for index in range(len(faces))])
    chained = np.full(len(faces), -1)
    found = [crops[index] for index in sorted(crops)]
    chained[covered] = classifier.probabilities(np.stack(found)).argmax(axis=1)
    bare = classifier.probabilities(faces[..., None].astype(np.float32)).argmax(axis=1)
    pictures = -(-len(faces) // (COLUMNS * ROWS))
    return ChainResult(covered, truth, bare, chained, strays, 1000 * spent / pictures)


def pictures_of(
    faces: npt.NDArray[np.uint8],
) -> Iterator[tuple[npt.NDArray[np.uint8], dict[int, tuple[int, int, int]]]]:
    """Pictures of six faces each, 96 to 160 pixels, on a faintly noisy gray; with (left, top, side) of each face."""
    random = np.random.default_rng(2013)
    cell = WIDTH // COLUMNS
    for start in range(0, len(faces), COLUMNS * ROWS):
        gray = random.normal(110, 6, (HEIGHT, WIDTH))
        places: dict[int, tuple[int, int, int]] = {}
        for slot, face in enumerate(faces[start : start + COLUMNS * ROWS]):
            side = int(random.integers(96, 161))
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
    for name in Detector:
        detector = DETECTORS[name]()
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
