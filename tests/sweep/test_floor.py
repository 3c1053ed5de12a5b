"""The warning about coverages that the paper's convention reads at its smallest coverage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wee import from_arrays, run_sweep
from wee.api import LogitSource
from wee.data.splits import TEST
from wee.method import Metric
from wee.sweep.floor import AT_FLOOR, READ_AT_FLOOR, floor_warning, mark_floor
from wee.sweep.results import TABLE, read_tables, save
from wee.sweep.summary import summary


@pytest.fixture
def source() -> LogitSource:
    """Two networks that are right in every other of the 100 most confident samples of 200, and wrong in all others."""
    labels = np.where(np.arange(200) < 100, np.arange(200) % 2, 1)
    confidences = np.linspace(4, 1, 200)
    logits = np.stack([confidences, np.zeros(200)], axis=1)
    split = (np.stack([logits, 2 * logits]), labels)
    return from_arrays(split, split, costs=1.0)


def test_coverages_at_the_floor_are_counted(source: LogitSource) -> None:
    names = {"tasks": ["cov@5", "cov@90"], "metrics": ["aurc"], "policies": ["single"]}
    with pytest.warns(UserWarning, match=r"min\(500, N / 2\) of N samples") as caught:
        table = run_sweep(source, **names).table  # type: ignore[arg-type]
    (message,) = (str(warning.message) for warning in caught)
    assert "cov@5 (4 of 4 values)" in message  # two networks, on validation and test
    assert "cov@90" not in message
    assert "task.convention=strict" in message
    assert (table[table.metric == "cov@5"].value == 50).all()
    assert floor_warning(table, "strict") is None


def test_coverages_above_the_floor_do_not_warn() -> None:
    table = pd.DataFrame(
        {
            "metric": ["cov@5", "cov@5", "risk@80"],
            "split": "test",
            "samples": [2000, 201, 2000],
            "value": [25.1, 50.0, 25.0],
        }
    )
    assert floor_warning(table, "paper") is None
    table.loc[1, "value"] = 100 * 100 / 201
    assert "cov@5 (1 of 2 values)" in str(floor_warning(table, "paper"))
    table.loc[0, "value"] = 25.0
    assert "cov@5 (2 of 2 values)" in str(floor_warning(table, "paper"))


def test_the_warning_counts_the_values_of_the_sets_it_names() -> None:
    splits = ["val", "test", "test", "shift-fog"]
    table = pd.DataFrame({"metric": "cov@5", "split": splits, "samples": 2000, "value": [25.0, 25.0, 30.0, 25.0]})
    on_test = str(floor_warning(table, "paper", [TEST]))
    assert "Cov@r on test were read" in on_test
    assert "cov@5 (1 of 2 values)" in on_test
    everywhere = str(floor_warning(table, "paper"))
    assert "Cov@r on val, test, shift-fog were read" in everywhere
    assert "cov@5 (3 of 4 values)" in everywhere
    many = pd.concat([table.assign(split=f"shift-{k}") for k in range(5)])
    assert "Cov@r on 5 sets were read" in str(floor_warning(many, "paper"))
    assert floor_warning(table[table.value > 25], "paper", [TEST]) is None


@pytest.mark.filterwarnings("ignore:some values of Cov@r")
def test_values_at_the_floor_are_marked(source: LogitSource) -> None:
    table = run_sweep(source, tasks=["cov@5", "cov@90"], metrics=["aurc"], policies=["single"]).table
    marked = mark_floor(table, "paper")
    assert marked[marked[AT_FLOOR]].metric.unique().tolist() == ["cov@5"]
    assert marked[AT_FLOOR].sum() == 4
    assert not mark_floor(table, "strict")[AT_FLOOR].any()
    tasks = [Metric.parse("cov@5"), Metric.parse("cov@90")]
    shown = summary(table, tasks, convention="paper")
    cells = {str(column.header): list(column.cells) for column in shown.columns}
    assert cells["cov@5 ↑"] == ["50.00*"]
    assert not cells["cov@90 ↑"][0].endswith("*")
    assert f"* contains values {READ_AT_FLOOR}" in str(shown.caption)
    for unmarked in (summary(table, tasks), summary(table, tasks, convention="strict")):
        assert "*" not in str(unmarked.caption)
    assert READ_AT_FLOOR not in str(summary(table, tasks[1:], convention="paper").caption)


@pytest.mark.filterwarnings("ignore:some values of Cov@r")
def test_tables_that_are_read_have_marks_by_the_convention_of_their_sweep(source: LogitSource, tmp_path: Path) -> None:
    table = run_sweep(source, tasks=["cov@5"], policies=["single"]).table
    counts = {}
    for convention in ("paper", "strict"):
        folder = tmp_path / convention / "key"
        save(folder, {TABLE: table}, {"task": {"convention": convention}})
        counts[convention] = int(read_tables([folder])[AT_FLOOR].sum())
    table.to_csv(tmp_path / "alone.csv", index=False)
    assert counts == {"paper": 4, "strict": 0}
    assert not read_tables([tmp_path / "alone.csv"])[AT_FLOOR].any()
