"""The learning rate over a run, and the clock that a time budget is measured by."""

import pytest

from model_training.pace import LONGEST_GAP_S, Clock, Pace, learning_rate
from model_training.recipes import Annealing


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("progress", "rate"),
    [(0, 0), (0.1, 0.25), (0.2, 0.5), (0.6, 0.25), (1, 0)],
)
def test_the_rate_rises_to_its_highest_and_falls_to_zero(progress: float, rate: float):
    schedule = Annealing(learning_rate=0.5, warm_up=0.2)

    assert learning_rate(schedule, progress) == pytest.approx(rate)


def test_without_a_budget_progress_is_counted_in_steps():
    pace = Pace(Annealing(epochs=4), steps_per_epoch=10, clock=Clock())

    assert [pace.progress(step) for step in (0, 10, 40)] == [0, 0.25, 1]


def test_with_a_budget_progress_is_the_time_spent_whatever_the_steps():
    watch = Watch()
    schedule = Annealing(epochs=1, time_budget_minutes=1)
    pace = Pace(schedule, steps_per_epoch=10, clock=Clock(now_s=watch))

    watch.now_s += 15
    quarter = pace.progress(1000)
    watch.now_s += 29
    pace.progress(1000)
    watch.now_s += 29

    assert quarter == 0.25
    assert pace.progress(0) == 1


def test_a_clock_goes_on_from_what_earlier_parts_spent():
    watch = Watch()
    clock = Clock(40, now_s=watch)

    watch.now_s += 2

    assert clock.tick() == 42


def test_a_process_that_was_stopped_loses_no_more_than_the_longest_gap():
    watch = Watch()
    clock = Clock(now_s=watch)

    watch.now_s += 600
    stopped = clock.tick()
    watch.now_s += 1

    assert stopped == LONGEST_GAP_S
    assert clock.tick() == LONGEST_GAP_S + 1
