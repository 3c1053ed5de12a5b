"""Averages of sweeps as figures read them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from wee.errors import WeeError
from wee.sweep.results import AVERAGED, AVERAGES, TABLE, read_averages, save
from wee.sweep.rows import POINT


def averages(**changes: object) -> pd.DataFrame:
    row = {
        **dict.fromkeys(POINT),
        "dataset": "toy",
        "scale": "100",
        "exits": "3",
        "width": 0.2,
        "adjusted": False,
        "cost": "macs",
    }
    numbers = {
        "macs": 1e6,
        "price": 1e6,
        "value": 50.0,
        "lower": 48.0,
        "upper": 51.0,
        "least": 49.0,
        "greatest": 51.0,
        "count": 2,
    }
    return pd.DataFrame([{**row, **numbers, "seeds": 0, **changes}], columns=AVERAGED)


def test_averages_of_several_sweeps_are_read_with_their_levels(tmp_path: Path) -> None:
    empty = pd.DataFrame({"x": [1]})
    save(tmp_path / "a", {TABLE: empty, AVERAGES: averages()}, {"bootstrap": {"level": 0.9}})
    save(tmp_path / "b", {TABLE: empty, AVERAGES: averages(width="0.7+0.2")}, {"bootstrap": {"level": 0.95}})
    save(tmp_path / "none", {TABLE: empty}, {"bootstrap": {"level": 0.95}})
    found = read_averages([tmp_path / "a", tmp_path / "none", tmp_path / "b" / TABLE, tmp_path / "b"])
    assert list(found.level) == [0.9, 0.95]
    assert list(found.width) == [0.2, "0.7+0.2"]
    assert list(found.scale) == ["100", "100"]  # text, as in tables
    assert list(found.exits) == ["3", "3"]
    assert found.ood.isna().all()
    assert read_averages([tmp_path / "none"]).empty
    assert list(read_averages([]).columns) == [*AVERAGED, "level"]


def test_averages_of_earlier_versions_are_read(tmp_path: Path) -> None:
    earlier = averages().rename(columns={"least": "low", "greatest": "high"})
    save(tmp_path / "a", {TABLE: earlier, AVERAGES: earlier}, {})
    found = read_averages([tmp_path / "a"])
    assert list(found.columns) == [*AVERAGED, "level"]
    assert found[["least", "greatest"]].to_numpy().tolist() == [[49.0, 51.0]]


def test_averages_beside_another_table_are_not_its_own(tmp_path: Path) -> None:
    save(tmp_path / "a", {TABLE: averages(), AVERAGES: averages()}, {})
    (tmp_path / "a" / "other.csv").write_text("x\n1\n")
    assert read_averages([tmp_path / "a" / "other.csv"]).empty


def test_a_file_that_holds_no_averages_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a", {TABLE: averages(), AVERAGES: averages().drop(columns=["lower", "seeds"])}, {})
    with pytest.raises(WeeError, match=r"averages.csv is not the averages of a sweep: it has no column lower, seeds"):
        read_averages([tmp_path / "a"])
