"""Cutting small pictures out of some frames of a segment."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from storage.records import MediaInfo, SegmentSlice
from worker.regions import Region
from worker.vision.decode import decode_segment
from worker.vision.frames import Frame
from worker.vision.jpegs import to_jpeg
from worker.vision.medium import Progress

THUMBNAIL_SIDE = 160
"""Longer side, pixels: a small region keeps its size."""


def cut_thumbnails(
    fd: int,
    media: MediaInfo,
    segment: SegmentSlice,
    regions: Sequence[Region],
    *,
    progress: Progress,
) -> list[bytes]:
    """Cut each region out of its frame, upright, as a JPEG of at most THUMBNAIL_SIDE pixels each way.

    regions: of frames of the segment, in any order; what reaches beyond the picture is left out.  Returns one JPEG for each,
    in the same order. Decoding stops at the last of the frames. Raises what decode_segment raises.
    """
    wanted: defaultdict[int, list[int]] = defaultdict(list)
    for number, region in enumerate(regions):
        wanted[region.frame].append(number)
    look = tuple(sorted(wanted))
    piece = replace(segment, look=look, opening_pts=None, closing_pts=None)
    cut: dict[int, bytes] = {}
    for frame in decode_segment(fd, media, piece, progress=progress):
        for number in wanted.get(frame.index, ()):
            cut[number] = _cut(frame, regions[number])
    return [cut[number] for number in range(len(regions))]


def _cut(frame: Frame, region: Region) -> bytes:
    left, top = max(0, region.x), max(0, region.y)
    right = min(frame.width, region.x + region.width)
    bottom = min(frame.height, region.y + region.height)
    scale = min(1.0, THUMBNAIL_SIDE / max(right - left, bottom - top, 1))
    rgb = frame.rgb(max(1, round(max(frame.width, frame.height) * scale)))
    height, width = rgb.shape[:2]
    x0, y0 = min(round(left * scale), width - 1), min(round(top * scale), height - 1)
    x1 = min(max(round(right * scale), x0 + 1), x0 + THUMBNAIL_SIDE)
    y1 = min(max(round(bottom * scale), y0 + 1), y0 + THUMBNAIL_SIDE)
    return to_jpeg(rgb[y0:y1, x0:x1])
