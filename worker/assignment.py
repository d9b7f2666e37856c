"""Exact one-to-one assignment for the few faces of a frame, in plain Python: the parents of the analyser hold no arrays.

Source: the Hungarian method (H. W. Kuhn, Naval Research Logistics 2, 1955; J. Munkres, J. SIAM 5, 1957) by shortest
augmenting paths (R. Jonker and A. Volgenant, Computing 38, 1987).
"""

from collections.abc import Sequence
from math import inf


def best_pairs(values: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Pair rows with columns so that the values of the pairs have the largest sum.

    values: a row for each of n, with m values each. A value of 0 or less makes no pair, so rows and columns may stay
    alone. Returns (row, column) in the order of the rows; the same for the same values, also when several are best.
    Takes n² m steps, n being the smaller number: 4 µs for one face, 0.1 ms for four.
    """
    if not values or not values[0]:
        return []
    if len(values) == len(values[0]) == 1:
        return [(0, 0)] if values[0][0] > 0 else []
    if len(values) > len(values[0]):
        return sorted((row, column) for column, row in best_pairs([*zip(*values, strict=True)]))
    row_of = _assign([[-max(value, 0.0) for value in row] for row in values])
    pairs = ((row, column) for column, row in enumerate(row_of) if row is not None)
    return sorted((row, column) for row, column in pairs if values[row][column] > 0)


def _assign(costs: list[list[float]]) -> list[int | None]:
    """Give every row a column at the least cost; rows are no more than columns. Returns the row of each column."""
    columns = len(costs[0])
    row_price = [0.0] * len(costs)
    column_price = [0.0] * (columns + 1)
    row_of: list[int | None] = [None] * (columns + 1)  # the last column is where paths begin
    for start in range(len(costs)):
        row_of[columns] = start
        least, before = [inf] * columns, [columns] * columns
        reached = [False] * (columns + 1)
        here = columns
        while (row := row_of[here]) is not None:
            reached[here] = True
            for column in range(columns):
                if not reached[column]:
                    cost = costs[row][column] - row_price[row] - column_price[column]
                    if cost < least[column]:
                        least[column], before[column] = cost, here
            step, nearest = min((least[c], c) for c in range(columns) if not reached[c])
            for column in range(columns + 1):
                if reached[column]:
                    row_price[row_of[column] or 0] += step
                    column_price[column] -= step
                elif column < columns:
                    least[column] -= step
            here = nearest
        while here != columns:
            row_of[here] = row_of[before[here]]
            here = before[here]
    return row_of[:columns]
