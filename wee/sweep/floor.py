"""The smallest coverage at which the paper's convention reads Cov@r: marks of values read there, and a warning."""

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

AT_FLOOR = "at_floor"
"""The column that says whether a value was read at the smallest coverage, in tables that `mark_floor` has marked."""

READ_AT_FLOOR = (
    f"read at the smallest coverage that the paper's convention considers, min({NOISY_START}, N / 2) of N samples, where the "
    "risk can be far above the one asked for"
)
"""What a mark means, for lines below tables and figures."""

MANY = 4
"""How many sets the warning names at most; it counts more."""


def mark_floor(table: pd.DataFrame, convention: str) -> pd.DataFrame:
    """Return a table with the column `AT_FLOOR`: whether a value is one of Cov@r at the smallest coverage of the convention.

    Args:
        table: the table of a sweep.
        convention: the convention of the sweep; only "paper" has a smallest coverage.
    """
    kinds = {name: Metric.parse(str(name)).kind for name in table.metric.unique()}
    coverages = [name for name, kind in kinds.items() if kind is COVERAGE and convention == "paper"]
    marks = table.metric.isin(coverages)
    rows = table[marks]
    floors = COVERAGE.scale * rows.samples.map(noisy_start) / rows.samples
    marks[marks] = np.isclose(rows.value, floors, rtol=1e-9, atol=0)
    return table.assign(**{AT_FLOOR: marks})


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
    marked = mark_floor(table, convention)
    counted = [
        f"{name} ({rows[AT_FLOOR].sum():,} of {len(rows):,} values)"
        for name, rows in marked.groupby("metric", sort=False)
        if rows[AT_FLOOR].any()
    ]
    if not counted:
        return None
    names = [str(name) for name in table.split.unique()]
    where = ", ".join(names) if len(names) <= MANY else f"{len(names)} sets"
    return (
        f"some values of Cov@r on {where} were {READ_AT_FLOOR}: {', '.join(counted)}. The "
        "convention strict (task.convention=strict) gives the largest coverage that keeps the risk"
    )
