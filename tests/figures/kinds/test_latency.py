"""The figure of times: values of a sweep against the times of its settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.figures import averages, draw, points
from tests.helpers.stores import fill_store
from tests.helpers.sweeps import plan, pool
from tests.helpers.times import times_of
from wee.errors import WeeError
from wee.figures.config import FigureConfig
from wee.figures.kinds import FIGURE_KINDS, TABLE, TIMES
from wee.figures.tables import read_tables_of
from wee.sweep.results import save
from wee.sweep.run import compute


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store = fill_store(tmp_path_factory.mktemp("store"), count=60)
    return pd.concat([compute(pool(store, scale), plan()).table() for scale in ("s1", "s2")])


def config(**changes: object) -> FigureConfig:
    given = {"kind": "latency", "panels": ["cov@20", "accuracy"], "times": "times.csv", **changes}
    return FigureConfig("f", **given)  # type: ignore[arg-type]


def test_each_metric_has_a_panel_of_latencies_and_one_of_throughputs(table: pd.DataFrame) -> None:
    drawn = config(policies=["single", "window", "threshold"])
    found = points(table, drawn, averages(table), times=times_of(table))
    assert list(found.panel.unique()) == [
        f"{metric} {quantity}" for metric in ("cov@20", "accuracy") for quantity in ("latency 1", "throughput 256")
    ]
    latency, throughput = (found[found.batch == batch] for batch in (1, 256))
    assert np.allclose(latency.x, latency.price / 1e9 * 1e3)  # milliseconds
    assert np.allclose(throughput.x, 1 / (throughput.price / 1e9 / 2))
    plain = points(table, FigureConfig("f", panels=drawn.panels, policies=drawn.policies), averages(table))
    for timed in (latency, throughput):
        assert (
            timed[["value", "low", "high", "price"]].to_numpy().tolist()
            == plain[["value", "low", "high", "price"]].to_numpy().tolist()
        )
    figure = draw(found, drawn)
    assert [axis.get_xlabel() for axis in figure.axes] == [
        "mean latency, batch 1 (ms)", "throughput, batch 256 (images/s)",
    ] * 2  # fmt: skip
    line = figure.axes[0].get_lines()[0]
    assert line.get_xdata().tolist() == [1.0, 3.0]
    assert "times on Abacus 9, 1 thread, float32, torch 2.0" in figure.get_supxlabel().replace("\n", " ")


def test_the_batch_sizes_are_chosen_by_the_config(table: pd.DataFrame) -> None:
    found = points(table, config(latency_batch=8, throughput_batch=32), times=times_of(table, (8, 32)))
    assert set(found.batch) == {8, 32}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda times: times[times.batch == 1],
            r"no time of policy single at s1 for batch 256; measure it: wee latency",
        ),
        (
            lambda times: times[times.width != 0.2],
            r"no time of policy window of cov@20 at s1 for batch 1.*settings.tasks=\[cov@20\] settings.width=0.2",
        ),
        (lambda times: times.assign(family="other"), r"has times of toy/other, and these sweeps are about toy/made"),
        (lambda times: times.assign(machine=times.batch.astype(str)), r"of 2 machines"),
    ],
)
def test_settings_without_a_time_are_named(table: pd.DataFrame, change: object, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        points(table, config(), times=change(times_of(table)))  # type: ignore[operator]


def test_the_table_of_times_has_to_be_named(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(WeeError, match=r"figure.times is not set: measure with wee latency sweeps=NAME"):
        config(times=None)
    with pytest.raises(WeeError, match=r"figure.times is for figure.kind=latency, and this figure's kind is curves"):
        config(kind="curves")
    save(tmp_path / "sweeps" / "a" / "key", {"table.csv": table}, {})
    drawn = config(times=str(tmp_path / "times.csv"))
    read = (FIGURE_KINDS["latency"], drawn, [tmp_path / "sweeps" / "a" / "key"], tmp_path / "sweeps")
    with pytest.raises(WeeError, match="there are no times at"):
        read_tables_of(*read)
    times_of(table).to_csv(tmp_path / "times.csv", index=False)
    tables = read_tables_of(*read)
    assert not points(tables[TABLE], drawn, times=tables[TIMES]).empty
