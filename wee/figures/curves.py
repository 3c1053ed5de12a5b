"""Curves over scales: a metric against average MACs, a panel a metric, a curve a policy."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from wee.errors import WeeError, unknown
from wee.figures.config import FigureConfig
from wee.figures.style import LOOKS, RC, metric_label
from wee.method import Metric


def curve_points(table: pd.DataFrame, config: FigureConfig) -> pd.DataFrame:
    """The points that a figure draws.

    Args:
        table: tidy, of one or several sweeps.
        config: what is drawn.

    Returns:
        One row per panel, policy and scale: `macs` and `value`, means over members and orders on the test split;
        `low` and `high`, the least and the greatest of the values averaged; `count`, how many there were.

    Raises:
        WeeError: the table lacks something that is to be drawn; the message says what to sweep.
    """
    rows = table[(table.split == "test") & ~table.adjusted.astype(bool) & table.ood.isna()]
    found = []
    for name in config.panels:
        metric = Metric.parse(name)
        panel = rows[rows.metric == metric.name]
        if metric.ranks:
            panel = panel[panel.eval_score == config.score]
        for policy in config.policies:
            if policy not in LOOKS:
                raise unknown("policy", policy, LOOKS)
            own = _choose(panel[panel.policy == policy], policy, metric, config)
            if own.empty:
                raise WeeError(_lacking(policy, metric, config))
            keys = ["dataset", "family", "scale"]
            aggregates = {
                "macs": ("macs", "mean"),
                "value": ("value", "mean"),
                "low": ("value", "min"),
                "high": ("value", "max"),
            }
            points = own.groupby(keys, sort=False).agg(**aggregates, count=("value", "size")).reset_index()
            found.append(points.assign(panel=metric.name, policy=policy))
    return pd.concat(found, ignore_index=True).sort_values(["panel", "policy", "macs"], kind="stable")


def _choose(rows: pd.DataFrame, policy: str, metric: Metric, config: FigureConfig) -> pd.DataFrame:
    """The rows of one policy at the parameters that are drawn."""
    if policy in ("window", "threshold"):
        rows = rows[rows.score == config.score]
    if policy == "window":
        rows = rows[rows.width == config.width]
        return rows[rows.task == metric.name] if metric.task is not None else rows[rows.task == config.panels[0]]
    if policy in ("threshold", "random"):
        rows = rows[rows.fraction == config.fraction]
    return rows


def _lacking(policy: str, metric: Metric, config: FigureConfig) -> str:
    need = {
        "window": f" at width {config.width}",
        "threshold": f" at {config.fraction}",
        "random": f" at {config.fraction}",
    }
    tasks = f" task.names=[{metric.name}]" if metric.task is not None else ""
    width = f" window.width={config.width}" if policy == "window" else ""
    return (
        f"the sweeps have no {metric.name} of policy {policy}{need.get(policy, '')}, ranked by {config.score}; "
        f"make one that has: wee sweep score={config.score}{tasks}{width}"
    )


def draw_curves(points: pd.DataFrame, config: FigureConfig) -> Figure:
    """The figure of some points; see `curve_points`."""
    columns = min(config.columns, len(config.panels))
    rows = math.ceil(len(config.panels) / columns)
    with plt.rc_context(RC):
        figure, grid = plt.subplots(
            rows,
            columns,
            figsize=(config.panel_size[0] * columns, config.panel_size[1] * rows + 0.3),
            squeeze=False,
            sharex=True,
        )
        axes: list[Axes] = list(grid.ravel())
        for axis, name in zip(axes, config.panels, strict=False):
            _panel(axis, points[points.panel == Metric.parse(name).name], config)
        for axis in axes[len(config.panels) :]:
            axis.set_visible(False)
        for column in range(columns):
            last = [axis for axis in axes[column::columns] if axis.get_visible()][-1]
            last.set_xlabel("average MACs")
            last.tick_params(labelbottom=True)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside upper center",
            ncols=len(labels),
            frameon=False,
            handlelength=2.2,
            columnspacing=1.4,
        )
    return figure


def _panel(axis: Axes, points: pd.DataFrame, config: FigureConfig) -> None:
    metric = Metric.parse(str(points.panel.iloc[0]))
    axis.set_xscale("log")
    for policy in config.policies:
        own, look = points[points.policy == policy], LOOKS[policy]
        for _, curve in own.groupby(["dataset", "family"], sort=False):
            spread = np.abs(curve[["low", "high"]].to_numpy().T - curve.value.to_numpy())
            style = {
                "color": look.colour,
                "marker": look.marker,
                "linestyle": look.dash,
                "zorder": 3 if policy == "window" else 2,
            }
            axis.errorbar(
                curve.macs,
                curve.value,
                yerr=spread,
                elinewidth=0.6,
                capsize=1.2,
                capthick=0.6,
                markeredgewidth=0,
                label=look.label,
                **style,
            )
    axis.set_title(f"{metric_label(metric.name)} {'↑' if metric.higher_is_better else '↓'}", loc="left", pad=3)
    axis.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0,)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _si(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    _name_scales(axis, points, metric)


def _name_scales(axis: Axes, points: pd.DataFrame, metric: Metric) -> None:
    """The scale's name beside each single model, on the side where no better curve runs."""
    side = -1 if metric.higher_is_better else 1
    axis.margins(x=0.06, y=0.1)
    for _, point in points[points.policy == "single"].iterrows():
        axis.annotate(
            str(point.scale).replace("_", "-"),
            (point.macs, point.value),
            xytext=(3.5, 3 * side),
            textcoords="offset points",
            ha="left",
            va="top" if side < 0 else "bottom",
            fontsize=5.5,
            color=LOOKS["single"].colour,
        )


def _si(number: float) -> str:
    """Powers of ten with a prefix: 100 k, 1 M, 1 G."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= factor:
            return f"{number / factor:g} {prefix}"
    return f"{number:g}"
