"""`wee figure` from the files of a sweep to those of a figure."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.figures import averages
from tests.helpers.stores import fill_store
from tests.helpers.sweeps import plan, pool
from wee.app.paths import PathsConfig
from wee.commands.figure import FigureCommandConfig, figure
from wee.figures.config import FigureConfig
from wee.sweep.config import PolicyConfig, TaskConfig, WindowConfig
from wee.sweep.results import AVERAGES, TABLE, save
from wee.sweep.run import compute


def test_intervals_of_a_sweep_reach_the_numbers_of_its_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wee.commands.figure.job_suffix", str)
    small = plan(
        policy=PolicyConfig(["single", "window"]), window=WindowConfig([0.2, "all"]), task=TaskConfig(["cov@20"], [])
    )
    store = fill_store(tmp_path / "store", count=60)
    tables = [
        compute(pool(store, scale), small).table().assign(family=family)
        for scale, family in (("s1", "made"), ("s2", "other"))
    ]
    for table, name in zip(tables, ("with", "without"), strict=True):
        known = {AVERAGES: averages(table)} if name == "with" else {}
        save(tmp_path / "sweeps" / name / "key", {TABLE: table, **known}, {"bootstrap": {"level": 0.9}})
    config = FigureCommandConfig(
        PathsConfig(sweeps=str(tmp_path / "sweeps"), figures=str(tmp_path / "figures")),
        FigureConfig("f", panels=["cov@20"], policies=["single", "window"], formats=["svg"]),
        ["with", "without"],
        "drawn",
    )
    figure(config)
    numbers = pd.read_csv(tmp_path / "figures" / "drawn.csv").set_index(["family", "look"])
    assert numbers.bars.to_dict() == {
        ("made", "single"): "interval", ("made", "window"): "interval",
        ("other", "single"): "spread", ("other", "window"): "spread",
    }  # fmt: skip
    drawn = (tmp_path / "figures" / "drawn.svg").read_text()
    words = " ".join(re.findall(r"<t(?:ext|span)[^>]*>([^<]+)<", drawn))
    assert (
        "Bars with caps: 90 % bootstrap intervals over test samples, seed noise not included; "
        "bars without caps: least and greatest of the members or orders averaged" in words
    )
