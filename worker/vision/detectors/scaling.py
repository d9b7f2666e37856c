"""From the picture that is searched to the frame and back."""

import numpy as np
import numpy.typing as npt

from worker.vision.boxes import FaceBoxes, Floats
from worker.vision.frames import Frame

Rgb = npt.NDArray[np.uint8]


def enlarged(found: FaceBoxes, frame: Frame, rgb: Rgb) -> FaceBoxes:
    """Faces with landmarks, from pixels of the detection picture to those of the frame."""
    scale = _enlargement(frame, rgb)
    assert found.landmarks is not None
    return FaceBoxes(found.xyxy * np.tile(scale, 2), found.scores, found.landmarks * scale)


def reduced(found: FaceBoxes, frame: Frame, rgb: Rgb) -> FaceBoxes:
    """Faces without landmarks, from pixels of the frame to those of the detection picture."""
    xyxy = np.asarray(found.xyxy / np.tile(_enlargement(frame, rgb), 2), np.float32)
    return FaceBoxes(xyxy, found.scores)


def _enlargement(frame: Frame, rgb: Rgb) -> Floats:
    """(2,) how many times as wide and as high as the detection picture the frame is."""
    height, width = rgb.shape[:2]
    return np.array([frame.width / width, frame.height / height], np.float32)
