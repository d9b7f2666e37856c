"""The seven expressions and what is said of their probabilities, the same everywhere: arrays, columns, CSV, pages."""

from collections.abc import Sequence

EXPRESSIONS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""In the one order used everywhere."""
UNCERTAIN_BELOW = 5_300
"""A face whose likeliest expression has less than this (ten-thousandths, calibrated) is called uncertain: from
there on four of five answers were right on faces the shipped model never saw (its card). Its file says so too
(`uncertain_below`), as another model's says another; this is for those that say nothing."""

POOR_BELOW = 4_000
"""A face of less quality than this (ten-thousandths) is called poor: too small, unsharp or doubtful to be read well. About
here the classifier reads half of the faces right instead of two thirds (worker.vision.quality). None, where no quality was
measured, is not poor."""
GOOD_WEIGHT = 10
POOR_WEIGHT = 1
"""What a face counts in means, shares and smoothing. Ten poor faces outweigh no good one, and still a track of
nothing but poor faces has its means."""


def likeliest(probabilities: Sequence[int]) -> tuple[str, int]:
    """Return the most probable expression, the first of equals, and its probability.

    probabilities: ten-thousandths, in the order of EXPRESSIONS.
    """
    confidence = max(probabilities)
    return EXPRESSIONS[probabilities.index(confidence)], confidence
