"""Captions say what bars are, and never mix two kinds silently."""

from __future__ import annotations

import pandas as pd
import pytest

from wee.figures.captions import bars_caption

INTERVAL, SEEDS, SPREAD, NONE = "interval", "interval with seeds", "spread", ""
SAMPLES = "95 % bootstrap intervals over test samples"


MIXED = (
    f"Bars with caps: {SAMPLES}, seed noise included (4 members); "
    "bars without caps: least and greatest of the members or orders averaged; no bar: a single value"
)


@pytest.mark.parametrize(
    ("kinds", "caption"),
    [
        ([INTERVAL, INTERVAL], f"Bars: {SAMPLES}, seed noise not included"),
        ([SEEDS, SEEDS], f"Bars: {SAMPLES}, seed noise included (4 members)"),
        ([SEEDS, INTERVAL, INTERVAL], f"Bars: {SAMPLES}, seed noise included at 1 of 3 points"),
        ([SPREAD, SPREAD], "Bars: least and greatest of the members or orders averaged"),
        ([SPREAD, NONE], "Bars: least and greatest of the members or orders averaged; no bar: a single value"),
        ([SEEDS, SPREAD, NONE], MIXED),
        ([NONE, NONE], ""),
    ],
)
def test_every_kind_of_bar_is_named(kinds: list[str], caption: str) -> None:
    points = pd.DataFrame({"bars": kinds, "value": 1.0, "level": 0.95})
    points["seeds"] = points.bars.map({SEEDS: 4.0, INTERVAL: 0.0})
    assert bars_caption(points) == caption


def test_levels_and_numbers_of_members_are_those_of_the_points() -> None:
    points = pd.DataFrame({"bars": SEEDS, "value": 1.0, "level": [0.9, 0.95, 0.9], "seeds": [3.0, 5.0, 4.0]})
    assert bars_caption(points).startswith("Bars: 90 % and 95 % bootstrap intervals")
    assert bars_caption(points).endswith("(3 to 5 members)")
    assert bars_caption(points, bands=True).startswith("Bands and bars: 90 % and 95 %")


def test_bars_of_values_that_do_not_exist_are_not_drawn_and_not_named() -> None:
    points = pd.DataFrame({"bars": [INTERVAL, SPREAD], "value": [1.0, None], "level": 0.95, "seeds": 0.0})
    assert bars_caption(points) == f"Bars: {SAMPLES}, seed noise not included"
