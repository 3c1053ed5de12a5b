"""Figures: what they draw, and what they say when it is not there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.sweep.test_sweep import plan, pool
from tests.sweep_tables import fill_store
from wee.errors import WeeError
from wee.figures.config import FigureConfig
from wee.figures.curves import curve_points, draw_curves
from wee.sweep.table import compute


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store = fill_store(tmp_path_factory.mktemp("store"))
    tables = [compute(pool(store, scale), plan(), lambda n: None).table() for scale in ("s1", "s2")]
    return pd.concat(tables, ignore_index=True)


def test_points_are_test_means_with_their_spread(table: pd.DataFrame) -> None:
    points = curve_points(table, FigureConfig("f", panels=["cov@20", "aurc"], policies=["single", "window"]))
    assert len(points) == 2 * 2 * 2
    rows = table.query(
        "scale == 's1' and policy == 'single' and metric == 'aurc' and eval_score == 'msp' and split == 'test'"
    )
    (point,) = points.query("scale == 's1' and policy == 'single' and panel == 'aurc'").itertuples()
    assert (point.value, point.low, point.high) == (rows.value.mean(), rows.value.min(), rows.value.max())
    (point,) = points.query("scale == 's2' and policy == 'window' and panel == 'cov@20'").itertuples()
    assert point.count == 2
    assert 3e6 < point.macs < 6e6


def test_what_was_not_swept_is_named_with_the_command(table: pd.DataFrame) -> None:
    with pytest.raises(WeeError, match=r"have no cov@7 of policy single.*wee sweep score=msp task.names=\[cov@7\]"):
        curve_points(table, FigureConfig("f", panels=["cov@7"]))
    with pytest.raises(WeeError, match=r"policy window at width 0.33.*window.width=0.33"):
        curve_points(table, FigureConfig("f", panels=["cov@20"], width=0.33))
    with pytest.raises(WeeError, match="no policy 'windows'; did you mean 'window'"):
        curve_points(table, FigureConfig("f", panels=["cov@20"], policies=["windows"]))


def test_every_policy_has_its_curve_in_every_panel(table: pd.DataFrame, tmp_path: Path) -> None:
    policies = ["single", "ensemble", "window", "threshold", "random"]
    config = FigureConfig("f", panels=["cov@20", "risk@50", "aurc"], policies=policies, fraction=0.2)
    with pytest.raises(WeeError, match="policy random at 0.2"):
        curve_points(table, config)
    config.policies = policies[:4]
    figure = draw_curves(curve_points(table, config), config)
    visible = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title(loc="left") for axis in visible] == ["Cov@20 (%) ↑", "Risk@50 (%) ↓", "AURC ↓"]
    assert all(len(axis.containers) == 4 for axis in visible)
    assert all(axis.get_xscale() == "log" for axis in visible)
    figure.savefig(tmp_path / "f.pdf")
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")
