"""The table of times: what is written is read back, and what is no such table is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.times import timed_row
from wee.errors import WeeError
from wee.sweep.times import COLUMNS, SHARES, keyed, machine_of, read_times, times_table


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = [
        timed_row(scale="100", exits="3+5", width="0.7+0.2", reaching=(1.0, 0.25), mean=1 / 3),
        timed_row(width=0.2),
        timed_row(policy=None, width="all", score=None, task=None),
    ]
    table = times_table(rows)
    assert list(table.columns) == COLUMNS
    table.to_csv(tmp_path / "times.csv", index=False)
    found = read_times(tmp_path / "times.csv")
    assert list(found.width) == ["0.7+0.2", 0.2, "all"]
    assert (found.scale[0], found.exits[0], found["mean"][0]) == ("100", "3+5", 0.333333)
    assert SHARES.read(found.reaching[0]) == (1.0, 0.25)
    assert found.task.isna().tolist() == [False, False, True]
    assert keyed(found, ["task", "policy"])[["task", "policy"]].to_numpy()[2].tolist() == ["", ""]


def test_what_is_no_table_of_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeeError, match=r"there are no times at .*none.csv; measure them: wee latency sweeps=NAME"):
        read_times(tmp_path / "none.csv")
    (tmp_path / "sweep.csv").write_text("dataset,family\ndigits,tiny\n")
    with pytest.raises(WeeError, match="is no table of times: it has no column subject, name, scale"):
        read_times(tmp_path / "sweep.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(WeeError, match="empty.csv is no table of times"):
        read_times(tmp_path / "empty.csv")


def test_times_are_of_one_machine() -> None:
    table = times_table([timed_row(), timed_row(threads=2)])
    assert machine_of(table[:1]) == "Abacus 9, 1 thread, float32, torch 2.0"
    with pytest.raises(
        WeeError, match="of 2 machines: Abacus 9, 1 thread, .*; Abacus 9, 2 threads, .*; give those of one"
    ):
        machine_of(pd.concat([table, table]))
