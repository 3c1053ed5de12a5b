"""Points and drawings of figures, as the command computes them."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from wee.figures.config import FigureConfig
from wee.figures.kinds import AVERAGES, FIGURE_KINDS, REFERENCE, STUDY, TABLE, TIMES
from wee.figures.labels import Labels
from wee.sweep.results import POINT


def points(
    table: pd.DataFrame,
    config: FigureConfig,
    averages: pd.DataFrame | None = None,
    reference: pd.DataFrame | None = None,
    times: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The points of a figure; the table is that of the sweeps, or the study, whichever the kind of figure reads."""
    tables = {TABLE: table, STUDY: table, AVERAGES: averages, REFERENCE: reference, TIMES: times}
    given = {name: content for name, content in tables.items() if content is not None}
    return FIGURE_KINDS.find(config.kind).points(given, config)


def draw(points: pd.DataFrame, config: FigureConfig, labels: Labels | None = None) -> Figure:
    """The figure of some points."""
    return FIGURE_KINDS.find(config.kind).draw(points, config, labels or Labels())


def averages(table: pd.DataFrame, seeds: int = 0, level: float = 0.95) -> pd.DataFrame:
    """Averages as a sweep keeps them, with made-up intervals."""
    values = {"value": "mean", "least": "min", "greatest": "max", "count": "size"}
    numbers = {"price": ("price", "mean"), **{name: ("value", how) for name, how in values.items()}}
    means = table.groupby(POINT, dropna=False, sort=False).agg(**numbers).reset_index()
    return means.assign(lower=means.value - 3, upper=means.value + 2, seeds=seeds, level=level)
