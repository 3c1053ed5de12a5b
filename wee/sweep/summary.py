"""The short table that a sweep prints: what matters, for each scale."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.table import Table

from wee.method import Metric
from wee.sweep.fronts import averaged


def summary(table: pd.DataFrame, tasks: list[str]) -> Table:
    """Single model, ensemble and window cascade of each scale: average MACs and every task.

    Args:
        table: of a sweep.
        tasks: the columns.
    """
    points = averaged(table)
    score = table.eval_score.dropna().iloc[0]
    points = points[
        (points.eval_score == score) & (points.score.isna() | (points.score == score)) & points.metric.isin(tasks)
    ]
    points = points[points.task.isna() | (points.task == points.metric)]
    widths = [w for w in points.width.dropna().unique() if w not in (0.0, "all")]
    width = 0.2 if 0.2 in widths else next(iter(widths), None)
    shown = Table(title=f"test, {score}; means over members and orders", title_justify="left", header_style="bold")
    for column in ("scale", "policy", "MACs"):
        shown.add_column(column, justify="left" if column != "MACs" else "right", no_wrap=True)
    for task in tasks:
        arrow = "↑" if Metric.parse(task).higher_is_better else "↓"
        shown.add_column(f"{task} {arrow}", justify="right", no_wrap=True)
    for scale in points.scale.unique():
        for policy in ("single", "ensemble", "window"):
            own = points[(points.scale == scale) & (points.policy == policy)]
            own = own if policy != "window" else own[own.width == width]
            if len(own):
                name = f"window {width:g}" if policy == "window" else policy
                values = [f"{_one(own[own.metric == task].value):.2f}" for task in tasks]
                shown.add_row(str(scale), name, si(own.macs.mean()), *values, end_section=policy == "window")
    return shown


def si(number: float) -> str:
    """A number with three digits and a prefix: 66.1 k, 3.12 M, 1.02 G."""
    for factor, prefix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= factor:
            return f"{number / factor:.3g}{prefix}"
    return f"{number:.3g}"


def _one(values: Any) -> float:
    return float(values.iloc[0]) if len(values) else float("nan")
