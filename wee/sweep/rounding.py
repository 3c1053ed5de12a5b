"""The effect of storing logits at half precision on every number of a sweep."""

from __future__ import annotations

import pandas as pd
from rich.table import Table

from wee.costs import COSTS
from wee.data.splits import TEST
from wee.sweep.prices import with_macs
from wee.sweep.rows import KEYS


def effect(table: pd.DataFrame, rounded: pd.DataFrame) -> pd.DataFrame:
    """Compare every number of a sweep with the same number computed from rounded logits.

    Args:
        table: the table of the sweep.
        rounded: the table of the same sweep over rounded logits.

    Returns:
        A row per number: the columns that identify it, `value`, `rounded`, their `difference`, and the average costs,
        `price` and `price_rounded`.
    """
    both = table[[*KEYS, "price", "value"]].assign(
        rounded=rounded.value, price_rounded=rounded.price, difference=rounded.value - table.value
    )
    same = table[KEYS].fillna("").astype(str) == rounded[KEYS].fillna("").astype(str)
    assert same.to_numpy().all(), "the same sweep has the same rows"
    return with_macs(both)


def effect_summary(effects: pd.DataFrame, rounding: str) -> Table:
    """Return a table of the largest and the mean change of every metric, over all settings on the test set."""
    shown = Table(title=f"logits stored as {rounding}: changes on test, over all settings", title_justify="left")
    shown.add_column("metric")
    for column in ("largest", "mean", "settings"):
        shown.add_column(column, justify="right")
    test = effects[effects.split == str(TEST)]
    for metric, rows in test.groupby("metric", sort=False):
        size = rows.difference.abs()
        shown.add_row(str(metric), f"{size.max():.4g}", f"{rows.difference.mean():+.2g}", f"{len(rows):,}")
    change = (test.price_rounded / test.price - 1).abs().max()
    shown.add_row(f"average {COSTS.find(str(effects.cost.iloc[0])).label}", f"{100 * change:.3g} %", "", "")
    return shown
