"""What it would change to keep logits at half precision: every number of a sweep, with and without."""

from __future__ import annotations

import pandas as pd
from rich.table import Table

from wee.sweep.rows import KEYS


def effect(table: pd.DataFrame, rounded: pd.DataFrame) -> pd.DataFrame:
    """Every number of a sweep beside what it is with rounded logits.

    Args:
        table: of the sweep.
        rounded: of the same sweep over rounded logits.

    Returns:
        A row per number: what it is of, `value`, `rounded`, their `difference`, and the average `macs` of both.
    """
    both = table[[*KEYS, "macs", "value"]].assign(
        rounded=rounded.value, macs_rounded=rounded.macs, difference=rounded.value - table.value
    )
    same = table[KEYS].fillna("").astype(str) == rounded[KEYS].fillna("").astype(str)
    assert same.to_numpy().all(), "the same sweep has the same rows"
    return both


def effect_summary(effects: pd.DataFrame, rounding: str) -> Table:
    """The largest and the mean change of every metric, over all settings on the test set."""
    shown = Table(title=f"logits stored as {rounding}: changes on test, over all settings", title_justify="left")
    shown.add_column("metric")
    for column in ("largest", "mean", "settings"):
        shown.add_column(column, justify="right")
    test = effects[effects.split == "test"]
    for metric, own in test.groupby("metric", sort=False):
        size = own.difference.abs()
        shown.add_row(str(metric), f"{size.max():.4g}", f"{own.difference.mean():+.2g}", f"{len(own):,}")
    macs = (test.macs_rounded / test.macs - 1).abs().max()
    shown.add_row("average MACs", f"{100 * macs:.3g} %", "", "")
    return shown
