"""Fronts and hypervolumes against loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wee.method.fronts import hypervolume, nondominated

POINTS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=25)


@given(POINTS, st.booleans())
def test_no_other_point_beats_a_front(points: list[tuple[int, int]], higher: bool) -> None:
    cost, value = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
    chosen = nondominated(cost, value, higher)
    sign = 1 if higher else -1
    for i in range(len(points)):
        better = [
            j
            for j in range(len(points))
            if cost[j] <= cost[i] and sign * value[j] >= sign * value[i] and (cost[j], value[j]) != (cost[i], value[i])
        ]
        twin = any((cost[j], value[j]) == (cost[i], value[i]) for j in range(i))
        assert chosen[i] == (not better and not twin)


@given(POINTS)
def test_the_hypervolume_counts_the_dominated_cells(points: list[tuple[int, int]]) -> None:
    cost, value = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
    cells = sum(any(c <= x and v > y for c, v in points) for x in range(10) for y in range(10))
    assert hypervolume(cost, value, True, (10.0, 0.0)) == cells


def test_points_beyond_the_reference_add_nothing() -> None:
    assert hypervolume(np.array([5.0]), np.array([3.0]), False, (4.0, 9.0)) == 0
