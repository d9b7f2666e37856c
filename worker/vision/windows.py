"""Detecting faces in some frames of a window and finding them in all: match, interpolate, look closer where that fails.

A window runs from one frame of the grid to the next: full detection looks at its ends. Where the same faces stand at both,
their boxes are interpolated, once a cheap look at the middle confirms them; where they do not, the window is halved and
searched in the middle, so that entrances and exits are found to the frame. Where they do not and the picture moved too, others
may have come and gone meanwhile: full detection looks at every frame. Cuts seen in the brightness split the window at once.
All is a function of the window's own frames, so any split of a video at its grid gives the same boxes.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from storage.records import JobOptions, MediaInfo
from worker.vision.boxes import FaceBoxes, Floats
from worker.vision.cuts import ShotFrame, has_moved, is_cut
from worker.vision.detectors.port import FaceDetector
from worker.vision.matching import matched, overlaps

MAX_WINDOW_US = 500_000
"""Heads turn within half a second: with fewer frames per second, windows have fewer frames."""
JITTER_US = 20_000
"""By so much even frames may be late: Matroska rounds to milliseconds, cameras are less exact."""
MAX_WINDOW_PIXELS = 100_000_000
"""Of all frames of a window, which are kept until its faces are known: 48 frames of 1080p, 12 of 4K."""
CLOSE = 0.75
"""Overlap with the confirmed box from which on an interpolated one counts as right: below it is looked at more closely."""
CONFIRMED = 0.85
"""The same where the cheapest look confirms it, whose boxes are less exact. With it the mean overlap with the boxes of
detecting everywhere is 0.95 on a stage, 0.999 in a street and 0.96 of two people in motion."""


def window_length(media: MediaInfo, options: JobOptions) -> int:
    """Looked-at frames from one frame of the grid to the next: `detect_every`, or fewer for slow or very large video."""
    length = min(options.detect_every, MAX_WINDOW_PIXELS // (media.width * media.height))
    if media.duration_us > 0:
        length = min(length, MAX_WINDOW_US * (media.frame_count - 1) // media.duration_us)
    if options.sample_fps is not None:
        length = min(length, int(MAX_WINDOW_US * options.sample_fps / 1_000_000))
    return max(1, length)


def located(
    frames: Iterable[ShotFrame], detector: FaceDetector, *, length: int
) -> Iterator[tuple[ShotFrame, FaceBoxes]]:
    """Give every frame its faces; the first frame is one of the grid, and so is every `length`-th after it.

    The last frame closes the last window, on the grid or not. No more than a window's frames are kept.
    """
    window: list[ShotFrame] = []
    first = FaceBoxes.empty()
    for shown in frames:
        window.append(shown)
        if len(window) == 1:
            first = detector.detect(shown.frame)
        elif len(window) == length + 1:
            boxes = _Window(window, detector).located(first)
            yield from zip(window[:-1], boxes, strict=False)
            window, first = window[-1:], boxes[-1]
    if window:
        yield from zip(window, _Window(window, detector).located(first), strict=True)


class _Window:
    """The frames from one frame of the grid to the next, both included, and what was found in them so far."""

    def __init__(self, window: Sequence[ShotFrame], detector: FaceDetector) -> None:
        self._frames = [shown.frame for shown in window]
        self._thumbnails = [shown.thumbnail for shown in window]
        self._cuts = [index for index, shown in enumerate(window) if index and shown.begins_shot]
        self._detector = detector
        self._found: dict[int, FaceBoxes] = {}

    def located(self, first: FaceBoxes) -> list[FaceBoxes]:
        """The faces of every frame, given those of the first."""
        self._found[0] = first
        shots = self._shots()
        for start, end in shots:
            self._detect(start)
            self._detect(end)
        for start, end in shots:
            self._fill(start, end)
        return [self._found[index] for index in range(len(self._frames))]

    def _shots(self) -> list[tuple[int, int]]:
        """First and last frame of each part without a cut."""
        ends = [index - 1 for index in self._cuts] + [len(self._frames) - 1]
        return list(zip([0, *self._cuts], ends, strict=True))

    def _detect(self, index: int) -> None:
        if index not in self._found:
            self._found[index] = self._detector.detect(self._frames[index])

    def _fill(self, start: int, end: int) -> None:
        """Find the faces between two frames whose faces are known."""
        if end - start < 2:
            return
        middle = (start + end) // 2
        before, after = self._found[start], self._found[end]
        pairs = matched(before.xyxy, after.xyxy)
        if self._lasts_long(start, end):
            self._detect(middle)
        elif len(pairs) == len(before) == len(after):
            if self._stayed(start, end, before[pairs[:, 0]], after[pairs[:, 1]]):
                return
        elif self._others_may_come(start, end):
            for index in range(start + 1, end):
                self._detect(index)
            return
        else:
            self._search(middle, before, after)
        self._fill(start, middle)
        self._fill(middle, end)

    def _lasts_long(self, start: int, end: int) -> bool:
        """Whether anybody may come and go between two frames: the length of windows follows the mean rate, which pauses and
        slower parts fall short of.
        """
        lasted_us = self._frames[end].time_us - self._frames[start].time_us
        return lasted_us > MAX_WINDOW_US + JITTER_US

    def _others_may_come(self, start: int, end: int) -> bool:
        """Whether a search about the known faces is not enough where they change."""
        moved = has_moved(self._thumbnails[start], self._thumbnails[end])
        return moved and not self._detector.looks_closer_nearby

    def _stayed(self, start: int, end: int, before: FaceBoxes, after: FaceBoxes) -> bool:
        """Interpolate the faces of both ends if they and no others are in the middle, where they should be.

        before, after: the same faces in the same order. What is found in the middle is kept in any case.
        """
        middle = (start + end) // 2
        expected = between(before, after, (middle - start) / (end - start))
        if is_cut(self._thumbnails[start], self._thumbnails[end]):
            self._detect(middle)  # a dissolve or a fast turn of the camera: anything may be there
        elif not self._confirmed(middle, expected):
            self._search(middle, before, after)
        here = self._found[middle]
        found = matched(expected.xyxy, here.xyxy, least=CLOSE)
        if not len(found) == len(expected) == len(here):
            return False
        here = here[found[:, 1]]
        self._interpolate(start, middle, before, here)
        self._interpolate(middle, end, here, after)
        return True

    def _confirmed(self, index: int, expected: FaceBoxes) -> bool:
        """Keep the expected boxes, if the cheapest look sees every face there.

        Its own boxes differ a little from those of a search, always in the same way: with them probabilities rose and fell with
        every window.
        """
        seen = self._detector.confirm(self._frames[index], expected)
        there = overlaps(expected.xyxy, seen.xyxy).diagonal() >= CONFIRMED
        if not (there & (seen.scores > 0)).all():
            return False
        self._found[index] = expected
        return True

    def _search(self, index: int, before: FaceBoxes, after: FaceBoxes) -> None:
        """Find the faces about those of the frames on both sides: another one would have to come and go in between."""
        expected = FaceBoxes(
            np.concatenate([before.xyxy, after.xyxy]), np.concatenate([before.scores, after.scores])
        )
        self._found[index] = self._detector.detect_near(self._frames[index], expected)

    def _interpolate(self, start: int, end: int, before: FaceBoxes, after: FaceBoxes) -> None:
        for index in range(start + 1, end):
            self._found[index] = between(before, after, (index - start) / (end - start))


def between(before: FaceBoxes, after: FaceBoxes, share: float) -> FaceBoxes:
    """Faces on the straight way from their boxes in one frame to those in another, `share` (0..1) of it gone.

    Both hold the same faces in the same order. Scores are interpolated too; landmarks are dropped.
    """

    def mixed(one: Floats, other: Floats) -> Floats:
        return (one + (other - one) * np.float32(share)).astype(np.float32)

    return FaceBoxes(mixed(before.xyxy, after.xyxy), mixed(before.scores, after.scores))
