"""The smallest coverage at which the paper's convention reads Cov@r, and a warning where values were read there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wee.data.splits import SplitName
from wee.method import Convention, Metric
from wee.method.curves import NOISY_START, noisy_start
from wee.method.metrics.selective import COVERAGE

if TYPE_CHECKING:
    import pandas as pd

MANY = 4
"""How many sets the warning names at most; it counts more."""


def floor_warning(table: pd.DataFrame, convention: Convention, splits: Sequence[SplitName] = ()) -> str | None:
    """Return a warning about values of Cov@r that were read at the smallest coverage of the paper's convention.

    In this convention, Cov@r is the coverage of the point whose risk is nearest to r, among the points from the
    min(500, N // 2)-th on (docs/method.md, section 3). If the risk is above r at all of these points, the first is the nearest
    one, and the value does not keep the risk.

    Args:
        table: the table of a sweep.
        convention: the convention of the sweep.
        splits: the sets whose values are counted; by default, all sets of the table.

    Returns:
        The warning, with the sets, and the number of such values of each task; None if there are none.
    """
    if convention != "paper":
        return None
    if splits:
        table = table[table.split.isin([str(split) for split in splits])]
    counted = []
    for name in table.metric.unique():
        metric = Metric.parse(str(name))
        if metric.kind is not COVERAGE:
            continue
        rows = table[table.metric == name]
        floors = COVERAGE.scale * rows.samples.map(noisy_start) / rows.samples
        at_floor = int(np.isclose(rows.value, floors, rtol=1e-9, atol=0).sum())
        if at_floor:
            counted.append(f"{name} ({at_floor:,} of {len(rows):,} values)")
    if not counted:
        return None
    names = [str(name) for name in table.split.unique()]
    where = ", ".join(names) if len(names) <= MANY else f"{len(names)} sets"
    return (
        f"some values of Cov@r on {where} were read at the smallest coverage that the paper's convention considers, "
        f"min({NOISY_START}, N / 2) of N samples, where the risk can be far above the one asked for: {', '.join(counted)}. "
        "The convention strict (task.convention=strict) gives the largest coverage that keeps the risk"
    )
