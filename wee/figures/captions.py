"""Captions of figures, which explain their bars."""

from __future__ import annotations

import pandas as pd

from wee.figures.points import INTERVAL_WITH_SEEDS, NO_BAR, SPREAD
from wee.sweep.floor import AT_FLOOR, READ_AT_FLOOR


def hypervolume_caption(cost: str) -> str:
    """Return the caption of a hypervolume figure, which explains what the length of a bar means.

    Args:
        cost: The display name of the cost, such as "MACs".
    """
    return f"Hypervolume: area in decades of {cost} times unit of the metric, up to the reference under each panel"


def bars_caption(points: pd.DataFrame, bands: bool = False) -> str:
    """Return the caption of a figure of lines, which says what its error bars are; empty if there are none.

    If a figure has both intervals and spreads, intervals have caps and spreads have none, and the caption says which is which.

    Args:
        points: The points, as returned by `wee.figures.points.line_points`.
        bands: Whether intervals are drawn as bands along lines.
    """
    points = points[points.value.notna()]
    intervals = points[~points.bars.isin([SPREAD, NO_BAR])]
    spreads = points[points.bars == SPREAD]
    shape = "Bands and bars" if bands and len(intervals) else "Bars"
    parts = []
    if len(intervals):
        parts.append(f"{shape}{' with caps' if len(spreads) else ''}: {_intervals(intervals)}")
    if len(spreads):
        shape = "bars without caps" if len(intervals) else shape
        parts.append(f"{shape}: least and greatest of the members or orders averaged")
    if parts and len(intervals) + len(spreads) < len(points):
        parts.append("no bar: a single value")
    return "; ".join(parts)


def floor_caption(points: pd.DataFrame) -> str:
    """Return the caption that explains the rings around values of Cov@r; empty if there are none.

    Args:
        points: The points, as returned by `wee.figures.points.line_points`.
    """
    return f"ringed: {READ_AT_FLOOR}" if AT_FLOOR in points and points[AT_FLOOR].any() else ""


def _intervals(points: pd.DataFrame) -> str:
    levels = " and ".join(f"{100 * level:g} %" for level in sorted(points.level.unique()))
    with_seeds = points[points.bars == INTERVAL_WITH_SEEDS]
    if with_seeds.empty:
        noise = "seed noise not included"
    elif len(with_seeds) < len(points):
        noise = f"seed noise included at {len(with_seeds)} of {len(points)} points"
    else:
        members = dict.fromkeys(f"{count:g}" for count in (points.seeds.min(), points.seeds.max()))
        noise = f"seed noise included ({' to '.join(members)} members)"
    return f"{levels} bootstrap intervals over test samples, {noise}"
