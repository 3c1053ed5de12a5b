"""Drawing points: panels, lines, and labels where they help."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from wee.figures.config import FigureConfig
from wee.figures.labels import Labels
from wee.figures.style import LOOKS, RC, metric_label, shade_colour
from wee.method import Metric
from wee.units import si


def draw(points: pd.DataFrame, config: FigureConfig, labels: Labels | None = None) -> Figure:
    """The figure of some points; see `wee.figures.points.points`."""
    labels = labels or Labels()
    names = list(points.panel.unique())
    columns = min(config.columns, len(names))
    rows = math.ceil(len(names) / columns)
    width, height = config.panel_size
    with plt.rc_context(RC):
        figure, grid = plt.subplots(rows, columns, figsize=(width * columns, height * rows + 0.35), squeeze=False)
        axes: list[Axes] = list(grid.ravel())
        for axis, name in zip(axes, names, strict=False):
            own = points[points.panel == name]
            _bars(axis, own) if config.kind == "hypervolume" else _lines(axis, own, config, labels)
            _title(axis, own, labels)
        for axis in axes[len(names) :]:
            axis.set_visible(False)
        if config.kind != "hypervolume":
            _name_axes(axes[: len(names)], columns)
            _legend(figure, axes[: len(names)])
        elif len(names):
            figure.supxlabel("hypervolume (decades of MACs x unit of the metric)", fontsize=6.5)
    return figure


def _lines(axis: Axes, points: pd.DataFrame, config: FigureConfig, labels: Labels) -> None:
    families = list(points.family.unique())
    logarithmic = config.kind != "tradeoff"
    for line in points.line.unique():
        for k, family in enumerate(families):
            own = points[(points.line == line) & (points.family == family)]
            if own.empty:
                continue
            look = LOOKS[own.look.iloc[0]]
            shade = own["shade"].iloc[0]
            graded = config.kind in ("widths", "sizes") and not np.isnan(shade)
            colour = shade_colour(shade) if graded else look.colour
            style: dict[str, Any] = {
                "color": colour,
                "marker": look.marker,
                "linestyle": look.dash,
                "zorder": look.order,
            }
            if config.kind == "tradeoff" and not np.isnan(shade):
                style |= {"linestyle": (0, (1, 1)), "markerfacecolor": "white", "markeredgewidth": 0.8}
            if len(own) == 1:
                style["linestyle"] = "none"
            if k:
                style |= {"markerfacecolor": "white", "markeredgewidth": 0.8}
            else:
                style.setdefault("markeredgewidth", 0)
            spread = np.abs(own[["low", "high"]].to_numpy().T - own.value.to_numpy())
            label = line if len(families) == 1 else f"{labels.family(str(family))}: {line}"
            axis.errorbar(
                own.macs, own.value, yerr=spread, elinewidth=0.6, capsize=1.2, capthick=0.6, label=label, **style
            )
    axis.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.margins(x=0.06, y=0.1)
    if logarithmic:
        axis.set_xscale("log")
        _ticks(axis, points)
    else:
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: si(value)))
    _notes(axis, points, labels)


def _ticks(axis: Axes, points: pd.DataFrame) -> None:
    decades = math.log10(points.macs.max() / points.macs.min())
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades > 1.2 else (1.0, 2.0, 5.0)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: si(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _notes(axis: Axes, points: pd.DataFrame, labels: Labels) -> None:
    """Words beside points, on the side where no better curve runs."""
    side = -1 if Metric.parse(str(points.metric.iloc[0])).higher_is_better else 1
    for _, point in points[points.note.fillna("") != ""].iterrows():
        axis.annotate(
            _note(point, labels),
            (point.macs, point.value),
            xytext=(3.5, 3 * side),
            textcoords="offset points",
            ha="left",
            va="top" if side < 0 else "bottom",
            fontsize=5.5,
            color=LOOKS[point.look].colour,
        )


def _bars(axis: Axes, points: pd.DataFrame) -> None:
    """One dot and bar a policy, the best on top."""
    ordered = points.sort_values("value")
    for place, (name, value) in enumerate(zip(ordered.look, ordered.value.astype(float), strict=True)):
        look = LOOKS[str(name)]
        axis.plot([0, value], [place, place], color=look.colour, linewidth=2.4, solid_capstyle="butt")
        axis.plot([value], [place], color=look.colour, marker=look.marker, markersize=4)
        axis.annotate(
            f"{value:.3g}",
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=5.5,
        )
    axis.set_yticks(range(len(ordered)), [str(line) for line in ordered.line])
    axis.grid(axis="y", visible=False)
    axis.set_xlim(left=0)
    axis.margins(x=0.18)
    axis.set_xlim(0, ordered.value.max() * 1.22)
    axis.xaxis.set_major_locator(MaxNLocator(4))


def _note(point: Any, labels: Labels) -> str:
    """What is written beside a point: a scale by its label, anything else as it is."""
    named = "scale" in point and point.scale == point.note
    return labels.scale(str(point.family), str(point.note)) if named else str(point.note)


def _title(axis: Axes, points: pd.DataFrame, labels: Labels) -> None:
    metric = Metric.parse(str(points.metric.iloc[0]))
    ood = points.ood.iloc[0]
    words = f"{metric_label(metric.name)} {'↑' if metric.higher_is_better else '↓'}"
    if isinstance(ood, str):
        words = f"{labels.ood(ood)}\n{words}"
    axis.set_title(words, loc="left", pad=3)


def _name_axes(axes: list[Axes], columns: int) -> None:
    """The name of the horizontal axis under the lowest panel of each column."""
    for column in range(min(columns, len(axes))):
        axes[column::columns][-1].set_xlabel("average MACs")


def _legend(figure: Figure, axes: list[Axes]) -> None:
    handles: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    width = figure.get_size_inches()[0]
    across = max(1, min(len(handles), int(width / (0.4 + 0.048 * max(len(label) for label in handles)))))
    rows = math.ceil(len(handles) / across)
    figure.set_size_inches(width, figure.get_size_inches()[1] + 0.16 * (rows - 1))
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper center", ncols=across, frameon=False,
        handlelength=2.0, columnspacing=1.2,
    )  # fmt: skip
