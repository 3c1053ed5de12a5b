"""Reading the tables that a kind of figure needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from wee.figures.config import FigureConfig
from wee.figures.kinds import AVERAGES, REFERENCE, STUDY, TABLE, TIMES, FigureKind
from wee.figures.points import one_cost
from wee.sweep.fronts import read_reference
from wee.sweep.results import read_averages, read_tables, read_validation
from wee.sweep.times import read_times

READERS: Mapping[str, Callable[[list[Path]], pd.DataFrame]] = {
    TABLE: read_tables,
    AVERAGES: read_averages,
    STUDY: read_validation,
}
"""The function that reads each table from the folders of sweeps."""


def read_tables_of(kind: FigureKind, config: FigureConfig, sweeps: list[Path], root: Path) -> dict[str, pd.DataFrame]:
    """Read the tables of some sweeps that a kind of figure needs.

    Args:
        kind: The kind of figure.
        config: The config of the figure. If it names a reference, that must be priced by the cost of the sweeps.
        sweeps: The folders or files of the sweeps.
        root: The folder of all sweeps, in which a reference is looked up.

    Returns:
        The tables by name, as `FigureKind.points` expects them.

    Raises:
        WeeError: a sweep has no such table, the sweeps have several costs, or the reference or the table of times
            cannot be read.
    """
    tables = {name: READERS[name](sweeps) for name in kind.reads}
    if config.reference is not None:
        tables[REFERENCE] = read_reference(config.reference, root, one_cost(next(iter(tables.values()))))
    if config.times is not None:
        tables[TIMES] = read_times(Path(config.times))
    return tables
