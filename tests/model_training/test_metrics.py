"""Scores against numbers worked out by hand."""

import math

import numpy as np
import pytest

from model_training import metrics

# truth 0: two right, one taken for 1; truth 1: one right; truth 2: one taken for 0; class 3 never occurs
TRUTH = [0, 0, 0, 1, 2]
PREDICTED = [0, 0, 1, 1, 0]
CONFUSION = np.array([[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])


def test_confusion_has_the_truth_in_rows():
    assert np.array_equal(metrics.confusion_matrix(TRUTH, PREDICTED, classes=4), CONFUSION)


def test_accuracy_is_the_share_of_the_diagonal():
    assert metrics.accuracy(CONFUSION) == pytest.approx(3 / 5)


def test_recall_is_undefined_for_a_class_without_images():
    assert metrics.recall(CONFUSION) == pytest.approx([2 / 3, 1, 0, math.nan], nan_ok=True)


def test_precision_is_undefined_for_a_class_never_predicted():
    expected = [2 / 3, 1 / 2, math.nan, math.nan]

    assert metrics.precision(CONFUSION) == pytest.approx(expected, nan_ok=True)


def test_f1_of_a_class_that_is_only_missed_is_zero():
    assert metrics.f1(CONFUSION) == pytest.approx([2 / 3, 2 / 3, 0, math.nan], nan_ok=True)


def test_macro_f1_leaves_out_classes_that_never_occur():
    assert metrics.macro_f1(CONFUSION) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_balanced_accuracy_is_the_mean_recall():
    assert metrics.balanced_accuracy(CONFUSION) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_scores_work_on_many_matrices_at_once():
    both = np.stack([CONFUSION, np.diag([1, 1, 1, 1])])

    assert metrics.accuracy(both) == pytest.approx([0.6, 1])
    assert metrics.macro_f1(both) == pytest.approx([4 / 9, 1])


def test_exact_confidence_has_the_calibration_error_of_chance():
    """Half of few answers are never exactly half of them."""
    rng = np.random.default_rng(1)
    few, many = np.full((60, 2), 0.5), np.full((60_000, 2), 0.5)

    by_chance = metrics.calibration_error_by_chance(few, seed=1)

    measured = [metrics.expected_calibration_error(rng.integers(0, 2, 60), few) for _ in range(200)]
    assert by_chance == pytest.approx(np.mean(measured), rel=0.2)
    assert metrics.calibration_error_by_chance(many, seed=1) < 0.01
    assert metrics.calibration_error_by_chance([[1.0, 0.0]] * 9, seed=1) == 0


def test_calibration_error_is_the_weighted_gap_of_the_bins():
    # bin of 0.95: one right, one wrong: |0.5 - 0.95| * 2; bin of 0.55: right: |1 - 0.55| * 1
    probabilities = [[0.95, 0.05], [0.95, 0.05], [0.55, 0.45]]

    error = metrics.expected_calibration_error([0, 1, 0], probabilities)

    assert error == pytest.approx((2 * 0.45 + 0.45) / 3)


def test_gaps_of_one_bin_cancel_before_they_count():
    # 0.61 and 0.65 share the bin (9/15, 10/15]: one right, one wrong
    probabilities = [[0.61, 0.39], [0.65, 0.35]]

    error = metrics.expected_calibration_error([0, 1], probabilities)

    assert error == pytest.approx(abs(1 - 0.61 - 0.65) / 2)


def test_perfect_certainty_falls_into_the_last_bin():
    assert metrics.expected_calibration_error([0, 0], [[1.0, 0.0], [1.0, 0.0]]) == 0


def test_bins_tell_confidence_and_accuracy_apart():
    probabilities = [[0.95, 0.05], [0.95, 0.05], [0.55, 0.45]]

    bins = metrics.reliability([0, 1, 0], probabilities, bins=10)

    assert bins.n.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    assert bins.confidence[[5, 9]] == pytest.approx([0.55, 0.95])
    assert bins.accuracy[[5, 9]] == pytest.approx([1, 0.5])
    assert np.isnan(bins.accuracy[0])


def test_an_interval_leaves_out_rounds_without_a_score():
    interval = metrics.interval_95(np.array([0.5, math.nan, 0.5]))

    assert (interval.low, interval.high) == (0.5, 0.5)


def test_log_likelihood_is_the_mean_over_the_true_classes():
    nll = metrics.negative_log_likelihood([0, 1], [[0.5, 0.5], [0.75, 0.25]])

    assert nll == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_log_likelihood_of_an_impossible_truth_is_finite():
    assert math.isfinite(metrics.negative_log_likelihood([1], [[1.0, 0.0]]))


def test_bootstrap_keeps_the_number_of_images_and_repeats_by_seed():
    first, again, other = (metrics.bootstrap_confusions(CONFUSION, seed=s) for s in (1, 1, 2))

    assert (first.sum(axis=(1, 2)) == 5).all()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_interval_of_accuracy_is_near_the_binomial_one():
    confusion = np.array([[300, 100], [0, 0]])  # 0.75 of 400: standard error 0.02165

    interval = metrics.interval_95(
        metrics.accuracy(metrics.bootstrap_confusions(confusion, seed=3))
    )

    assert interval.low == pytest.approx(0.75 - 1.96 * 0.02165, abs=0.005)
    assert interval.high == pytest.approx(0.75 + 1.96 * 0.02165, abs=0.005)


def test_a_wrong_answer_costs_what_was_left_for_all_others_however_little_that_is():
    """Symptom: 1 less the confidence was 0 where the others had 1e-20 left, as if nothing were."""
    sure = np.array([[1.0, 1e-20, 0.0], [0.7, 0.2, 0.1]])

    assert metrics.top_label_loss([1, 0], sure) == pytest.approx((-np.log(1e-20) - np.log(0.7)) / 2)
