"""Figures: the numbers they draw, and what they say when something is not there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.sweep.test_sweep import plan, pool
from tests.sweep_tables import fill_store
from wee.config.common import EnsembleConfig
from wee.errors import WeeError
from wee.figures.config import FigureConfig
from wee.figures.draw import draw, si
from wee.figures.points import points
from wee.sweep.config import PolicyConfig, TaskConfig, WindowConfig
from wee.sweep.table import compute


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store = fill_store(tmp_path_factory.mktemp("store"), ood=True)
    wanted = plan(
        task=TaskConfig(["cov@20", "risk@50"], ["aurc", "accuracy", "auroc"]),
        window=WindowConfig([0, 0.1, 0.2, "all"]),
        ood=["far"],
    )
    splits = ("val", "test", "ood-far")
    return pd.concat([compute(pool(store, s, splits=splits), wanted).table() for s in ("s1", "s2")])


def test_points_are_test_means_with_their_spread(table: pd.DataFrame) -> None:
    found = points(table, FigureConfig("f", panels=["cov@20", "aurc"], policies=["single", "window"]))
    assert len(found) == 2 * 2 * 2
    where = "scale == 's1' and policy == 'single' and metric == 'aurc' and eval_score == 'msp' and split == 'test'"
    rows = table.query(where)
    rows = rows[rows.ood.isna()]
    (point,) = found.query("scale == 's1' and look == 'single' and panel == 'aurc'").itertuples()
    assert (point.value, point.low, point.high) == (rows.value.mean(), rows.value.min(), rows.value.max())
    (point,) = found.query("scale == 's2' and look == 'window' and panel == 'cov@20'").itertuples()
    assert point[found.columns.get_loc("count") + 1] == 2
    assert 3e6 < point.macs < 6e6


def test_metrics_without_a_threshold_show_the_windows_of_the_figures_first_task(table: pd.DataFrame) -> None:
    for panels in (["aurc"], ["aurc", "risk@50"], ["risk@50", "aurc"]):
        task = "risk@50" if "risk@50" in panels else "cov@20"
        found = points(table, FigureConfig("f", panels=panels, policies=["window"]))
        rows = table[
            (table.task == task) & (table.width == 0.2) & (table.metric == "aurc") & (table.eval_score == "msp")
        ]
        rows = rows[(rows.split == "test") & rows.ood.isna() & (rows.scale == "s1")]
        (point,) = found.query("panel == 'aurc' and scale == 's1'").itertuples()
        assert point.value == rows.value.mean()


def test_ood_panels_have_adjusted_windows(table: pd.DataFrame) -> None:
    found = points(table, FigureConfig("f", panels=["risk@50", "auroc"], ood="all", adjusted=True))
    assert set(found.panel) == {"risk@50 far", "auroc far"}
    assert set(found.look) == {"single", "ensemble", "window", "adjusted"}
    with pytest.raises(WeeError, match="no OOD set in these sweeps 'near'"):
        points(table, FigureConfig("f", panels=["auroc"], ood="near"))


def test_a_tradeoff_runs_through_the_parameters(table: pd.DataFrame) -> None:
    config = FigureConfig(
        "f", kind="tradeoff", panels=["accuracy", "cov@20"], policies=["single", "ensemble", "threshold", "window"]
    )
    found = points(table, config)
    window = found[(found.look == "window") & (found.panel == "cov@20")]
    assert len(window) == 4
    assert window.macs.is_monotonic_increasing
    ends = found[(found.panel == "cov@20") & found.look.isin(["single", "ensemble"])].set_index("look").value
    assert window.value.iloc[0] == pytest.approx(ends["single"])
    assert window.value.iloc[-1] == pytest.approx(ends["ensemble"])


def test_widths_and_sizes(table: pd.DataFrame, tmp_path: Path) -> None:
    widths = points(table, FigureConfig("f", kind="widths", panels=["cov@20"], width=[0.1, 0.2]))
    assert list(dict.fromkeys(widths.line)) == ["single models", "width 0.1", "width 0.2"]
    store = fill_store(tmp_path, members=3, scales=("s1",), count=60)
    trio = plan(ensemble=EnsembleConfig(3, 3), policy=PolicyConfig(["single", "window"]), window=WindowConfig([0.2]))
    pair = plan(ensemble=EnsembleConfig(2, 3), policy=PolicyConfig(["single", "window"]), window=WindowConfig([0.2]))
    both = pd.concat([compute(pool(store, "s1", members=3), p).table() for p in (trio, pair)])
    sizes = points(both, FigureConfig("f", kind="sizes", panels=["cov@20"], size=[1, 2, 3]))
    assert list(sizes.line) == ["M = 1", "M = 2", "M = 3"]
    assert sizes["count"].tolist() == [6, 6, 6]  # members, in either sweep; pairs and triples in every order
    with pytest.raises(WeeError, match=r"cascades of \[2, 3\] networks; choose with figure.size=2"):
        points(both, FigureConfig("f", panels=["cov@20"], policies=["window"]))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (FigureConfig("f", panels=["cov@7"]), r"no cov@7 of policy single.*wee sweep score=msp task.names=\[cov@7\]"),
        (FigureConfig("f", panels=["cov@20"], width=0.33), r"policy window at width 0.33.*window.width=0.33"),
        (FigureConfig("f", panels=["cov@20"], policies=["windows"]), "no policy 'windows'; did you mean 'window'"),
        (FigureConfig("f", kind="tradeoff", panels=["cov@20"], scale="s9"), "no scale in these sweeps 's9'"),
    ],
)
def test_what_was_not_swept_is_named(table: pd.DataFrame, config: FigureConfig, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        points(table, config)


@pytest.mark.parametrize("kind", ["curves", "tradeoff", "hypervolume", "widths"])
def test_every_kind_is_drawn(table: pd.DataFrame, tmp_path: Path, kind: str) -> None:
    widths = {"width": [0.1, 0.2]} if kind == "widths" else {}
    config = FigureConfig("f", kind=kind, panels=["cov@20", "risk@50", "cov@20.0"][:2], **widths)  # type: ignore[arg-type]
    figure = draw(points(table, config), config)
    visible = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title(loc="left") for axis in visible] == ["Cov@20 (%) ↑", "Risk@50 (%) ↓"]
    figure.savefig(tmp_path / "f.pdf")
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")


def test_two_families_are_told_apart(table: pd.DataFrame) -> None:
    both = pd.concat([table, table.assign(family="other")])
    config = FigureConfig("f", panels=["cov@20"])
    figure = draw(points(both, config), config)
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert len(labels) == len(set(labels)) == 6
    assert "other: ensembles" in labels


def test_si() -> None:
    assert [si(x) for x in (10, 1e5, 1.5e6, 1e9)] == ["10", "100 k", "1.5 M", "1 G"]
