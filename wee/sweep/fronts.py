"""Pareto fronts of a table: for every policy, the best value at each cost, and the area below it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wee.errors import WeeError
from wee.method import Metric
from wee.method.fronts import concave_hull, hypervolume, nondominated
from wee.sweep.results import find_sweeps
from wee.sweep.rows import FRONT, PANEL, POINT

BASELINE = "single+ensemble"
"""The policy of the front that single models and ensembles make together."""

_PANELS = [name for name in PANEL if name in FRONT]
"""The columns within which fronts are drawn."""


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """A table's points, averaged over orders and choices of members.

    Args:
        table: as `wee.sweep.table.compute` gives it.

    Returns:
        One row per setting and metric, with `macs` and `value` on the test split, `macs_val` and `value_val` on the
        validation split, the standard deviation `spread` of the test values, and `count`, how many were averaged.
    """
    keys = [name for name in POINT if name != "split"]
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


def fronts(table: pd.DataFrame, reference: pd.DataFrame | None = None) -> pd.DataFrame:
    """The non-dominated points of every policy, chosen on validation and reported on test, with their hypervolume.

    A window that is set for a task competes in that task alone; in metrics that are no task, windows for every task compete.

    The hypervolume is the area below the curve that joins the test values of the points on the policy's concave hull on
    validation, in decades of MACs times the unit of the metric, up to the reference point; see `wee.method.fronts`. The
    hulls of random exits, single thresholds and windows contain single models and whole ensembles (a share of 0 or 1), so
    they can only be better than those: the policy `single+ensemble`, the two together, is the baseline for them.

    Args:
        table: as `wee.sweep.table.compute` gives it.
        reference: the reference point of each metric, as `read_reference` gives it; None for the most expensive and the
            worst validation point of any policy in the same metric.

    Returns:
        A row for each point of a front, ascending in MACs, with `hull` (whether the point is on the concave hull), the
        `hypervolume` of the front, and the reference point `ref_macs`, `ref_value`.

    Raises:
        WeeError: the reference lacks a metric of the table.
    """
    points = averaged(table)
    tasks = set(points.task.dropna())
    points = points[points.task.isna() | (points.task == points.metric) | ~points.metric.isin(tasks)]
    fronts = []
    for place, rivals in points.groupby(_PANELS, dropna=False, sort=False):
        panel = dict(zip(_PANELS, place, strict=True))
        metric = Metric.parse(str(panel["metric"]))
        worst = rivals.value_val.min() if metric.higher_is_better else rivals.value_val.max()
        limits = (float(rivals.macs_val.max()), float(worst))
        if reference is not None:
            limits = _limits(reference, metric.name, panel["eval_score"])
        # Policies that look at no score are fronts for every score.
        groups = [rows for _, rows in rivals.groupby(["score", "policy"], dropna=False, sort=False)]
        baseline = rivals[rivals.policy.isin(["single", "ensemble"])]
        if baseline.policy.nunique() == 2:
            groups.append(baseline.assign(policy=BASELINE))
        fronts += [_front(rows, metric, limits) for rows in groups]
    columns = [
        *FRONT, "macs", "value", "spread", "count", "macs_val", "value_val", "hull", "hypervolume",
        "ref_macs", "ref_value",
    ]  # fmt: skip
    return pd.concat(fronts, ignore_index=True)[columns] if fronts else pd.DataFrame(columns=columns)


def _front(rows: pd.DataFrame, metric: Metric, reference: tuple[float, float]) -> pd.DataFrame:
    """The front of one policy's points."""
    macs, values = rows.macs_val.to_numpy(), rows.value_val.to_numpy()
    on_hull = np.zeros(len(rows), dtype=np.bool_)
    on_hull[concave_hull(macs, values, metric.higher_is_better)] = True
    hull = rows[on_hull]
    area = hypervolume(hull.macs.to_numpy(), hull.value.to_numpy(), metric.higher_is_better, reference)
    chosen = rows.assign(hull=on_hull)[nondominated(macs, values, metric.higher_is_better)]
    return chosen.sort_values("macs").assign(hypervolume=area, ref_macs=reference[0], ref_value=reference[1])


def read_reference(source: str, sweeps: Path) -> pd.DataFrame:
    """The reference points of another sweep, or those in a CSV file, so that hypervolumes can be compared.

    Args:
        source: the name or folder of a sweep, or a CSV file with the columns metric, ref_macs, ref_value and, if
            hypervolumes differ by evaluation score, eval_score.
        sweeps: the folder of sweeps.

    Raises:
        WeeError: there is no such sweep or file, or it lacks a column.
    """
    (path, *others) = find_sweeps(sweeps, [source])
    if others:
        raise WeeError(f"fronts.reference={source} means {1 + len(others)} sweeps; name one of them")
    path = path / "fronts.csv" if path.is_dir() else path
    try:
        rows = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise WeeError(f"the reference {path} cannot be read as a CSV file: {error}") from None
    wanted = ["metric", "ref_macs", "ref_value"]
    missing = [column for column in wanted if column not in rows]
    if missing:
        raise WeeError(f"the reference {path} has no column {', '.join(missing)}; it needs {', '.join(wanted)}")
    columns = [*wanted, "eval_score"] if "eval_score" in rows else wanted
    return rows[columns].drop_duplicates().reset_index(drop=True)


def check_reference(reference: pd.DataFrame, metrics: Iterable[Metric]) -> None:
    """Refuse a reference that lacks a metric, before any work.

    Raises:
        WeeError: it has no row for some metric that is measured on ID data.
    """
    for metric in metrics:
        if metric.on_id:
            _limits(reference, metric.name, None)


def _limits(reference: pd.DataFrame, metric: str, eval_score: Any) -> tuple[float, float]:
    """The reference MACs and value of a metric."""
    rows = reference[reference.metric == metric]
    if "eval_score" in rows:
        same = rows.eval_score.isna() if pd.isna(eval_score) else rows.eval_score == eval_score
        rows = rows[same] if same.any() else rows
    if rows.empty:
        raise WeeError(
            f"the reference for hypervolumes has no row for {metric}; it has {', '.join(reference.metric.unique())}"
        )
    if len(rows[["ref_macs", "ref_value"]].drop_duplicates()) > 1:
        raise WeeError(f"the reference for hypervolumes has several reference points for {metric}; give one")
    return float(rows.ref_macs.iloc[0]), float(rows.ref_value.iloc[0])
