"""MTCNN: three small networks that propose, refine and confirm faces.

Source: K. Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", IEEE Signal
Processing Letters 23(10), 2016. Steps and constants agree with the mtcnn 1.0.0 package, whose weights are used; only the
threshold of the last stage is the paper authors' 0.7 (the package: 0.8).
"""

import cv2
import numpy as np
import numpy.typing as npt

from worker.vision.boxes import FaceBoxes, Floats
from worker.vision.crops import CropSpec
from worker.vision.detectors import mtcnn_graphs
from worker.vision.detectors.port import DETECTION_SIDE
from worker.vision.frames import Frame
from worker.vision.onnx_session import OnnxSession

Rgb = npt.NDArray[np.uint8]

SMALLEST_FACE = 20
"""Pixels of the detection picture; halving it costs four times as much."""
CELL = 12
"""Side of P-Net's window, pixels."""
STRIDE = 2
"""Distance of P-Net's windows, pixels."""
PYRAMID_STEP = 0.709
"""Scale from one level of the pyramid to the next, about the root of one half."""
THRESHOLDS = (0.6, 0.7, 0.7)
"""Least score after each network: higher loses faces, lower lets other things through."""
MAX_PROPOSALS = 1000
"""Kept per level and over all, best first: noise can light up every window, and overlaps are compared in pairs."""

BATCH = 128
"""Patches per run of R-Net and O-Net: a thousand at once would take O-Net 400 MB."""


class MtcnnDetector:
    """Faces of any pose short of profile. Its boxes are upright rectangles, about 0.8 as wide as high."""

    framing = CropSpec(scale=0.96)

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._propose = OnnxSession(mtcnn_graphs.proposal_network())
        self._refine = OnnxSession(mtcnn_graphs.refinement_network())
        self._confirm = OnnxSession(mtcnn_graphs.output_network())

    def detect(self, frame: Frame) -> FaceBoxes:
        """Find faces of at least 20 pixels in the picture reduced to 640 pixels. Score: O-Net's probability of a face."""
        rgb = frame.rgb(DETECTION_SIDE)
        found = self.detect_rgb(rgb)
        height, width = rgb.shape[:2]
        scale = np.array([frame.width / width, frame.height / height], np.float32)
        assert found.landmarks is not None
        return FaceBoxes(found.xyxy * np.tile(scale, 2), found.scores, found.landmarks * scale)

    def detect_rgb(self, rgb: Rgb) -> FaceBoxes:
        """Find faces in a (height, width, 3) uint8 RGB picture, in its own pixels and clipped to it; with landmarks."""
        found = self._confirmed(rgb, _squared(self._refined(rgb, _squared(self._proposed(rgb)))))
        height, width = rgb.shape[:2]
        edges = np.array([width - 1, height - 1] * 2, np.float32)
        return FaceBoxes(np.clip(found.xyxy, 0, edges), found.scores, found.landmarks)

    def _proposed(self, rgb: Rgb) -> FaceBoxes:
        height, width = rgb.shape[:2]
        levels = [self._proposed_at(rgb, scale) for scale in pyramid_scales(width, height)]
        boxes = np.concatenate([level.xyxy for level in levels] or [FaceBoxes.empty().xyxy])
        scores = np.concatenate([level.scores for level in levels] or [FaceBoxes.empty().scores])
        return suppressed(FaceBoxes(boxes, scores), threshold=0.7)

    def _proposed_at(self, rgb: Rgb, scale: float) -> FaceBoxes:
        height, width = rgb.shape[:2]
        size = (max(CELL, int(width * scale)), max(CELL, int(height * scale)))
        level = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        offsets, faces = self._propose.run(["offsets", "faces"], pixels=level[np.newaxis])
        rows, columns = np.nonzero(faces[0, 1] > THRESHOLDS[0])
        corner = np.stack([columns, rows], axis=1) * STRIDE
        cells = np.concatenate([corner + 1, corner + CELL], axis=1).astype(np.float32)
        moved = cells + offsets[0][:, rows, columns].T * (CELL - 1)
        found = FaceBoxes((moved / scale).astype(np.float32), faces[0, 1, rows, columns])
        return suppressed(found, threshold=0.5)

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
        patches = extract_patches(rgb, refined.xyxy, size=48)
        names = ["offsets", "landmarks", "faces"]
        offsets, points, faces = _run_in_batches(self._confirm, names, patches)
        landmarks = _placed_landmarks(points, refined.xyxy)
        found = FaceBoxes(_moved(refined.xyxy, offsets), faces[:, 1], landmarks)
        return suppressed(found[found.scores > THRESHOLDS[2]], threshold=0.7, by_smaller=True)


def _run_in_batches(session: OnnxSession, outputs: list[str], patches: Rgb) -> list[Floats]:
    """The named outputs for (n, size, size, 3) patches, n > 0."""
    starts = range(0, len(patches), BATCH)
    parts = [session.run(outputs, pixels=patches[start : start + BATCH]) for start in starts]
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def pyramid_scales(width: int, height: int) -> list[float]:
    """Scales at which a face of P-Net's window size is SMALLEST_FACE pixels and larger; [] for a picture too small."""
    shorter = min(width, height)
    if shorter < CELL:
        return []
    count = round(-(np.log(shorter / CELL) / np.log(PYRAMID_STEP) + 1))
    return [CELL / SMALLEST_FACE * PYRAMID_STEP**level for level in range(max(0, count))]


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


def _squared(found: FaceBoxes) -> FaceBoxes:
    """Grow each box's shorter side to the longer about the same centre."""
    centre = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    half = np.max(found.xyxy[:, 2:] - found.xyxy[:, :2], axis=1, initial=0, keepdims=True) / 2
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
