"""Pareto fronts of a table: for every policy, the best that can be had at each price."""

from __future__ import annotations

import numpy as np
import pandas as pd

from wee.method import Metric
from wee.method.fronts import hypervolume, nondominated

SETTING = ["scale", "exits", "size", "width", "fraction"]
"""A point of a front: its orders and choices of members are averaged, not picked from."""

_GROUP = ["dataset", "family", "metric", "eval_score", "score", "policy"]


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """A table's points, averaged over orders and choices of members.

    Args:
        table: as `wee.sweep.table.compute` gives it.

    Returns:
        One row per setting and metric, with `macs` and `value` on the test split, `macs_val` and `value_val` on the
        validation split, the standard deviation `spread` of the test values, and `count`, how many were averaged.
    """
    keys = [*_GROUP, "task", *SETTING, "ood", "adjusted"]
    aggregates = {
        "macs": ("macs", "mean"),
        "value": ("value", "mean"),
        "spread": ("value", "std"),
        "count": ("value", "size"),
    }
    grouped = table.groupby([*keys, "split"], dropna=False, sort=False).agg(**aggregates).reset_index()
    test = grouped[grouped.split == "test"].drop(columns="split")
    val = grouped[grouped.split == "val"][[*keys, "macs", "value"]]
    return test.merge(val, on=keys, suffixes=("", "_val"))


def fronts(table: pd.DataFrame) -> pd.DataFrame:
    """The non-dominated points of every policy, chosen on validation and reported on test, with their hypervolume.

    A window set for a task competes in that task alone; in metrics that are no task, windows for every task compete.
    The hypervolume is of the chosen points' test values, in decades of MACs times the unit of the metric. It reaches
    to the reference point (`ref_macs`, `ref_value`): the dearest and the worst validation point of any policy in the
    same metric.

    Returns:
        A row per point of a front, ascending in MACs.
    """
    points = averaged(table)
    tasks = set(points.task.dropna())
    points = points[points.task.isna() | (points.task == points.metric) | ~points.metric.isin(tasks)]
    found = []
    for (_, _, name, _), rivals in points.groupby(
        ["dataset", "family", "metric", "eval_score"], dropna=False, sort=False
    ):
        metric = Metric.parse(str(name))
        worst = rivals.value_val.min() if metric.higher_is_better else rivals.value_val.max()
        dearest = rivals.macs_val.max()
        # Policies that go on by no score are fronts for every score.
        for _, own in rivals.groupby(["score", "policy"], dropna=False, sort=False):
            chosen = own[nondominated(own.macs_val.to_numpy(), own.value_val.to_numpy(), metric.higher_is_better)]
            volume = hypervolume(
                np.log10(chosen.macs.to_numpy()),
                chosen.value.to_numpy(),
                metric.higher_is_better,
                (np.log10(dearest), worst),
            )
            reference = {"hypervolume": volume, "ref_macs": dearest, "ref_value": worst}
            found.append(chosen.sort_values("macs").assign(**reference))
    columns = [*_GROUP, "task", *SETTING, "macs", "value", "spread", "count", "macs_val", "value_val"]
    if not found:
        return pd.DataFrame(columns=[*columns, "hypervolume", "ref_macs", "ref_value"])
    return pd.concat(found, ignore_index=True)[[*columns, "hypervolume", "ref_macs", "ref_value"]]
