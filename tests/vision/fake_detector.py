"""A detector that knows where the faces are, and counts how often it is asked."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tests.vision.made_media import Picture
from worker.vision.boxes import FaceBoxes
from worker.vision.crops import CropSpec
from worker.vision.frames import Frame
from worker.vision.matching import overlaps

Scene = list[list[tuple[float, float, float, float]]]
"""For every frame the boxes of its faces, xyxy."""


@dataclass
class KnowingDetector:
    """Finds exactly the faces of a scene; near expected boxes those that overlap one; confirms those that overlap well."""

    scene: Scene
    framing: ClassVar[CropSpec] = CropSpec(scale=1.0)
    detected: list[int] = field(default_factory=list)  #: frames that `detect` was asked about
    near: list[int] = field(default_factory=list)  #: the same of `detect_near`
    confirmed: list[int] = field(default_factory=list)  #: the same of `confirm`
    looks_closer_nearby: bool = False

    def detect(self, frame: Frame) -> FaceBoxes:
        self.detected.append(frame.index)
        return boxes(self.scene[frame.index])

    def detect_near(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        self.near.append(frame.index)
        there = boxes(self.scene[frame.index])
        return there[np.flatnonzero(overlaps(there.xyxy, expected.xyxy).any(axis=1))]

    def confirm(self, frame: Frame, expected: FaceBoxes) -> FaceBoxes:
        self.confirmed.append(frame.index)
        if not (self.scene[frame.index] and len(expected)):
            return FaceBoxes(expected.xyxy, np.zeros_like(expected.scores))
        there = boxes(self.scene[frame.index])
        shared = overlaps(expected.xyxy, there.xyxy)
        best = there[shared.argmax(axis=1)]
        return FaceBoxes(best.xyxy, np.where(shared.max(axis=1) > 0.5, best.scores, np.float32(0)))


def boxes(faces: list[tuple[float, float, float, float]]) -> FaceBoxes:
    xyxy = np.array(faces, np.float32).reshape(-1, 4)
    return FaceBoxes(xyxy, np.full(len(xyxy), 0.9, np.float32))


def flat(level: int, *, width: int = 64, height: int = 48) -> Picture:
    return np.full((height, width, 3), level, np.uint8)
