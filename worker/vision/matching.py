"""Which boxes of two frames are the same face."""

import numpy as np
import numpy.typing as npt

from worker.vision.boxes import Floats

MIN_OVERLAP = 0.3
"""Least intersection over union of two boxes of one face (Bochinski et al., AVSS 2017: 0.3 to 0.5)."""


def overlaps(one: Floats, other: Floats) -> Floats:
    """Intersection over union of every box with every other: (n, 4) and (m, 4) give (n, m), in 0..1."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    return _over_union(low, high, _area(one)[:, None], _area(other)[None, :])


def matched(one: Floats, other: Floats, *, least: float = MIN_OVERLAP) -> npt.NDArray[np.intp]:
    """Pair boxes one to one, greedily by overlap, which is at least `least`.

    Returns (n, 2) indices into `one` and `other`, ascending in the first; equal overlaps go to the earlier boxes.
    """
    shared = overlaps(one, other)
    rows, columns = np.nonzero(shared >= least)
    best_first = np.argsort(-shared[rows, columns], kind="stable")
    pairs: dict[int, int] = {}
    for row, column in zip(rows[best_first].tolist(), columns[best_first].tolist(), strict=True):
        if row not in pairs and column not in pairs.values():
            pairs[row] = column
    return np.array(sorted(pairs.items()), np.intp).reshape(-1, 2)


def _area(xyxy: Floats) -> Floats:
    size = xyxy[:, 2:] - xyxy[:, :2]
    return np.asarray(size[:, 0] * size[:, 1], np.float32)


def _over_union(low: Floats, high: Floats, area: Floats, other_area: Floats) -> Floats:
    size = np.maximum(high - low, 0)
    shared = size[..., 0] * size[..., 1]
    union = area + other_area - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
