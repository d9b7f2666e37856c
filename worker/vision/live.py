"""A live view: pictures in as they are taken, tracked and smoothed faces out, within the same picture.

The detector looks at the whole picture only when no face is followed, when a followed one is lost, and every DETECT_EVERY
pictures. Between, O-Net alone looks where each face is expected: that verifies and refines its box for 1 % of the price.
"""

from math import exp
from pathlib import Path

import numpy as np

from worker.live_faces import LiveFace, LiveSight
from worker.vision.boxes import Floats, pixel_boxes
from worker.vision.classifier import Classifier
from worker.vision.crops import crop_faces, square_sides
from worker.vision.detectors.mtcnn import MtcnnDetector
from worker.vision.frames import Frame
from worker.vision.live_picture import PictureDecoder
from worker.vision.live_tracks import LiveTrack, LiveTracks
from worker.vision.pipeline import ten_thousandths
from worker.vision.quality import qualities

DETECT_EVERY = 15
"""Pictures: a newcomer beside a followed face waits half a second at 30 per second."""
SMALLEST_FACE = 40
"""Pixels of the picture reduced to 640: whoever sits before a camera is larger, and the search costs a quarter of the usual."""
SMOOTHED_OVER_S = 0.25
"""Time constant of the smoothing: after this long a new expression counts for 63 %."""


class LiveView:
    """The faces before one camera. Nothing of its pictures is kept but the last boxes and probabilities."""

    def __init__(self, model: Path) -> None:
        """Load the models. Raises ModelContractError if the classifier's file is not what this program expects."""
        self._classifier = Classifier(model)
        self._detector = MtcnnDetector(smallest_face=SMALLEST_FACE)
        self._decoder = PictureDecoder()
        self._tracks = LiveTracks()
        self._count = 0
        self._detected = -DETECT_EVERY  # number of the picture last searched as a whole

    def look(self, jpeg: bytes, time_us: int) -> LiveSight:
        """See the faces of the next picture.

        jpeg: at most MAX_SIDE pixels each way.  time_us: when it was taken, by any clock that only goes forward.
        Raises UnsupportedMedia, TooLarge or CorruptMedia for a picture that can't be used; the next one may be better.
        """
        frame = self._decoder.decode(jpeg, index=self._count, time_us=time_us)
        followed = self._followed(frame)
        if followed is None:
            self._detected = frame.index
            followed = self._tracks.found(self._detector.detect(frame), time_us)
        self._count += 1
        faces = self._read(frame, followed)
        return LiveSight(frame.width, frame.height, faces, self._classifier.uncertain_score)

    def _followed(self, frame: Frame) -> list[LiveTrack] | None:
        """The faces found where they were expected; None if the whole picture has to be searched."""
        expected = self._tracks.expected(frame.time_us)
        if not len(expected) or frame.index - self._detected >= DETECT_EVERY:
            return None
        return self._tracks.confirmed(self._detector.confirm(frame, expected), frame.time_us)

    def _read(self, frame: Frame, followed: list[LiveTrack]) -> tuple[LiveFace, ...]:
        """Read the expressions of the faces, and smooth them along their tracks."""
        if not followed:
            return ()
        xyxy = np.stack([track.xyxy for track in followed])
        scores = np.array([track.score for track in followed], np.float32)
        framing = self._detector.framing
        crops = crop_faces(frame.luma, xyxy, framing, limited_range=frame.limited_range)
        probabilities = self._classifier.probabilities(crops)
        smoothed = [
            _smooth(track, now, frame.time_us)
            for track, now in zip(followed, probabilities, strict=True)
        ]
        rows = zip(
            (track.number for track in followed),
            pixel_boxes(xyxy, width=frame.width, height=frame.height).tolist(),
            ten_thousandths(scores).tolist(),
            ten_thousandths(qualities(crops, square_sides(xyxy, framing), scores)).tolist(),
            ten_thousandths(probabilities).tolist(),
            ten_thousandths(np.stack(smoothed)).tolist(),
            strict=True,
        )
        return tuple(
            LiveFace(number, x, y, width, height, score, quality, tuple(raw), tuple(even))
            for number, (x, y, width, height), score, quality, raw, even in rows
        )


def _smooth(track: LiveTrack, now: Floats, time_us: int) -> Floats:
    """Mix what is seen now into the track's probabilities, by the real time since the last look (first-order low pass)."""
    if track.probabilities is None:
        track.probabilities = now
    else:
        passed_s = max(0, time_us - track.read_us) / 1_000_000
        share = np.float32(1 - exp(-passed_s / SMOOTHED_OVER_S))
        track.probabilities = track.probabilities + (now - track.probabilities) * share
    track.read_us = time_us
    return track.probabilities
