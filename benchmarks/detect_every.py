"""What detecting faces in every eighth frame finds of what detecting in every frame finds, and what it costs.

    PYTHONPATH=. .venv/bin/python benchmarks/detect_every.py VIDEO…

Prints JSON for each video, with MTCNN. Nobody says which boxes are faces: detection in every frame is not the truth either. CPU
milliseconds per frame, decoding included, of one run.
"""

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.stages import least_timed
from storage.records import Detector, JobOptions, SegmentObservations
from storage.settings import Settings
from worker.vision.boxes import FaceBoxes, Floats
from worker.vision.detectors.mtcnn import MtcnnDetector
from worker.vision.frames import Frame
from worker.vision.matching import matched, overlaps

SAME = 0.5
"""Overlap from which on two boxes are of the same face."""


def main() -> None:
    """Measure and print."""
    json.dump([compare(Path(name)) for name in sys.argv[1:]], sys.stdout, indent=2)
    print()


def compare(file: Path) -> dict[str, Any]:
    """Analyse a video with detection in every frame and in every eighth, and match their boxes."""
    whole_s, everywhere, _ = _seen(file, detect_every=1)
    spent_s, now_and_then, searched = _seen(file, detect_every=8)
    shared = [
        float(area)
        for one, other in zip(_boxes(everywhere), _boxes(now_and_then), strict=True)
        for area in overlaps(one, other)[tuple(matched(one, other, least=SAME).T)]
    ]
    frames = len(everywhere.frames)
    return {
        "video": file.name,
        "frames": frames,
        "boxes": len(everywhere.faces),
        "found": len(shared),
        "found_share": round(len(shared) / max(1, len(everywhere.faces)), 4),
        "others": len(now_and_then.faces) - len(shared),
        "median_overlap": round(float(np.median(shared)), 4) if shared else None,
        "mean_overlap": round(float(np.mean(shared)), 4) if shared else None,
        "frames_searched_whole": round(searched / frames, 4),
        "ms_per_frame": round(1000 * spent_s / frames, 2),
        "ms_per_frame_everywhere": round(1000 * whole_s / frames, 2),
    }


def _seen(file: Path, *, detect_every: int) -> tuple[float, SegmentObservations, int]:
    """CPU seconds, what was seen, and how often a whole frame was searched."""
    detect, searched = MtcnnDetector.detect, 0

    def counted(detector: MtcnnDetector, frame: Frame) -> FaceBoxes:
        nonlocal searched
        searched += 1
        return detect(detector, frame)

    options = JobOptions(detector=Detector.MTCNN, detect_every=detect_every)
    with mock.patch.object(MtcnnDetector, "detect", counted):
        spent_s, seen = least_timed(file, options, Settings.load().model, repeats=1)
    return spent_s, seen, searched


def _boxes(seen: SegmentObservations) -> list[Floats]:
    """(n, 4) xyxy for every frame."""
    found: list[list[tuple[int, ...]]] = [[] for _ in seen.frames]
    for face in seen.faces:
        found[face.frame].append((face.x, face.y, face.x + face.width, face.y + face.height))
    return [np.array(boxes, np.float32).reshape(-1, 4) for boxes in found]


if __name__ == "__main__":
    main()
