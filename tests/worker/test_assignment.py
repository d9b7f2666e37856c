"""The pairs have the largest sum there is, compared with trying all."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from worker.assignment import best_pairs

tables = st.tuples(st.integers(0, 5), st.integers(0, 5)).flatmap(
    lambda size: st.lists(
        st.lists(
            st.floats(-1, 1) | st.sampled_from([0.0, 0.5]), min_size=size[1], max_size=size[1]
        ),
        min_size=size[0],
        max_size=size[0],
    )
)


def largest_sum(values: list[list[float]]) -> float:
    """The best of all ways to give each row another column or none."""
    rows, columns = len(values), len(values[0]) if values else 0
    places = [*range(columns), *[None] * rows]
    return max(
        sum(
            max(values[row][column], 0.0) for row, column in enumerate(chosen) if column is not None
        )
        for chosen in set(permutations(places, rows))
    )


@given(tables)
def test_the_pairs_have_the_largest_sum(values: list[list[float]]) -> None:
    pairs = best_pairs(values)

    assert abs(sum(values[row][column] for row, column in pairs) - largest_sum(values)) < 1e-9


@given(tables)
def test_each_row_and_column_is_paired_once_and_only_for_gain(values: list[list[float]]) -> None:
    pairs = best_pairs(values)

    rows, columns = [row for row, _ in pairs], [column for _, column in pairs]
    assert rows == sorted(set(rows))
    assert len(columns) == len(set(columns))
    assert all(values[row][column] > 0 for row, column in pairs)


def test_the_best_single_pair_yields_to_a_better_whole() -> None:
    assert best_pairs([[0.9, 0.8], [0.8, 0.1]]) == [(0, 1), (1, 0)]


def test_more_rows_than_columns_leave_rows_alone() -> None:
    assert best_pairs([[0.1], [0.7], [0.3]]) == [(1, 0)]


def test_a_crowd_is_assigned() -> None:
    """Thirty faces, each by a hair more like its own track than like all others."""
    crowd = range(30)

    pairs = best_pairs([[0.5 + (row == column) / 100 for column in crowd] for row in crowd])

    assert pairs == [(n, n) for n in crowd]
