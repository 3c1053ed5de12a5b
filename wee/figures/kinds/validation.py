"""Validation sizes: results of a deployed system on the test set, against the size of its validation set."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wee.errors import WeeError, unknown
from wee.figures.kinds.base import STUDY, FigureKind
from wee.method.metrics.deployed import DEPLOYED_COVERAGE, DEPLOYED_RISK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wee.figures.config import FigureConfig
    from wee.figures.labels import Labels
    from wee.method import Task

PRICE = "price"

PANELS = (DEPLOYED_RISK.name, DEPLOYED_COVERAGE.name, "value", PRICE)
"""The quantities that are drawn for each task, each in its own panel; the price as a multiple of that of a single model."""

STATISTICS = ["mean", "sd", "q05", "q50", "q95", "whole"]

COLUMNS = [
    "panel", "task", "quantity", "cost", "dataset", "family", "scale", "line", "look", "val_size", "value", "low", "high",
    "mean", "sd", "whole", "draws", "systems",
]  # fmt: skip

BAND = 0.1  # opacity
LEGEND_COLUMNS = 3


class ValidationSizes(FigureKind):
    """A line through the medians over validation sets of each size, with a band from their 5 % to their 95 % quantile."""

    name = "validation"
    label = "validation set sizes"
    help = "one scale: what a deployed system does on the test set against the size of its validation set"
    reads = (STUDY,)
    fields = ("scale",)

    def points(self, tables: Mapping[str, pd.DataFrame], config: FigureConfig) -> pd.DataFrame:
        """Compute the points from a study of the validation set's size; see `wee.sweep.validation`.

        Returns:
            A row per panel, policy and size of the validation set, with `COLUMNS`: `cost`, the name of the cost; `line`, the
            policy's name on the figure, and `look`, the policy; over the draws, the median `value`, the 5 % and 95 % quantiles
            `low` and `high`, the `mean` and the standard deviation `sd`; `whole`, the value with the original validation set;
            `draws`, the number of draws; `systems`, the number of members or orders averaged.

        Raises:
            WeeError: the study lacks data for the figure, or it has several costs.
        """
        import pandas as pd

        from wee.figures.points import one_cost, one_scale
        from wee.figures.style import label
        from wee.method import Single, Task
        from wee.sweep.validation import spreads

        table = tables[STUDY]
        if config.score not in set(table.eval_score):
            raise unknown("evaluation score in this study", config.score, table.eval_score.unique())
        one_cost(table)
        scale = one_scale(table, config)
        rows = table[(table.scale == scale) & (table.eval_score == config.score)]
        rows = rows[rows.score.isna() | (rows.score == config.exit_score)]
        rows = rows[rows.width.isna() | (rows.width == config.width)]
        rows = rows[rows.fraction.isna() | (rows.fraction == config.fraction)]
        if config.parameters is not None:
            rows = rows[rows.parameters.isna() | rows.parameters.isin(config.parameters)]
        if config.size is not None:
            rows = rows[(rows.policy == Single.name) | (rows["size"] == config.size)]
        parts: list[pd.DataFrame] = []
        for task in map(Task.parse, config.panels):
            quantities = spreads(rows[rows.task == str(task)])
            if quantities.empty:
                raise unknown("task in this study", str(task), table.task.unique())
            of_single = quantities[(quantities.policy == Single.name) & (quantities.quantity == PRICE)].whole.mean()
            quantities.loc[quantities.quantity == PRICE, STATISTICS] /= of_single
            for quantity, policy in itertools.product(PANELS, config.policies):
                line = quantities[(quantities.policy == policy) & (quantities.quantity == quantity)]
                line = line.sort_values("val_size")
                if line.empty:
                    raise WeeError(
                        f"this study has no {task} of policy {policy} (samples go on by {config.exit_score}, figure.width is "
                        f"{config.width}, figure.fraction {config.fraction}); draw what is there, or sweep with other values"
                    )
                if line.val_size.duplicated().any():
                    raise WeeError(
                        f"this study has several settings of policy {policy} of {scale}, and a figure shows one: choose the "
                        "number of networks with figure.size; exits of a multi-exit network cannot be drawn"
                    )
                parts.append(line.assign(panel=f"{quantity} {task}", line=label(policy), look=policy))
        points = pd.concat(parts, ignore_index=True)
        return points.rename(columns={"q50": "value", "q05": "low", "q95": "high"})[COLUMNS]

    def draw(self, points: pd.DataFrame, config: FigureConfig, labels: Labels) -> Figure:
        """Draw four panels for each task."""
        import matplotlib.pyplot as plt

        from wee.figures.draw import panel_grid
        from wee.figures.style import RC

        panels = list(points.groupby("panel", sort=False))
        with plt.rc_context(RC):
            legend = 0.16 * math.ceil(points.line.nunique() / LEGEND_COLUMNS)
            figure, axes, columns = panel_grid(len(panels), config, 0.2 + legend)
            for axis, (_, panel) in zip(axes, panels, strict=True):
                _bands(axis, panel, labels)
            scale = labels.scale(str(points.family.iloc[0]), str(points.scale.iloc[0]))
            for axis in axes[-columns:]:
                axis.set_xlabel(f"validation samples ({scale})")
            handles, names = axes[0].get_legend_handles_labels()
            figure.legend(
                handles, names, loc="outside upper center", ncols=LEGEND_COLUMNS, frameon=False, handlelength=2.0,
                columnspacing=1.2,
            )  # fmt: skip
        return figure


def _bands(axis: Axes, points: pd.DataFrame, labels: Labels) -> None:
    """Draw the medians as lines, and the middle 90 % of the draws as bands."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    from wee.figures.draw import limit_to_percent
    from wee.figures.style import INK, look
    from wee.method import Task

    for _, line in points.groupby("line", sort=False):
        drawn_as = look(str(line["look"].iloc[0]))
        style: dict[str, Any] = {"color": drawn_as.colour, "zorder": drawn_as.order}
        axis.fill_between(line.val_size, line.low, line.high, alpha=BAND, linewidth=0, **style)
        for edge in (line.low, line.high):
            axis.plot(line.val_size, edge, linewidth=0.6, alpha=0.7, linestyle=drawn_as.dash, **style)
        style |= {"marker": drawn_as.marker, "linestyle": drawn_as.dash, "markeredgewidth": 0}
        axis.plot(line.val_size, line.value, label=line.line.iloc[0], **style)
    task, quantity = Task.parse(str(points.task.iloc[0])), str(points.quantity.iloc[0])
    if quantity == task.kind.asked.name:
        level: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": (0, (1, 1.5)), "zorder": 1.5}
        axis.axhline(task.at, **level)
        handles = [Patch(facecolor=INK, alpha=BAND), Line2D([], [], **level)]
        names = [f"middle 90 % of {points.draws.max()} draws", "asked for"]
        axis.legend(handles, names, loc="upper right", fontsize=6, frameon=False, borderaxespad=0)
    axis.set_title(_title(quantity, task, labels.cost(str(points.cost.iloc[0]))), loc="left", pad=3)
    axis.set_xscale("log")
    sizes = sorted(points.val_size.unique())
    axis.xaxis.set_major_locator(FixedLocator(sizes))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if quantity in (DEPLOYED_RISK.name, DEPLOYED_COVERAGE.name) or (quantity == "value" and task.metric.percent):
        limit_to_percent(axis)


def _title(quantity: str, task: Task, cost: str) -> str:
    better = "↑" if task.higher_is_better else "↓"
    return {
        DEPLOYED_RISK.name: f"risk at a threshold for {task.metric.label} (%) ↓",
        DEPLOYED_COVERAGE.name: "coverage at that threshold (%) ↑",
        "value": f"{task.metric.axis_label} {better}",
        PRICE: f"average {cost} / single model's ↓",
    }[quantity]
