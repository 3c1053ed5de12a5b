"""Drawing the points of a figure: panels of lines or bars, a legend, and a caption that says what the bars are."""

from __future__ import annotations

import logging
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, LogLocator, MaxNLocator, NullFormatter

from wee.figures.captions import bars_caption, floor_caption, hypervolume_caption
from wee.figures.labels import Labels
from wee.figures.notes import Note, place_notes
from wee.figures.points import NO_BAR, SPREAD
from wee.figures.style import INK, RC, SMALL, lighter, look, shade_colour
from wee.method import Metric
from wee.sweep.floor import AT_FLOOR
from wee.units import si

if TYPE_CHECKING:
    from wee.figures.config import FigureConfig

_ROW = 0.35
"""Height of a row of the legend and of the axis labels, added to that of the panels, in inches."""

_LABEL_GAP = 2.5
"""The least distance between the labels of two ticks of the horizontal axis, in typographic points."""


@dataclass(frozen=True)
class LineStyle:
    """How the lines of a figure are drawn.

    Attributes:
        through_scales: Whether lines run through the scales of a family, with a logarithmic axis of costs. If not, they run
            through the values of a parameter at one scale: the axis is linear, intervals are drawn as bands, and lines of a
            single point are the ends of other lines, and are drawn on top of them.
        graded: Whether lines are a sequence, distinguished by their lightness.
    """

    through_scales: bool = True
    graded: bool = False


def panel_grid(count: int, config: FigureConfig, extra_height: float) -> tuple[Figure, list[Axes], int]:
    """Make a figure with panels side by side. Call this function, and draw, within `plt.rc_context(wee.figures.style.RC)`.

    Args:
        count: Number of panels.
        config: The config of the figure, with the number of columns and the size of a panel.
        extra_height: Height that is added to that of the panels, in inches.

    Returns:
        The figure, the axes of its panels, and the number of columns.
    """
    columns = min(config.columns, count)
    rows = math.ceil(count / columns)
    width, height = config.panel_size
    size = (width * columns, height * rows + extra_height)
    # Hinting makes text wider at a low resolution, so the layout uses that of the file that is written.
    figure, grid = plt.subplots(rows, columns, figsize=size, dpi=config.dpi, squeeze=False)
    axes: list[Axes] = list(grid.ravel())
    for axis in axes[count:]:
        axis.set_visible(False)
    return figure, axes[:count], columns


def draw_lines(
    points: pd.DataFrame,
    config: FigureConfig,
    labels: Labels,
    style: LineStyle,
    quantities: Mapping[str, str] | None = None,
    caption: str = "",
) -> Figure:
    """Draw a figure of lines.

    Args:
        points: The result of `wee.figures.points.line_points` for the same config.
        config: The config of the figure.
        labels: The labels of families, scales, data sets and costs.
        style: How the lines are drawn.
        quantities: The name of the horizontal axis of each panel, if `price` is not an average cost.
        caption: What the caption says besides what bars are.
    """
    names = list(points.panel.unique())
    series = _series(points, labels)
    with plt.rc_context(RC):
        figure, axes, columns = panel_grid(len(names), config, _ROW)
        panels = [(axis, points[points.panel == name]) for axis, name in zip(axes, names, strict=True)]
        for axis, rows in panels:
            _lines(axis, rows, style, series)
            _title(axis, rows, labels, {})
        if quantities is None:
            _name_axes(axes, columns, labels.average(_cost(points)))
        else:
            for axis, name in zip(axes, names, strict=True):
                axis.set_xlabel(quantities[name])
        _legend(figure, axes, [name for name in series.values() if name])
        bars = bars_caption(points, bands=not style.through_scales)
        words = "; ".join(part for part in (bars, floor_caption(points), caption) if part)
        _caption(figure, words[:1].upper() + words[1:])
        figure.draw_without_rendering()  # computes the final layout, which the ticks and the placement of notes need
        for axis, rows in panels:
            _separate_tick_labels(axis)
            _notes(axis, rows, style, labels)
    return figure


def draw_bars(points: pd.DataFrame, config: FigureConfig, labels: Labels) -> Figure:
    """Draw a figure of bars, with the reference point of each panel under it.

    Args:
        points: One row for each bar, as returned by `wee.figures.kinds.hypervolume.Hypervolumes.points`.
        config: The config of the figure.
        labels: The labels of families, scales, data sets and costs.
    """
    names = list(points.panel.unique())
    series = _series(points, labels)
    with plt.rc_context(RC):
        figure, axes, columns = panel_grid(len(names), config, _ROW)
        for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
            rows = points[points.panel == name]
            _bars(axis, rows, labels, named=place % columns == 0)
            _title(axis, rows, labels, series)
        _caption(figure, hypervolume_caption(labels.cost(_cost(points))))
    return figure


def write(figure: Figure, file: Path) -> None:
    """Write a figure to a file, in the format of its suffix. The same figure always gives the same file.

    Text stays text in PDF and SVG files.
    """
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # at lower levels, it logs every glyph that it embeds
    metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(file.suffix)
    with plt.rc_context(RC):
        figure.savefig(file, dpi=figure.dpi, metadata=metadata)


def _cost(points: pd.DataFrame) -> str:
    """Return the name of the cost that the points of a figure are priced by."""
    return str(points.cost.iloc[0])


def _series(points: pd.DataFrame, labels: Labels) -> dict[tuple[str, str], str]:
    """Return names that distinguish families and data sets, by (data set, family); each is "" if there is a single pair."""
    pairs = list(points[["dataset", "family"]].drop_duplicates().itertuples(index=False, name=None))
    several = [len({pair[k] for pair in pairs}) > 1 for k in (0, 1)]

    def name(dataset: str, family: str) -> str:
        words = [*([labels.family(family)] if several[1] else []), *([dataset] if several[0] else [])]
        return ", ".join(words)

    return {pair: name(*pair) for pair in pairs}


def _lines(axis: Axes, points: pd.DataFrame, style: LineStyle, series: dict[tuple[str, str], str]) -> None:
    for line in points.line.unique():
        for place, (dataset, family) in enumerate(series):
            of_line = points[(points.line == line) & (points.dataset == dataset) & (points.family == family)]
            if not of_line.empty:
                _line(axis, of_line, style, place)
    axis.yaxis.set_major_locator(_round_ticks(5))
    axis.margins(x=0.06, y=0.1)
    if Metric.parse(str(points.metric.iloc[0])).percent:
        limit_to_percent(axis)
    if not style.through_scales:
        axis.xaxis.set_major_locator(_round_ticks(4))
    else:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(_log_ticks(math.log10(points.price.max() / points.price.min())))
        axis.xaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: si(value)))


def _line(axis: Axes, points: pd.DataFrame, style: LineStyle, place: int) -> None:
    """Draw one line with its bars. The marker shows the place of its family among those of the figure."""
    drawn_as, colour = look(str(points.look.iloc[0])), _colour(points.iloc[0], style)
    within_scale = not style.through_scales
    drawn: dict[str, Any] = {
        "color": colour,
        "marker": drawn_as.marker,
        "linestyle": drawn_as.dash,
        "zorder": drawn_as.order,
    }
    drawn["markeredgewidth"] = 0.9 if drawn_as.marker == "x" else 0
    if within_scale and points["shade"].notna().any():
        drawn |= {"linestyle": (0, (1, 1)), "markerfacecolor": "white", "markeredgewidth": 0.8}
    drawn |= _face(colour, place)
    joined = _joined(points)
    if not joined:
        drawn |= {"markerfacecolor": "white", "markeredgewidth": 0.8, "linestyle": "none"}
    if len(points) == 1:
        drawn["linestyle"] = "none"
        if within_scale and joined:  # the point is the end of other lines: larger, and on top of them
            drawn |= {"zorder": 4, "markersize": 5}
    axis.plot(points.price, points.value, label=points.line.iloc[0], **drawn)
    at_floor = points[points[AT_FLOOR] > 0] if AT_FLOOR in points else points[:0]
    if len(at_floor):
        ring: dict[str, Any] = {"marker": "o", "markersize": 7, "markerfacecolor": "none", "markeredgewidth": 0.6}
        axis.plot(at_floor.price, at_floor.value, color=INK, linestyle="none", zorder=5, **ring)
    band = within_scale and len(points) > 1
    if band:
        known = ~points.bars.isin([SPREAD, NO_BAR])
        axis.fill_between(points.price, points.low, points.high, where=known, color=colour, alpha=0.18, linewidth=0)
    for spread in (False, True):
        bars = points[(points.bars == SPREAD) if spread else ~points.bars.isin([SPREAD, NO_BAR])]
        if bars.empty or (band and not spread):
            continue
        # A percentile interval need not contain the value, so bars are drawn around their own middle.
        axis.errorbar(
            bars.price, (bars.low + bars.high) / 2, yerr=(bars.high - bars.low) / 2, fmt="none", ecolor=lighter(colour),
            elinewidth=0.7, capsize=0 if spread else 1.3, capthick=0.7, zorder=1.5,
        )  # fmt: skip


def _joined(points: pd.DataFrame) -> bool:
    """Return whether a line joins the points of a line; kinds of figures of users may not say so."""
    return "joined" not in points or bool(points.joined.iloc[0])


def _colour(point: Any, style: LineStyle) -> str | tuple[float, float, float]:
    graded = style.graded and not np.isnan(point.shade)
    return shade_colour(point.shade) if graded else look(str(point.look)).colour


def _face(colour: Any, place: int) -> dict[str, Any]:
    """Return the style of the inside of markers, which distinguishes families: full, white, light."""
    return {"markerfacecolor": "white" if place % 2 else lighter(colour), "markeredgewidth": 0.8} if place else {}


def _round_ticks(count: int) -> Locator:
    return MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3)


def _log_ticks(decades: float) -> Locator:
    if decades < 0.5:
        return _round_ticks(4)
    return LogLocator(subs=(1.0, 2.0, 5.0) if decades < 1.2 else (1.0, 3.0) if decades < 2.5 else (1.0,))


def limit_to_percent(axis: Axes) -> None:
    """End the vertical axis at 0 and 100 where its margins would go beyond, because no value in per cent can.

    Call this function after everything has been drawn. What lies on an end of the axis is drawn in full.
    """
    low, high = axis.get_ylim()
    axis.set_ylim(max(low, 0.0), min(high, 100.0))
    for line in axis.lines:
        line.set_clip_on(False)


def _separate_tick_labels(axis: Axes) -> None:
    """Leave out ticks of the horizontal axis whose labels would touch. The layout of the figure must be final."""
    low, high = axis.get_xlim()
    places, ends = [], -math.inf
    for tick in axis.xaxis.get_major_ticks():
        box = tick.label1.get_window_extent()
        if not low <= tick.get_loc() <= high:
            continue
        if box.x0 - ends >= _LABEL_GAP * axis.figure.dpi / 72:
            places.append(tick.get_loc())
            ends = box.x1
    if 1 < len(places) < sum(low <= place <= high for place in axis.get_xticks()):
        axis.xaxis.set_major_locator(FixedLocator(places))


def _notes(axis: Axes, points: pd.DataFrame, style: LineStyle, labels: Labels) -> None:
    """Write notes beside points: the label of a scale, or the name of an exit."""
    rows: list[Any] = list(points.itertuples())
    notes = []
    for point in rows:
        if point.note:
            words = labels.scale(point.family, point.note) if point.note == point.scale else point.note
            notes.append(Note(words, point.price, point.value, _colour(point, style)))
    lines = []
    for _, line in points.groupby(["line", "dataset", "family"]):
        path = line[["price", "value"]].to_numpy(float)
        lines += [path] if _joined(line) else list(path[:, None])
    bars = [np.array([[point.price, point.low], [point.price, point.high]]) for point in rows if point.bars != NO_BAR]
    place_notes(axis, notes, [*lines, *bars])


def _bars(axis: Axes, points: pd.DataFrame, labels: Labels, named: bool) -> None:
    """Draw one bar for each policy, from top to bottom in the order of `figure.policies`; the reference point stands below."""
    bars: list[Any] = list(points.itertuples())
    for place, bar in enumerate(bars):
        drawn_as = look(bar.look)
        axis.plot([0, bar.value], [place, place], color=drawn_as.colour, linewidth=2.4, solid_capstyle="butt")
        axis.plot([bar.value], [place], color=drawn_as.colour, marker=drawn_as.marker, markersize=4, markeredgewidth=0)
        axis.annotate(
            f"{bar.value:#.3g}".rstrip("."), (bar.value, place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=SMALL,
        )  # fmt: skip
    names = [textwrap.fill(line, 16) if named else "" for line in points.line]
    axis.set_yticks(range(len(points)), names, linespacing=0.95)
    axis.set_ylim(len(points) - 0.4, -0.6)
    axis.grid(axis="y", visible=False)
    axis.set_xlim(0, points.value.max() * 1.22)
    axis.xaxis.set_major_locator(_round_ticks(4))
    metric = Metric.parse(str(points.metric.iloc[0]))
    side, unit = "above" if metric.higher_is_better else "below", " %" if metric.percent else ""
    reference = points.iloc[0]
    limit = labels.amount(_cost(points), float(reference.ref_price))
    axis.set_xlabel(f"area {side} {reference.ref_value:.3g}{unit}\nup to {limit}", fontsize=SMALL)


def _title(axis: Axes, points: pd.DataFrame, labels: Labels, series: dict[tuple[str, str], str]) -> None:
    """Write the title of a panel: the metric and its better direction, below the family or the OOD set, and a shifted set."""
    first = points.iloc[0]
    metric = Metric.parse(str(first.metric))
    heading = labels.ood(first.ood) if first.ood else series.get((first.dataset, first.family), "")
    heading = ", ".join(part for part in (heading, labels.split(first.get("split", ""))) if part)
    title = f"{metric.axis_label} {'↑' if metric.higher_is_better else '↓'}"
    axis.set_title(f"{heading}\n{title}" if heading else title, loc="left", pad=3)


def _name_axes(axes: list[Axes], columns: int, name: str) -> None:
    """Name the horizontal axis under the lowest panel of each column."""
    for column in range(min(columns, len(axes))):
        axes[column::columns][-1].set_xlabel(name)


def _legend(figure: Figure, axes: list[Axes], series: list[str]) -> None:
    """Put a legend above the panels, in as few rows as the width of the figure allows.

    Args:
        figure: The figure.
        axes: The panels of the figure, whose lines are listed.
        series: Names of the families that markers distinguish, if there are several.
    """
    handles: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    for place, name in enumerate(series):
        style = {"color": INK, "marker": "o", "linestyle": "none", "markeredgewidth": 0, **_face(INK, place)}
        handles[name] = Line2D([], [], **style)
    for rows in range(1, len(handles) + 1):
        legend = figure.legend(
            list(handles.values()), list(handles), loc="outside upper center", ncols=math.ceil(len(handles) / rows),
            frameon=False, handlelength=2.0, columnspacing=1.2,
        )  # fmt: skip
        needed = legend.get_window_extent().width / figure.dpi
        width, height = figure.get_size_inches()
        if needed <= width or rows == len(handles):
            figure.set_size_inches(max(width, needed), height + 0.16 * (rows - 1))
            return
        legend.remove()


def _caption(figure: Figure, caption: str) -> None:
    """Write a caption below the panels, in as few lines as the width of the figure allows, and make room for it."""
    if not caption:
        return
    width, height = figure.get_size_inches()
    text = figure.supxlabel("", x=0.02, ha="left", fontsize=SMALL, linespacing=1.15)
    for count in range(1, len(caption)):
        lines = textwrap.wrap(caption, math.ceil(len(caption) / count) + 5)
        text.set_text("\n".join(lines))
        if text.get_window_extent().width <= 0.96 * width * figure.dpi:
            figure.set_size_inches(width, height + 0.105 * len(lines))
            return
