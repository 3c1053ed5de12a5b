"""Pareto fronts of a table: for every policy, the best value at each cost, and the area under the front."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wee.costs import MACS
from wee.data.splits import TEST, VAL
from wee.errors import WeeError
from wee.method import METRICS, Metric
from wee.method.arrays import Bools, Ints
from wee.method.fronts import concave_hull, hypervolume, nondominated
from wee.method.metrics import DeployedKind
from wee.method.policies import BASELINES
from wee.sweep.config import BASELINE
from wee.sweep.prices import columns_with_macs, completed, with_macs
from wee.sweep.results import find_sweeps
from wee.sweep.rows import FRONT, PANEL, POINT

if TYPE_CHECKING:
    import pandas as pd

_PANELS = [name for name in PANEL if name in FRONT]
"""The columns within which fronts are drawn."""

_MAY_LACK = tuple(f"{kind.name}@" for kind in METRICS.values() if isinstance(kind, DeployedKind))
"""How the names of the metrics begin that may lack a reference point: deployed ones, certified ones included."""


def averaged(rows: pd.DataFrame) -> pd.DataFrame:
    """Average the points of a table over orders and choices of members.

    Args:
        rows: rows of the tidy table of a sweep, as returned by `wee.sweep.run.Result.table`.

    Returns:
        One row per setting and metric, with `price` and `value` on the test split, `price_val` and `value_val` on the
        validation split, the standard deviation `spread` of the test values, and `count`, how many were averaged.
    """
    keys = [name for name in POINT if name != "split"]
    aggregates = {
        "price": ("price", "mean"),
        "value": ("value", "mean"),
        "spread": ("value", "std"),
        "count": ("value", "size"),
    }
    grouped = rows.groupby([*keys, "split"], dropna=False, sort=False).agg(**aggregates).reset_index()
    test = grouped[grouped.split == str(TEST)].drop(columns="split")
    val = grouped[grouped.split == str(VAL)][[*keys, "price", "value"]]
    return test.merge(val, on=keys, suffixes=("", "_val"))


def comparable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the points of ID data that can be compared on the validation set, as `averaged` returns them.

    A window that is set for a task is compared in that task only; metrics that are not tasks compare the windows of all tasks.
    The validation set fixes one of the deployed metrics of each task (the risk of `cov@5`, the coverage of `risk@80`), and what
    is certified fixes the risk of certified systems. Points have the same value on validation in these metrics, which are left
    out.

    Args:
        table: the tidy table of a sweep, as returned by `wee.sweep.run.Result.table`.
    """
    table = table[table.split.isin([str(VAL), str(TEST)]) & table.ood.isna()]
    pinned = _pinned([Metric.parse(str(name)) for name in table.metric.unique()])
    of_task = table.task.isna() | (table.task == table.metric) | ~table.metric.isin(table.task.dropna().unique())
    return averaged(table[of_task & ~table.metric.isin(pinned)])


def fronts(table: pd.DataFrame, reference: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the non-dominated points of every policy, chosen on validation and reported on test, with their hypervolume.

    Each metric has the points that `comparable` returns, so metrics that are fixed on validation have no front.

    The hypervolume is the area under the curve that joins the test values of the points on the policy's concave hull on
    validation, in decades of the cost times the unit of the metric, up to the reference point; see `wee.method.fronts`. The
    hulls of random exits, single thresholds and windows contain single models and whole ensembles (a share of 0 or 1), so
    they are at least as good as those. Their baseline is the policy `single+ensemble`, the joint front of the two.

    Args:
        table: the tidy table of a sweep, as returned by `wee.sweep.run.Result.table`.
        reference: the reference point of each metric, as returned by `read_reference`; a deployed metric without one has no
            hypervolume. None for the most expensive and the worst validation point of any policy in the same metric.

    Returns:
        A row for each point of a front, ascending in price, with `hull` (whether the point is on the concave hull), the
        `hypervolume` of the front, and the reference point `ref_price`, `ref_value`.

    Raises:
        WeeError: the reference lacks a metric of the table.
    """
    points = comparable(table)
    columns = [
        *FRONT, "price", "value", "spread", "count", "price_val", "value_val", "hull", "hypervolume",
        "ref_price", "ref_value",
    ]  # fmt: skip
    if points.empty:
        return points.reindex(columns=columns_with_macs(columns))
    fronts = list(_fronts(points, reference))
    rows = np.concatenate([front.rows for front in fronts])
    lengths = [len(front.rows) for front in fronts]
    joint = np.repeat([front.joint for front in fronts], lengths)
    table = points.iloc[rows].reset_index(drop=True)
    table = table.assign(
        policy=table.policy.where(~joint, BASELINE),
        hull=np.concatenate([front.hull for front in fronts]),
        hypervolume=np.repeat([front.hypervolume for front in fronts], lengths),
        ref_price=np.repeat([front.limits[0] for front in fronts], lengths),
        ref_value=np.repeat([front.limits[1] for front in fronts], lengths),
    )
    return with_macs(table[columns])


@dataclass(frozen=True)
class _Front:
    """The front of one policy in a panel, or that of the baselines together.

    Attributes:
        rows: the rows of its points in the table of all points [n], ascending in price.
        hull: whether each point is on the concave hull [n].
        hypervolume: the hypervolume; NaN without a reference point.
        limits: price and value of the reference point.
        joint: whether it is the front of the baselines together.
    """

    rows: Ints
    hull: Bools
    hypervolume: float
    limits: tuple[float, float]
    joint: bool


def _fronts(points: pd.DataFrame, reference: pd.DataFrame | None) -> Iterator[_Front]:
    """Yield the fronts of every panel.

    Args:
        points: the points, as returned by `comparable`.
        reference: the reference point of each metric; see `fronts`.
    """
    named = {name: points[name].to_numpy() for name in ("policy", "price", "value", "price_val", "value_val")}
    panels, policies = (
        points.groupby(keys, dropna=False, sort=False).ngroup().to_numpy()
        # Policies that use no score form one group; its front holds for every exit score.
        for keys in (_PANELS, ["score", "policy"])
    )
    of_baseline = np.isin(named["policy"].astype(str), BASELINES)
    for panel in range(panels.max() + 1):
        rows = np.flatnonzero(panels == panel)
        metric = Metric.parse(str(points["metric"].iloc[rows[0]]))
        values = named["value_val"][rows]
        worst = values.min() if metric.higher_is_better else values.max()
        limits = (float(named["price_val"][rows].max()), float(worst))
        if reference is not None:
            given = metric.deployed is None or metric.name in set(reference.metric)
            score = points["eval_score"].iloc[rows[0]]
            limits = _limits(reference, metric.name, score) if given else (np.nan, np.nan)
        for policy in dict.fromkeys(policies[rows]):
            yield _front(rows[policies[rows] == policy], named, metric, limits)
        baseline = rows[of_baseline[rows]]
        if len(set(named["policy"][baseline])) == len(BASELINES):
            yield _front(baseline, named, metric, limits, joint=True)


def _front(
    rows: Ints,
    named: Mapping[str, NDArray[Any]],
    metric: Metric,
    limits: tuple[float, float],
    joint: bool = False,
) -> _Front:
    """Return the front of some points.

    Args:
        rows: the rows of the points in the table of all points.
        named: the columns of that table.
        metric: the metric.
        limits: the reference point.
        joint: whether they are the points of the baselines together.
    """
    prices, values = named["price_val"][rows], named["value_val"][rows]
    hull = np.zeros(len(rows), dtype=np.bool_)
    hull[concave_hull(prices, values, metric.higher_is_better)] = True
    area = float("nan")
    if np.isfinite(limits).all():
        ends = named["price"][rows[hull]], named["value"][rows[hull]]
        area = hypervolume(*ends, metric.higher_is_better, limits)
    chosen = np.arange(len(rows))[nondominated(prices, values, metric.higher_is_better)]
    chosen = chosen[np.argsort(named["price"][rows[chosen]])]
    return _Front(rows[chosen], hull[chosen], area, limits, joint)


def read_reference(source: str, sweeps: Path, cost: str = MACS) -> pd.DataFrame:
    """Read the reference points of another sweep, or those in a CSV file, so that hypervolumes can be compared.

    Args:
        source: name or folder of a sweep, or a CSV file with the columns metric, ref_price, ref_value and, if the reference
            points differ by evaluation score, eval_score. The column cost names the cost of the prices; without it, prices
            are taken to be in the cost `cost`. A column ref_macs can replace ref_price if the cost is MACs.
        sweeps: the folder of all sweeps.
        cost: name of the cost that points are priced by.

    Returns:
        A table with the columns metric, ref_price, ref_value, and eval_score if the source has it.

    Raises:
        WeeError: there is no such sweep or file, it lacks a column, or its prices are in another cost.
    """
    import pandas as pd

    (path, *others) = find_sweeps(sweeps, [source])
    if others:
        raise WeeError(f"fronts.reference={source} matches {1 + len(others)} sweeps; name one of them")
    path = path / "fronts.csv" if path.is_dir() else path
    try:
        rows = completed(pd.read_csv(path))
    except (OSError, ValueError) as error:
        raise WeeError(f"the reference {path} cannot be read as a CSV file: {error}") from None
    wanted = ["metric", "ref_price", "ref_value"]
    missing = [column for column in wanted if column not in rows]
    if missing:
        raise WeeError(f"the reference {path} has no column {', '.join(missing)}; it needs {', '.join(wanted)}")
    if "cost" in rows:
        costs = [str(name) for name in rows.cost.unique()]
        if cost not in costs:
            raise WeeError(
                f"the reference {path} is priced by {', '.join(costs)}, and the points here by {cost}: hypervolumes can only "
                "be compared at the same cost"
            )
        rows = rows[rows.cost == cost]
    for column in ("ref_price", "ref_value"):
        numbers = pd.to_numeric(rows[column], errors="coerce")
        wrong = rows[~np.isfinite(numbers) & (rows[column].notna() | ~rows.metric.str.startswith(_MAY_LACK))]
        wrong = rows[numbers <= 0] if wrong.empty and column == "ref_price" else wrong
        if len(wrong):
            kind = "a positive number" if column == "ref_price" else "a number"
            raise WeeError(
                f"the reference {path}: {column} of {wrong.metric.iloc[0]} is {wrong[column].iloc[0]}; it must be {kind}"
            )
        rows = rows.assign(**{column: numbers})
    rows = rows.dropna(subset=["ref_price", "ref_value"])
    columns = [*wanted, "eval_score"] if "eval_score" in rows else wanted
    return rows[columns].drop_duplicates().reset_index(drop=True)


def check_reference(reference: pd.DataFrame, metrics: Iterable[Metric], scores: Sequence[str]) -> None:
    """Check that a reference has every metric of a sweep, before any work is done.

    Args:
        reference: the reference points, as returned by `read_reference`.
        metrics: the metrics of the sweep.
        scores: the evaluation scores of the sweep.

    Raises:
        WeeError: the reference has no row, or several reference points, for some metric of ID data. Deployed metrics may be
            missing.
    """
    for metric in metrics:
        for score in scores if metric.ranks else [None]:
            if metric.on_id and metric.deployed is None:
                _limits(reference, metric.name, score)


def _pinned(metrics: Sequence[Metric]) -> set[str]:
    """Return the names of the deployed metrics whose value their task, or what is certified, fixes on the validation set."""
    tasks = [metric.task for metric in metrics if metric.task is not None]
    asked = {(task.kind.asked, task.at) for task in tasks}
    given = {metric.name for metric in metrics if metric.certified is not None and metric.certified.given}
    return given | {metric.name for metric in metrics if (metric.kind, metric.at) in asked}


def _limits(reference: pd.DataFrame, metric: str, eval_score: Any) -> tuple[float, float]:
    """Return the reference price and value of a metric."""
    rows = reference[reference.metric == metric]
    if "eval_score" in rows:
        same = (
            rows.eval_score.isna() if eval_score is None or eval_score != eval_score else rows.eval_score == eval_score
        )
        rows = rows[same] if same.any() else rows
    if rows.empty:
        raise WeeError(
            f"the reference for hypervolumes has no row for {metric}; it has {', '.join(reference.metric.unique())}"
        )
    if len(rows[["ref_price", "ref_value"]].drop_duplicates()) > 1:
        raise WeeError(f"the reference for hypervolumes has several reference points for {metric}; give one")
    return float(rows.ref_price.iloc[0]), float(rows.ref_value.iloc[0])
