"""What a threshold of confidence leaves, and how the one the product uses is chosen."""

import numpy as np
import pytest

from model_training.selective import Kept, choose_threshold, keep, selective_curve

# confidences 0.9, 0.8, 0.6, 0.55; the third is wrong
TRUTH = [0, 1, 1, 0]
PROBABILITIES = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.55, 0.45]]


def test_everything_is_kept_without_a_threshold():
    assert keep(TRUTH, PROBABILITIES, threshold=0) == Kept(0, share=1.0, n=4, right=3)


def test_a_face_with_just_the_confidence_is_kept():
    kept = keep(TRUTH, PROBABILITIES, threshold=0.6)

    assert (kept.n, kept.share) == (3, 0.75)
    assert kept.accuracy == pytest.approx(2 / 3)


def test_nothing_that_is_kept_has_no_accuracy():
    assert np.isnan(keep(TRUTH, PROBABILITIES, threshold=0.95).accuracy)


def test_the_threshold_is_the_smallest_hundredth_that_is_right_often_enough():
    kept = choose_threshold(TRUTH, PROBABILITIES, accuracy=0.8)

    assert kept == Kept(0.61, share=0.5, n=2, right=2)


def test_no_threshold_is_needed_where_all_answers_are_right_often_enough():
    assert choose_threshold(TRUTH, PROBABILITIES, accuracy=0.75) == Kept(0.0, 1.0, 4, 3)


def test_a_model_that_is_wrong_when_sure_has_no_threshold():
    assert choose_threshold([1, 0], [[0.9, 0.1], [0.6, 0.4]], accuracy=0.8) is None


def test_the_curve_keeps_the_most_confident_first():
    shares, accuracy, confidence = selective_curve(TRUTH, PROBABILITIES)

    assert shares == pytest.approx([0.25, 0.5, 0.75, 1])
    assert accuracy == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert confidence == pytest.approx([0.9, 0.8, 0.6, 0.55])
