"""Metrics of one's own that ignore resamples are noticed."""

from __future__ import annotations

import pandas as pd

from wee.sweep.resampled import constant_warning


def test_only_metrics_of_ones_own_without_any_width_are_named() -> None:
    rows = [
        ("my:Fixed", 0.5, 0.5), ("my:Fixed", 0.7, 0.7), ("my:Fixed", None, None), ("my:Right", 0.0, 0.0),
        ("my:Right", 0.1, 0.3), ("accuracy", 1.0, 1.0),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["metric", "lower", "upper"])
    text = constant_warning(table) or ""
    assert text.startswith("my:Fixed: the same on all resamples")
    assert constant_warning(table[table.metric != "my:Fixed"]) is None
    assert constant_warning(table.assign(lower=None)) is None
