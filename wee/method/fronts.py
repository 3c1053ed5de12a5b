"""Pareto fronts of a metric against its price.

Points are chosen on the validation set and reported on the test set: a front picked on the test set
flatters itself, since some points lie well there by luck.
"""

from __future__ import annotations

import moocore
import numpy as np

from wee.method.ranking import Bools, Floats


def nondominated(cost: Floats, value: Floats, higher_is_better: bool) -> Bools:
    """Which points no other point beats in one respect without losing in the other.

    Args:
        cost: of each point [n]; lower is better.
        value: of each point [n].
        higher_is_better: of the values.

    Returns:
        [n]; of equal points, the first alone.
    """
    points = np.column_stack([cost, value])
    return np.asarray(
        moocore.is_nondominated(points, maximise=[False, higher_is_better], keep_weakly=False), dtype=np.bool_
    )


def hypervolume(cost: Floats, value: Floats, higher_is_better: bool, reference: tuple[float, float]) -> float:
    """The area that points dominate, up to a reference point: more is better.

    Args:
        cost: of each point [n]; lower is better. Pass its logarithm where prices are compared by ratio.
        value: of each point [n].
        higher_is_better: of the values.
        reference: (cost, value) that bounds the area; points beyond it add nothing.
    """
    points = np.column_stack([cost, value])
    return float(moocore.hypervolume(points, ref=list(reference), maximise=[False, higher_is_better]))
