"""The face detectors, by name."""

from collections.abc import Callable

from storage.records import Detector
from worker.vision.detectors.haar import HaarDetector
from worker.vision.detectors.mtcnn import MtcnnDetector
from worker.vision.detectors.port import FaceDetector

DETECTORS: dict[Detector, Callable[[], FaceDetector]] = {
    Detector.MTCNN: MtcnnDetector,
    Detector.HAAR: HaarDetector,
}

__all__ = ["DETECTORS", "FaceDetector"]
