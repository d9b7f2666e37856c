"""YuNet: one small network that finds faces of all sizes in one pass, by OpenCV; its file is given by the operator.

Source: W. Wu et al., "YuNet: a tiny millisecond-level face detector", Machine Intelligence Research 20, 2023. The file is
OpenCV Zoo's face_detection_yunet_2023mar.onnx, or one with the same inputs and outputs.
"""

from pathlib import Path

import cv2
import numpy as np

from storage.errors import DetectorUnavailable
from worker.model import load_yunet
from worker.vision.boxes import FaceBoxes, Floats
from worker.vision.crops import CropSpec
from worker.vision.detectors.port import DETECTION_SIDE
from worker.vision.detectors.scaling import Rgb, enlarged, reduced
from worker.vision.frames import Frame

STRIDE = 32
"""Pixels of the coarsest cells: OpenCV pads pictures to multiples of it, and parts that begin at one are seen as in all."""
LEAST_SIDE = 2 * STRIDE
"""To which smaller pictures are padded: where the coarsest cells are one row or one column, OpenCV 4.14 takes what lies in
memory beside them for a part of the picture."""
LEAST_SCORE = 0.6
"""Lower finds more: with 0.6 it is 33 faces in every tenth frame of two clips that MTCNN does not find (turned, dim), all of
them real; OpenCV's own default of 0.9 leaves most of these out."""
MOST_OVERLAP = 0.3
"""Of two boxes for the one with the lower score to stay, OpenCV's default."""
MAX_PROPOSALS = 5000
"""Compared with each other, OpenCV's default."""
SMALLEST_FACE = 20
"""Longer side of a face in the detection picture, pixels, as for MTCNN: smaller ones give the classifier little to read."""
NEARBY = 1.0
"""How far from its former box, in sides of it, a face is searched by `detect_near`: the network wants to see heads whole."""


class YuNetDetector:
    """Faces of any pose up to profile. Its boxes are upright rectangles, about 0.8 as wide as high."""

    framing = CropSpec(scale=0.93)
    looks_closer_nearby = False

    def __init__(self, file: Path | None) -> None:
        """file: the network. Raises DetectorUnavailable if there is none, or if it is not YuNet's."""
        if file is None:
            raise DetectorUnavailable(
                "the detector yunet needs a model file: set AFFECTLINE_YUNET to the path of one"
            )
        cv2.setNumThreads(1)
        content = np.frombuffer(load_yunet(file).content, np.uint8)
        none = np.zeros(0, np.uint8)
        try:
            self._network = cv2.FaceDetectorYN.create(
                "onnx", content, none, (LEAST_SIDE,) * 2, LEAST_SCORE, MOST_OVERLAP, MAX_PROPOSALS
            )
            self._found(np.zeros((LEAST_SIDE, LEAST_SIDE, 3), np.uint8))
        except cv2.error as error:
            raise DetectorUnavailable(
                f"the file of AFFECTLINE_YUNET is not a network that OpenCV's FaceDetectorYN takes: {error.err}"
            ) from error

    def detect(self, frame: Frame) -> FaceBoxes:
        """Find faces in the picture reduced to 640 pixels. Score: root of the probabilities of a face and of a cell on one."""
        rgb = frame.rgb(DETECTION_SIDE)
        return enlarged(self._found(rgb), frame, rgb)

    def detect_near(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        """Search the part of the picture about all expected boxes."""
        if not len(expected):
            return expected
        rgb = frame.rgb(DETECTION_SIDE)
        left, top, right, bottom = _part_about(reduced(expected, frame, rgb).xyxy, rgb)
        if right <= left or bottom <= top:
            return FaceBoxes.empty()
        found = self._found(np.ascontiguousarray(rgb[top:bottom, left:right]))
        corner = np.array([left, top], np.float32)
        assert found.landmarks is not None
        moved = FaceBoxes(found.xyxy + np.tile(corner, 2), found.scores, found.landmarks + corner)
        return enlarged(moved, frame, rgb)

    def confirm(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        """See none of them: the network has no part that looks at one face."""
        return FaceBoxes(expected.xyxy, np.zeros_like(expected.scores))

    def _found(self, rgb: Rgb) -> FaceBoxes:
        """Faces in pixels of an RGB picture of any size, with landmarks."""
        below, beside = (max(0, LEAST_SIDE - side) for side in rgb.shape[:2])
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        padded = cv2.copyMakeBorder(bgr, 0, below, 0, beside, cv2.BORDER_CONSTANT)
        self._network.setInputSize((padded.shape[1], padded.shape[0]))
        rows = self._network.detect(padded)[1]
        faces = np.zeros((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)
        faces = faces[faces[:, 2:4].max(axis=1, initial=0) >= SMALLEST_FACE]
        xyxy = np.concatenate([faces[:, :2], faces[:, :2] + faces[:, 2:4]], axis=1)
        return FaceBoxes(xyxy, faces[:, 14], faces[:, 4:14].reshape(-1, 5, 2))


def _part_about(xyxy: Floats, rgb: Rgb) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is searched about boxes, whole cells within the picture."""
    sides = np.max(xyxy[:, 2:] - xyxy[:, :2], axis=1, keepdims=True)
    low = (xyxy[:, :2] - NEARBY * sides).min(axis=0)
    high = (xyxy[:, 2:] + NEARBY * sides).max(axis=0)
    left, top = (max(0, int(edge) // STRIDE * STRIDE) for edge in low.tolist())
    right, bottom = (-(-int(edge) // STRIDE) * STRIDE for edge in high.tolist())
    return left, top, min(right, rgb.shape[1]), min(bottom, rgb.shape[0])
