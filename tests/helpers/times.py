"""Made-up times of the settings of a sweep."""

from __future__ import annotations

from typing import Any

import pandas as pd

from wee.sweep.times import SETTING, SETTING_KEYS, TimedRow, times_table


def timed_row(**changes: Any) -> TimedRow:
    """A row of a table of times."""
    setting = {
        "dataset": "toy", "family": "made", "scale": "s1", "exits": None, "size": 2, "policy": "window", "width": 0.2,
        "fraction": None, "parameters": None, "score": "msp", "task": "cov@20",
    }  # fmt: skip
    where = {
        "batch": 1, "device": "cpu", "machine": "Abacus 9", "processors": 2, "threads": 1, "precision": "float32",
        "layout": "channels_last", "torch": "2.0", "weights": "random", "orders": 2, "images": 100, "reaching": (1.0, 0.2),
    }  # fmt: skip
    names = ("mean", "median", "lower", "upper", "throughput", "ideal", "efficiency", "efficiency_median", "passes")
    numbers = dict.fromkeys((*names, "passes_share"), 1.0)
    row = {"subject": SETTING, "name": "sweep", **setting, **where, **numbers, "created": "2026", "key": "k", **changes}
    return TimedRow(**row)


def times_of(table: pd.DataFrame, batches: tuple[int, ...] = (1, 256)) -> pd.DataFrame:
    """A time for each setting of a sweep's table: a second for 1e9 MACs, and half of it in larger batches."""
    table = table[(table.split == "test") & table.ood.isna()]
    settings = table.drop_duplicates(SETTING_KEYS)
    prices = table.groupby(SETTING_KEYS, dropna=False, sort=False).price.mean().to_numpy()
    rows = []
    for batch in batches:
        for setting, price in zip(settings[SETTING_KEYS].to_dict("records"), prices, strict=True):
            known = {key: None if pd.isna(value) else value for key, value in setting.items()}
            mean = price / 1e9 / (1 if batch == 1 else 2)
            rows.append(timed_row(**known, batch=batch, mean=mean, throughput=1 / mean))
    return times_table(rows)
