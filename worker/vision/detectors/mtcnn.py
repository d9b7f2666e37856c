"""MTCNN: three small networks that propose, refine and confirm faces.

Source: K. Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", IEEE Signal
Processing Letters 23(10), 2016. Steps and constants agree with the mtcnn 1.0.0 package, whose weights are used; only the
threshold of the last stage is the paper authors' 0.7 (the package: 0.8).
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from worker.vision.boxes import FaceBoxes, Floats
from worker.vision.crops import CropSpec
from worker.vision.detectors.mtcnn_networks import load_network
from worker.vision.detectors.port import DETECTION_SIDE
from worker.vision.detectors.scaling import Rgb, enlarged, reduced
from worker.vision.frames import Frame
from worker.vision.onnx_session import OnnxSession

SMALLEST_FACE = 20
"""Pixels of the detection picture; halving it costs four times as much."""
SMALLEST_USEFUL_FACE = 28
"""Pixels of the frame itself. Smaller ones give the classifier little to read (worker.vision.quality), and leaving them out
halves the cost of small video."""
CELL = 12
"""Side of P-Net's window, pixels."""
STRIDE = 2
"""Distance of P-Net's windows, pixels."""
PYRAMID_STEP = 0.709
"""Scale from one level of the pyramid to the next, about the root of one half."""
THRESHOLDS = (0.6, 0.7, 0.7)
"""Least score after each network: higher loses faces, lower lets other things through. With 0.7 for the first, R-Net has a
quarter less to do, and 1 % of the faces of FER-2013, pasted into pictures, are lost."""
HALVED_BELOW = 0.5
"""Share of a picture's size below which a level is made from its half. What is left is reduced by less than a half, for which
linear interpolation will do: exact means of areas take six times as long and find the same (483 and 489, 514 and 516, 572 and
569 faces in three clips)."""
NEIGHBOURS = np.ones((3, 3), np.uint8)
NEARBY = 0.7
"""How far from its former box, in sides of it, a face is searched by `detect_near`."""
NEARBY_SIZE = 2.0
"""How many times as large or as small it may be there. With these two, of 243 faces that `detect` found in a clip full of
motion `detect_near` found all but one."""
MAX_PROPOSALS = 1000
"""Kept of all levels, best first: noise can light up every window, and overlaps are compared in pairs."""
CONFIRMED_SIDE = 0.9
"""What O-Net is shown of a found face, as a share of its height: what it likes best of 0.9, 1.0 … 1.4, because the squares
it was trained on are a little smaller than its answers (96 to 100 % of found faces are confirmed so, 89 to 100 % at 1.0)."""

BATCH = 16
"""Patches per run of R-Net and O-Net. More at once take longer, because they leave the caches, and more memory: the peak of
the whole process is 166 MiB with 16, 183 MiB with 128."""


class MtcnnDetector:
    """Faces of any pose short of profile. Its boxes are upright rectangles, about 0.8 as wide as high."""

    framing = CropSpec(scale=0.93)
    looks_closer_nearby = False

    def __init__(self, *, smallest_face: int = SMALLEST_FACE) -> None:
        """smallest_face: pixels of the detection picture; halving it costs four times as much."""
        cv2.setNumThreads(1)
        self._smallest = smallest_face
        self._propose = load_network("pnet")
        self._refine = load_network("rnet")
        self._confirm = load_network("onet")

    def detect(self, frame: Frame) -> FaceBoxes:
        """Find faces in the picture reduced to 640 pixels. Score: O-Net's probability of a face."""
        rgb = frame.rgb(DETECTION_SIDE)
        return enlarged(self._found(rgb, self._useful_scales(frame, rgb)), frame, rgb)

    def detect_near(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        """Run all three networks, but P-Net only about the expected boxes, on the levels for about their size."""
        if not len(expected):
            return expected
        rgb = frame.rgb(DETECTION_SIDE)
        xyxy = reduced(expected, frame, rgb).xyxy
        proposed = self._proposed_near(rgb, xyxy, self._useful_scales(frame, rgb))
        return enlarged(self._judged(rgb, proposed), frame, rgb)

    def confirm(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        """Run O-Net alone on the expected boxes: it verifies and refines a face for the price of one patch."""
        if not len(expected):
            return expected
        rgb = frame.rgb(DETECTION_SIDE)
        seen = self._looked_at(rgb, _squared(reduced(expected, frame, rgb), side=CONFIRMED_SIDE))
        sure = np.where(seen.scores > THRESHOLDS[2], seen.scores, np.float32(0))
        return enlarged(FaceBoxes(_clipped(seen.xyxy, rgb), sure, seen.landmarks), frame, rgb)

    def detect_rgb(self, rgb: Rgb) -> FaceBoxes:
        """Find faces in a (height, width, 3) uint8 RGB picture, in its own pixels and clipped to it; with landmarks."""
        return self._found(rgb, self._scales(rgb))

    def _scales(self, rgb: Rgb) -> list[float]:
        return pyramid_scales(smallest=self._smallest, largest=min(rgb.shape[:2]))

    def _useful_scales(self, frame: Frame, rgb: Rgb) -> list[float]:
        """The scales of the detection picture without those for faces too small in the frame."""
        least = SMALLEST_USEFUL_FACE * rgb.shape[1] / frame.width
        return [scale for scale in self._scales(rgb) if CELL / scale >= least]

    def _found(self, rgb: Rgb, scales: Sequence[float]) -> FaceBoxes:
        proposed = [self._proposed_at(level, scale) for scale, level in pyramid(rgb, scales)]
        return self._judged(rgb, _joined(proposed))

    def _judged(self, rgb: Rgb, proposed: FaceBoxes) -> FaceBoxes:
        """What R-Net and O-Net leave of P-Net's proposals."""
        found = suppressed(proposed, threshold=0.7)
        found = self._confirmed(rgb, _squared(self._refined(rgb, _squared(found))))
        return FaceBoxes(_clipped(found.xyxy, rgb), found.scores, found.landmarks)

    def _proposed_near(self, rgb: Rgb, xyxy: Floats, scales: Sequence[float]) -> FaceBoxes:
        """What P-Net proposes about faces' former boxes, (n, 4): the very proposals that it has there for the whole picture."""
        sides = np.max(xyxy[:, 2:] - xyxy[:, :2], axis=1, keepdims=True)
        about = np.concatenate([xyxy[:, :2] - NEARBY * sides, xyxy[:, 2:] + NEARBY * sides], axis=1)
        sized = {
            scale: about[np.abs(np.log(sides[:, 0] * scale / CELL)) <= np.log(NEARBY_SIZE)]
            for scale in scales
        }
        found = []
        for scale, level in pyramid(rgb, [scale for scale, boxes in sized.items() if len(boxes)]):
            edges = np.maximum(sized[scale] * scale, 0).astype(int)
            edges[:, :2] -= edges[:, :2] % STRIDE  # so that P-Net's windows stay the same
            for left, top, right, bottom in edges.tolist():
                part = level[top : max(bottom, top + CELL), left : max(right, left + CELL)]
                if min(part.shape[:2]) >= CELL:
                    found.append(self._proposed_at(part, scale, left=left, top=top))
        return _joined(found)

    def _proposed_at(self, level: Rgb, scale: float, *, left: int = 0, top: int = 0) -> FaceBoxes:
        """P-Net's peaks on a level of the pyramid, or on a part of it that begins at left, top; in pixels of level / scale.

        A cell that is not the best of its eight neighbours overlaps a better one by more than half: taking peaks is what
        the original does by comparing all boxes of a level in pairs.
        """
        pixels = np.ascontiguousarray(level)[np.newaxis]
        offsets, faces = self._propose.run(["offsets", "faces"], pixels=pixels)
        chances = faces[0, 1]
        peaks = (chances > THRESHOLDS[0]) & (chances == cv2.dilate(chances, NEIGHBOURS))
        rows, columns = np.nonzero(peaks)
        corner = np.stack([columns, rows], axis=1) * STRIDE + (left, top)
        cells = np.concatenate([corner + 1, corner + CELL], axis=1).astype(np.float32)
        moved = cells + offsets[0][:, rows, columns].T * (CELL - 1)
        return FaceBoxes((moved / scale).astype(np.float32), chances[rows, columns])

    def _refined(self, rgb: Rgb, proposed: FaceBoxes) -> FaceBoxes:
        if not len(proposed):
            return proposed
        patches = extract_patches(rgb, proposed.xyxy, size=24)
        offsets, faces = _run_in_batches(self._refine, ["offsets", "faces"], patches)
        found = FaceBoxes(_moved(proposed.xyxy, offsets), faces[:, 1])
        return suppressed(found[found.scores > THRESHOLDS[1]], threshold=0.7)

    def _confirmed(self, rgb: Rgb, refined: FaceBoxes) -> FaceBoxes:
        if not len(refined):
            none = FaceBoxes.empty()
            return FaceBoxes(none.xyxy, none.scores, np.zeros((0, 5, 2), np.float32))
        found = self._looked_at(rgb, refined)
        return suppressed(found[found.scores > THRESHOLDS[2]], threshold=0.7, by_smaller=True)

    def _looked_at(self, rgb: Rgb, squares: FaceBoxes) -> FaceBoxes:
        """O-Net's opinion of every square, n > 0: box, score and landmarks."""
        patches = extract_patches(rgb, squares.xyxy, size=48)
        names = ["offsets", "landmarks", "faces"]
        offsets, points, faces = _run_in_batches(self._confirm, names, patches)
        landmarks = _placed_landmarks(points, squares.xyxy)
        return FaceBoxes(_moved(squares.xyxy, offsets), faces[:, 1], landmarks)


def _joined(parts: Sequence[FaceBoxes]) -> FaceBoxes:
    parts = [FaceBoxes.empty(), *parts]
    return FaceBoxes(
        np.concatenate([part.xyxy for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def _clipped(xyxy: Floats, rgb: Rgb) -> Floats:
    height, width = rgb.shape[:2]
    return np.clip(xyxy, 0, np.array([width - 1, height - 1] * 2, np.float32))


def _run_in_batches(session: OnnxSession, outputs: list[str], patches: Rgb) -> list[Floats]:
    """The named outputs for (n, size, size, 3) patches, n > 0."""
    starts = range(0, len(patches), BATCH)
    parts = [session.run(outputs, pixels=patches[start : start + BATCH]) for start in starts]
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def pyramid_scales(*, smallest: float, largest: float) -> list[float]:
    """Scales, descending, at which faces from `smallest` to `largest` pixels have the size of P-Net's window."""
    scales: list[float] = []
    scale = CELL / smallest
    while scale * largest >= CELL:
        scales.append(scale)
        scale *= PYRAMID_STEP
    return scales


def pyramid(rgb: Rgb, scales: Sequence[float]) -> Iterator[tuple[float, Rgb]]:
    """Reduce a picture to each of the descending scales, the smaller ones from halves and quarters of it."""
    height, width = rgb.shape[:2]
    base, base_scale = rgb, 1.0
    for scale in scales:
        while scale < HALVED_BELOW * base_scale:
            half = (max(1, base.shape[1] // 2), max(1, base.shape[0] // 2))
            base = np.asarray(cv2.resize(base, half, interpolation=cv2.INTER_AREA), np.uint8)
            base_scale /= 2
        size = (max(CELL, int(width * scale)), max(CELL, int(height * scale)))
        yield scale, np.asarray(cv2.resize(base, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def suppressed(found: FaceBoxes, *, threshold: float, by_smaller: bool = False) -> FaceBoxes:
    """Drop every box that overlaps one with a better score by more than `threshold`; the rest, best first.

    Overlap is intersection over union, or over the smaller box (`by_smaller`). A dropped box drops others too.
    """
    order = np.argsort(-found.scores, kind="stable")[:MAX_PROPOSALS]
    ordered = found[order]
    overlaps = np.triu(_overlaps(ordered.xyxy, by_smaller=by_smaller) > threshold, k=1)
    return ordered[np.flatnonzero(~overlaps.any(axis=0))]


def _overlaps(xyxy: Floats, *, by_smaller: bool) -> Floats:
    """(n, n) overlaps of every box with every other."""
    size = xyxy[:, 2:] - xyxy[:, :2]
    area = size[:, 0] * size[:, 1]
    low = np.maximum(xyxy[:, None, :2], xyxy[None, :, :2])
    high = np.minimum(xyxy[:, None, 2:], xyxy[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    smaller = np.minimum(area[:, None], area[None, :])
    whole = smaller if by_smaller else area[:, None] + area[None, :] - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def _squared(found: FaceBoxes, *, side: float = 1.0) -> FaceBoxes:
    """A square about each box's centre, `side` times as large as the box's longer side."""
    centre = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    longer = np.max(found.xyxy[:, 2:] - found.xyxy[:, :2], axis=1, initial=0, keepdims=True)
    half = longer * np.float32(side / 2)
    return FaceBoxes(np.concatenate([centre - half, centre + half], axis=1), found.scores)


def _moved(xyxy: Floats, offsets: Floats) -> Floats:
    """Shift the edges by a network's offsets, which are fractions of width and height (counted inclusively)."""
    size = xyxy[:, 2:] - xyxy[:, :2] + 1
    return xyxy + offsets * np.tile(size, 2)


def _placed_landmarks(points: Floats, xyxy: Floats) -> Floats:
    """O-Net's ten numbers (five x, five y, fractions of the box) as (n, 5, 2) pixels."""
    size = xyxy[:, 2:] - xyxy[:, :2] + 1
    fractions = np.stack([points[:, :5], points[:, 5:]], axis=2)
    return (fractions * size[:, None] + xyxy[:, None, :2] - 1).astype(np.float32)


def extract_patches(rgb: Rgb, xyxy: Floats, *, size: int) -> Rgb:
    """Sample each box bilinearly at size x size points, corner to corner; mid-gray beyond the picture.

    rgb: (height, width, 3) uint8.  xyxy: (n, 4).  Returns (n, size, size, 3) uint8.
    The sampling of TensorFlow's crop_and_resize, which the package's own results come from.
    """
    height, width = rgb.shape[:2]
    corners = xyxy * np.array([(width - 1) / width, (height - 1) / height] * 2, np.float32)
    patches = np.empty((len(xyxy), size, size, 3), np.uint8)
    for patch, (left, top, right, bottom) in zip(patches, corners.tolist(), strict=True):
        step_x, step_y = (right - left) / (size - 1), (bottom - top) / (size - 1)
        matrix = np.array([[step_x, 0, left], [0, step_y, top]])
        cv2.warpAffine(
            rgb,
            matrix,
            (size, size),
            dst=patch,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(127, 127, 127),
        )
    return patches
