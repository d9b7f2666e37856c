"""The face detectors, by name."""

from pathlib import Path

from storage.records import Detector
from worker.vision.detectors.haar import HaarDetector
from worker.vision.detectors.mtcnn import MtcnnDetector
from worker.vision.detectors.port import FaceDetector
from worker.vision.detectors.yunet import YuNetDetector

__all__ = ["FaceDetector", "load_detector"]


def load_detector(name: Detector, *, yunet: Path | None = None) -> FaceDetector:
    """Load a detector. Raises ConfigurationError or DetectorUnavailable if this installation lacks what it needs.

    yunet: the file of that network, which alone is not part of the installation.
    """
    match name:
        case Detector.MTCNN:
            return MtcnnDetector()
        case Detector.HAAR:
            return HaarDetector()
        case Detector.YUNET:
            return YuNetDetector(yunet)
