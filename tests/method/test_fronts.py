"""Fronts, hulls and the areas below them, against loops and worked integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wee.errors import WeeError
from wee.method.fronts import concave_hull, hypervolume, nondominated

POINTS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=25)
REFERENCE = (12.0, 2.0)


def columns(points: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    cost, value = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
    return cost, value


def area(points: list[tuple[float, float]], higher: bool = True, reference: tuple[float, float] = REFERENCE) -> float:
    cost, value = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
    hull = concave_hull(cost, value, higher)
    return hypervolume(cost[hull], value[hull], higher, reference)


@given(POINTS, st.booleans())
def test_no_other_point_beats_a_front(points: list[tuple[int, int]], higher: bool) -> None:
    cost, value = columns(points)
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


@given(POINTS, st.booleans())
def test_no_mixture_of_two_points_beats_a_hull(points: list[tuple[int, int]], higher: bool) -> None:
    cost, value = columns(points)
    hull = concave_hull(cost, value, higher)
    assert (np.diff(cost[hull]) > 0).all()
    good = value if higher else -value
    for i in range(len(points)):  # every point lies on or below the curve through the hull
        if cost[i] >= cost[hull[0]]:
            assert good[i] <= np.interp(cost[i], cost[hull], good[hull]) + 1e-9
    slopes = np.diff(good[hull]) / np.diff(cost[hull])
    assert (slopes > 0).all()
    assert (np.diff(slopes) < 1e-12).all()


@given(POINTS, st.booleans(), st.data())
def test_a_dominated_point_changes_nothing(points: list[tuple[int, int]], higher: bool, data: st.DataObject) -> None:
    cost, value = data.draw(st.sampled_from(points))
    dearer, worse = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))
    extra = (cost + dearer, value - worse if higher else value + worse)
    assert area([*points, extra], higher) == pytest.approx(area(points, higher), abs=1e-12)


@given(POINTS, st.booleans(), st.tuples(st.integers(1, 9), st.integers(0, 9)))
def test_another_point_never_lowers_the_area(
    points: list[tuple[int, int]], higher: bool, extra: tuple[int, int]
) -> None:
    assert area([*points, extra], higher) >= area(points, higher) - 1e-12


@given(POINTS, st.floats(0, 1))
def test_points_between_two_points_add_nothing(points: list[tuple[int, int]], share: float) -> None:
    """Random routing between two systems is in the hull already, so having many points is no merit."""
    first, last = points[0], points[-1]
    between = tuple(share * a + (1 - share) * b for a, b in zip(first, last, strict=True))
    assert area([*points, between]) == pytest.approx(area(points), abs=1e-9)  # type: ignore[list-item]


@given(POINTS, st.booleans())
def test_the_area_is_the_integral_of_the_curve(points: list[tuple[int, int]], higher: bool) -> None:
    cost, value = columns(points)
    hull = concave_hull(cost, value, higher)
    decades = np.linspace(0, math.log10(REFERENCE[0]), 20_001)
    macs = 10 ** (decades[1:] / 2 + decades[:-1] / 2)
    height = (np.interp(macs, cost[hull], value[hull]) - REFERENCE[1]) * (1 if higher else -1)
    height[macs < cost[hull[0]]] = 0
    expected = np.maximum(height, 0).sum() * (decades[1] - decades[0])
    assert hypervolume(cost[hull], value[hull], higher, REFERENCE) == pytest.approx(expected, abs=2e-3)


def test_a_worked_integral() -> None:
    """From 1 to 10 the value is m + 2, from 10 to the reference at 100 it is 12, all above 4."""
    cost, value = np.array([1.0, 10.0]), np.array([3.0, 12.0])
    # m + 2 - 4 is positive from m = 2 on: the integral of (m - 2) / (m ln 10) from 2 to 10, and 8 over one decade.
    expected = 8 / math.log(10) - 2 * math.log10(5) + 8
    assert hypervolume(cost, value, True, (100.0, 4.0)) == pytest.approx(expected, rel=1e-12)
    assert hypervolume(cost, -value, False, (100.0, -4.0)) == pytest.approx(expected, rel=1e-12)
    assert hypervolume(cost, value, True, (1.0, 4.0)) == 0
    assert hypervolume(cost, value, True, (100.0, 50.0)) == 0


def test_points_beyond_the_reference_add_nothing() -> None:
    assert hypervolume(np.array([5.0]), np.array([3.0]), False, (4.0, 9.0)) == 0


def test_a_cost_must_be_positive() -> None:
    with pytest.raises(WeeError, match="costs must be positive"):
        hypervolume(np.array([0.0]), np.array([3.0]), True, (4.0, 0.0))
