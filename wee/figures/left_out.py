"""What the tables of a figure have besides what it draws, and the overrides that draw it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wee.figures.kinds import FIGURE_KINDS

if TYPE_CHECKING:
    import pandas as pd

    from wee.figures.config import FigureConfig

_CHOICES = {
    "eval_score": ("score", "the results are those ranked by"),
    "width": ("width", "the windows are those of width"),
    "fraction": ("fraction", "the thresholds and random exits are those at"),
    "ood_share": ("ood_share", "the share of OOD data is"),
}
"""For each column of which a figure shows one value: the key of the figure's config, and the words before the value."""

_LISTED = 6
"""How many values are listed; of more than these, the first, the last and some between them."""


def left_out(tables: Mapping[str, pd.DataFrame], numbers: pd.DataFrame, config: FigureConfig) -> list[str]:
    """Return a sentence for each choice of which the tables have other values than the figure shows.

    Args:
        tables: The tables that the figure is drawn from.
        numbers: The numbers of the figure. Columns that they lack are no choices of the figure.
        config: The config of the figure.
    """
    sentences = []
    for column, (key, words) in _CHOICES.items():
        drawn = _values([numbers], column)
        others = [value for value in _values(_of_policies(tables, numbers), column) if value not in drawn]
        if not drawn or not others:
            continue
        advice = f"figure.{key}={others[0]} name=NAME draws another figure"
        if key in FIGURE_KINDS.find(config.kind).lists:
            advice = f"'figure.{key}=[{','.join(_some([*drawn, *others]))}]' draws them"
        elif column == "width" and config.times is None:
            fixed = " figure.adjusted=false" if config.adjusted else ""
            widths = ",".join(_some(sorted([*drawn, *others], key=_order)))
            advice += f", and figure.kind=widths 'figure.width=[{widths}]'{fixed} name=NAME one with a curve for each"
        sentences.append(f"{words} {' and '.join(drawn)}; these sweeps also have {_listed(others)}: {advice}")
    return sentences


def _of_policies(tables: Mapping[str, pd.DataFrame], numbers: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of tables that are of a policy that the figure draws; all rows where policies are not named."""
    drawn = set(numbers.policy) if "policy" in numbers else None
    return [
        table[table.policy.isin(drawn)] if drawn is not None and "policy" in table else table
        for table in tables.values()
    ]


def _values(tables: Sequence[pd.DataFrame], column: str) -> list[str]:
    """Return the different values in a column that a figure can show, in order; widths for each stage are not among them."""
    columns = [table[column].dropna().unique() for table in tables if column in table]
    values = dict.fromkeys(str(value) for column_values in columns for value in column_values)
    return sorted((value for value in values if value and "+" not in value), key=_order)


def _order(value: str) -> tuple[float, str]:
    """Return a sort key: numbers first, ascending."""
    try:
        return float(value), ""
    except ValueError:
        return math.inf, value


def _some(values: Sequence[str]) -> Sequence[str]:
    """Return the values, or if there are many, some of them at equal distances."""
    return values[:: math.ceil(len(values) / _LISTED)]


def _listed(values: Sequence[str]) -> str:
    few = len(values) <= _LISTED
    return ", ".join(values) if few else f"{', '.join(values[: _LISTED - 1])} and {len(values) - _LISTED + 1} more"
