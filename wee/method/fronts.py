"""Pareto fronts of a metric against its cost, concave hulls, and the area below them.

Points are selected on the validation set and reported on the test set. A front that is selected on the test set is
optimistic, because some points are good there by chance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats


def nondominated(cost: Floats, value: Floats, higher_is_better: bool) -> Bools:
    """Return which points are non-dominated: no other point is better in one objective and at least as good in the other.

    Args:
        cost: cost of each point [n]; lower is better.
        value: value of each point [n].
        higher_is_better: whether high values are good.

    Returns:
        A mask of the non-dominated points [n]; of equal points, only the first is included.
    """
    import moocore  # imported here, because it takes a while and most commands draw no fronts

    points = np.column_stack([cost, value])
    return np.asarray(
        moocore.is_nondominated(points, maximise=[False, higher_is_better], keep_weakly=False), dtype=np.bool_
    )


def concave_hull(cost: Floats, value: Floats, higher_is_better: bool) -> NDArray[np.intp]:
    """Return the non-dominated points on the upper concave hull over cost.

    Routing each sample at random to one of two systems attains every point on the straight line between them, so points
    below such a line are not needed.

    Args:
        cost: cost of each point [n]; lower is better.
        value: value of each point [n].
        higher_is_better: whether high values are good; otherwise the hull is the lower convex one.

    Returns:
        The indices of the vertices, ascending in cost.

    Example:
        >>> concave_hull(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 4.0]), True).tolist()
        [0, 2]
    """
    good = value if higher_is_better else -value
    front = np.flatnonzero(nondominated(cost, value, higher_is_better))
    vertices: list[int] = []
    for point in front[np.argsort(cost[front], kind="stable")]:
        while len(vertices) > 1:
            first, second = vertices[-2:]
            rise = (good[second] - good[first]) * (cost[point] - cost[first])
            if rise > (good[point] - good[first]) * (cost[second] - cost[first]):
                break
            vertices.pop()  # the second point lies on or below the line from the first to the new one
        vertices.append(int(point))
    return np.array(vertices, dtype=np.intp)


def hypervolume(cost: Floats, value: Floats, higher_is_better: bool, reference: tuple[float, float]) -> float:
    """Return the area between a piecewise linear curve and a reference value, with the cost on a log10 axis.

    Between the points the curve is linear in cost, not in its logarithm. Below the cheapest point it is at the reference
    value; beyond the most expensive point it keeps the value of that point. Where the curve is worse than the reference
    value it adds nothing. The curve is cut off at the reference cost.

    Args:
        cost: cost of each point [n], positive, in any order. Usually the points are the vertices of a `concave_hull`.
        value: value of each point [n].
        higher_is_better: whether high values are good.
        reference: the reference cost and the reference value.

    Returns:
        The area in decades of cost times the unit of the value, at least 0.

    Raises:
        WeeError: a cost or the reference cost is not positive.

    Example:
        As the cost goes from 1 to 10, the curve rises from 0 to 9 (value = cost - 1): the area is 9 / ln(10) - 1.

        >>> round(hypervolume(np.array([1.0, 10.0]), np.array([0.0, 9.0]), True, (10.0, 0.0)), 6)
        2.90865
    """
    last, floor = reference
    if not (last > 0 and (cost > 0).all()):
        raise WeeError(
            f"costs must be positive for an area over their logarithm; the lowest is {min(cost.min(), last)}"
        )
    height = (value - floor) if higher_is_better else (floor - value)
    order = np.lexsort((height, cost))
    cost, height = cost[order], height[order]
    area = 0.0
    for k in range(len(cost)):
        end = cost[k + 1] if k + 1 < len(cost) else np.inf
        start, stop = float(cost[k]), float(min(end, last))
        if stop <= start:
            continue
        slope = (height[k + 1] - height[k]) / (end - start) if np.isfinite(end) else 0.0
        area += _segment(start, stop, float(height[k]), float(slope))
    return area


def _segment(start: float, stop: float, height: float, slope: float) -> float:
    """Return the area of one segment above 0, over the decimal logarithm: the integral of max(0, a + b m) / (m ln 10) dm."""
    offset = height - slope * start
    if slope:  # cut off the part below 0
        zero = -offset / slope
        start, stop = (max(start, zero), stop) if slope > 0 else (start, min(stop, zero))
    elif height <= 0:
        return 0.0
    if stop <= start:
        return 0.0
    return float(offset * np.log10(stop / start) + slope * (stop - start) / np.log(10))
