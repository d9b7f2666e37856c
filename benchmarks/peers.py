"""What other packages need for the same frames of 360p with two faces: `fer` with Haar, and MTCNN in TensorFlow.

    PYTHONPATH=.:PEERS .venv/bin/python benchmarks/peers.py

Prints JSON. MTCNN in TensorFlow comes with the optional dependencies `training`; `fer` goes into a folder PEERS of its own:
`pip install --no-deps --target PEERS fer==25.10.3 "setuptools<80" requests idna certifi urllib3 charset_normalizer`.

CPU milliseconds per frame on all threads, the least of several runs. Ours include decoding, theirs get decoded pictures. A
true face is one whose middle lies where a head was put, each head counting once per frame.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from benchmarks.material import SIZES, head_places, write_talk
from benchmarks.stages import REPEATS, least_timed
from storage.records import Detector, JobOptions
from storage.settings import Settings
from worker.vision.boxes import Floats
from worker.vision.detectors.mtcnn import MtcnnDetector
from worker.vision.matching import overlaps

Picture = npt.NDArray[np.uint8]
Find = Callable[[Picture], Floats]
"""Takes an RGB picture and returns boxes (n, 4) float32, xyxy."""

FRAMES = 100
SIZE = SIZES["360p"]
SAME = 0.5
"""Overlap from which on two boxes are of the same face."""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_talk(Path(folder) / "talk.mp4", width=SIZE[0], height=SIZE[1], frames=FRAMES)
        pictures = _decoded(file)
        results = {
            "frames": len(pictures),
            "ours": [_ours(file, *how) for how in _ways()],
            "fer": _peer(_fer, pictures),
            "mtcnn": _compared_mtcnn(pictures),
            "versions": {name: _version(name) for name in ("fer", "mtcnn", "tensorflow-cpu")},
        }
    json.dump(results, sys.stdout, indent=2)
    print()


def _ways() -> list[tuple[Detector, int]]:
    return [(Detector.MTCNN, 8), (Detector.HAAR, 1), (Detector.HAAR, 8)]


def _ours(file: Path, detector: Detector, every: int) -> dict[str, Any]:
    options = JobOptions(detector=detector, detect_every=every)
    spent_s, seen = least_timed(file, options, Settings.load().model)
    faces: list[list[tuple[float, ...]]] = [[] for _ in seen.frames]
    for face in seen.faces:
        faces[face.frame].append((face.x, face.y, face.x + face.width, face.y + face.height))
    boxes = [np.array(found, np.float32).reshape(-1, 4) for found in faces]
    return {"detector": str(detector), "detect_every": every, **_scores(spent_s, boxes)}


def _peer(make: Callable[[], Find], pictures: list[Picture]) -> dict[str, Any] | str:
    try:
        find = make()
    except ImportError as error:
        return f"not installed: {error}"
    return _scores(*_found(find, pictures))


def _scores(spent_s: float, boxes: Sequence[Floats]) -> dict[str, Any]:
    return {
        "ms_per_frame": round(1000 * spent_s / len(boxes), 2),
        "faces_per_frame": round(sum(map(len, boxes)) / len(boxes), 2),
        "true_faces_per_frame": round(sum(map(_true, boxes)) / len(boxes), 2),
    }


def _true(boxes: Floats) -> int:
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    places = np.array(head_places(*SIZE))
    inside = (middles[:, None] > places[None, :, :2]) & (middles[:, None] < places[None, :, 2:])
    return int(inside.all(axis=2).any(axis=0).sum())


def _compared_mtcnn(pictures: list[Picture]) -> dict[str, Any] | str:
    """MTCNN in TensorFlow against ours: every frame in full, smallest face 20, one frame per call."""
    try:
        theirs = _mtcnn_in_tensorflow()
    except ImportError as error:
        return f"not installed: {error}"
    detector = MtcnnDetector(smallest_face=20)
    their_s, their_boxes = _found(theirs, pictures)
    our_s, our_boxes = _found(lambda picture: detector.detect_rgb(picture).xyxy, pictures)
    again = [
        (overlaps(one, other) >= SAME).any(axis=1)
        for one, other in zip(their_boxes, our_boxes, strict=True)
    ]
    return {
        "tensorflow": _scores(their_s, their_boxes),
        "ours": _scores(our_s, our_boxes),
        "share_of_its_boxes": round(float(np.concatenate(again).mean()), 4),
    }


def _found(find: Find, pictures: list[Picture]) -> tuple[float, list[Floats]]:
    """CPU seconds of the least disturbed run over all pictures, and the boxes."""
    find(pictures[0])  # everything warm
    best_s, boxes = float("inf"), []
    for _ in range(REPEATS):
        started_s = time.process_time()
        boxes = [find(picture) for picture in pictures]
        best_s = min(best_s, time.process_time() - started_s)
    return best_s, boxes


def _fer() -> Find:
    from fer.fer import FER

    peer = FER()

    def find(picture: Picture) -> Floats:
        found = peer.detect_emotions(np.ascontiguousarray(picture[:, :, ::-1]))  # it wants BGR
        return _from_xywh([face["box"] for face in found])

    return find


def _mtcnn_in_tensorflow() -> Find:
    from mtcnn import MTCNN

    peer = MTCNN()

    def find(picture: Picture) -> Floats:
        return _from_xywh([face["box"] for face in peer.detect_faces(picture, min_face_size=20)])

    return find


def _from_xywh(boxes: list[Any]) -> Floats:
    xywh = np.array(boxes, np.float32).reshape(-1, 4)
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)


def _decoded(file: Path) -> list[Picture]:
    with av.open(str(file)) as container:
        frames = container.decode(video=0)
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ModuleNotFoundError:
        return None


if __name__ == "__main__":
    main()
