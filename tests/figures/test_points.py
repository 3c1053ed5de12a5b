"""Figures: the numbers they draw, and what they say when something is not there."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tests.helpers.figures import averages, draw, points
from tests.helpers.stores import fill_store
from tests.helpers.sweeps import plan, pool, small
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.figures.config import FigureConfig
from wee.figures.labels import Labels
from wee.members.config import EnsembleConfig
from wee.sweep.config import BASELINE, PolicyConfig, TaskConfig, WindowConfig
from wee.sweep.floor import AT_FLOOR, READ_AT_FLOOR
from wee.sweep.run import compute


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store = fill_store(tmp_path_factory.mktemp("store"), ood=True)
    wanted = plan(
        task=TaskConfig(["cov@20", "risk@50"], ["aurc", "accuracy", "auroc"]),
        window=WindowConfig([0, 0.1, 0.2, "all"]),
        ood=["far"],
    )
    splits = (VAL, TEST, SplitName.ood("far"))
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


def test_what_is_missing_of_a_certified_metric_names_its_task(table: pd.DataFrame) -> None:
    with pytest.raises(WeeError, match=r"task.names=\[cov@20\] task.metrics=\[certified@20\]"):
        points(table, FigureConfig("f", panels=["certified@20"], policies=["window"]))


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


def test_a_figure_shows_one_share_of_ood_data(table: pd.DataFrame) -> None:
    other = table[table.ood.notna()].assign(ood_share=0.1, value=lambda rows: rows.value / 2)
    both = pd.concat([table, other], ignore_index=True)
    settings = {"panels": ["risk@50"], "ood": "all"}
    half, tenth = (
        points(both, FigureConfig("f", **settings)),
        points(both, FigureConfig("f", ood_share=0.1, **settings)),
    )  # type: ignore[arg-type]
    assert half.value.equals(points(table, FigureConfig("f", **settings)).value)  # type: ignore[arg-type]
    assert tenth.value.tolist() == pytest.approx((half.value / 2).tolist())
    with pytest.raises(WeeError, match="no share of OOD data in these sweeps '0.3'"):
        points(both, FigureConfig("f", ood_share=0.3, **settings))  # type: ignore[arg-type]


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


def test_lineups_across_scales_are_points_beside_the_line(tmp_path: Path) -> None:
    store = fill_store(tmp_path, scales=("s1", "s2", "s3"), count=60)
    mixes = (["s1"], ["s2"], ["s3"], ["s1", "s2"], ["s1", "s3"])
    tables = {tuple(scales): compute(pool(store, *scales), small()).table() for scales in mixes}
    config = FigureConfig("f", panels=["cov@20"])
    found = points(pd.concat(tables.values()), config)
    across = found[~found.joined]
    assert list(dict.fromkeys(across.line)) == ["ensembles, across scales", "window cascades, across scales"]
    assert set(across.scale) == {"s1>s2", "s1>s3"}
    for line in ("single models", "ensembles", "window cascades"):
        rows = found[found.line == line]
        assert rows.joined.all()
        assert list(rows.scale) == ["s1", "s2", "s3"]  # ordered by cost
    drawn = {str(line.get_label()): line for axis in draw(found, config).axes for line in axis.lines}
    styles = {label: (str(line.get_linestyle()), line.get_markerfacecolor()) for label, line in drawn.items()}
    assert styles["window cascades, across scales"] == ("None", "white")
    assert styles["window cascades"][0] != "None"
    widths = points(pd.concat(tables.values()), FigureConfig("f", kind="widths", panels=["cov@20"], width=[0.2]))
    assert list(dict.fromkeys(widths.line)) == ["single models", "width 0.2", "width 0.2, across scales"]
    # Without lineups within scales, those across scales are the line.
    alone = [rows for scales, rows in tables.items() if len(scales) > 1]
    mixed = points(pd.concat(alone), FigureConfig("f", panels=["cov@20"], policies=["window"]))
    assert list(mixed.line) == ["window cascades"] * 2
    assert mixed.joined.all()


def test_values_at_the_smallest_coverage_are_ringed(table: pd.DataFrame) -> None:
    marked = table.assign(**{AT_FLOOR: (table.metric == "cov@20") & (table.scale == "s1") & (table.policy == "single")})
    config = FigureConfig("f", panels=["cov@20", "risk@50"])
    found = points(marked, config)
    assert found[found[AT_FLOOR] > 0][["panel", "scale", "look", AT_FLOOR]].to_numpy().tolist() == [
        ["cov@20", "s1", "single", 2]
    ]
    figure = draw(found, config)
    rings = [[line for line in axis.lines if line.get_markersize() == 7] for axis in figure.axes]
    assert [len(lines) for lines in rings] == [1, 0]
    ringed = found[found[AT_FLOOR] > 0].iloc[0]
    assert rings[0][0].get_xydata().tolist() == [[ringed.price, ringed.value]]
    assert READ_AT_FLOOR in " ".join(str(figure.get_supxlabel()).split())
    without = draw(points(table, config), config)
    assert "ringed" not in str(without.get_supxlabel())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (FigureConfig("f", panels=["cov@7"]), r"no cov@7 of policy single.*wee sweep score=msp task.names=\[cov@7\]"),
        (FigureConfig("f", panels=["cov@20"], width=0.33), r"policy window at width 0.33.*window.width=0.33"),
        (FigureConfig("f", panels=["ece"]), r"no ece of policy single.*wee sweep score=msp task.metrics=\[ece\]"),
        (FigureConfig("f", panels=["deployed_cov@7"]), r"no deployed_cov@7 of.*task.names=\[TASK@7\]"),
        (FigureConfig("f", panels=["cov@20"], split="shift-fog"), "no split in these sweeps 'shift-fog'"),
        (FigureConfig("f", kind="tradeoff", panels=["cov@20"], scale="s9"), "no scale in these sweeps 's9'"),
    ],
)
def test_what_was_not_swept_is_named(table: pd.DataFrame, config: FigureConfig, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        points(table, config)


CURVES = FigureConfig("f", panels=["cov@20", "accuracy"])


def test_bars_are_intervals_where_sweeps_have_them(table: pd.DataFrame) -> None:
    known = averages(table)
    spread, found = points(table, CURVES), points(table, CURVES, known)
    assert len(found) == len(spread) == 2 * 3 * 2
    assert set(found.bars) == {"interval"}
    assert set(found.level) == {0.95}
    assert np.allclose(found.low, found.value - 3)
    assert np.allclose(found.high, found.value + 2)
    pd.testing.assert_frame_equal(found[["price", "value", "count"]], spread[["price", "value", "count"]])
    assert set(points(table, CURVES, averages(table, seeds=4)).bars) == {"interval with seeds"}


def test_without_intervals_bars_are_the_least_and_the_greatest_of_several_values(table: pd.DataFrame) -> None:
    undefined = averages(table).assign(lower=np.nan, upper=np.nan)
    for known in (None, averages(table)[:0], undefined):
        found = points(table, CURVES, known)
        assert found.groupby("look").bars.unique().map(list).to_dict() == {
            "single": ["spread"], "window": ["spread"], "ensemble": [""],
        }  # fmt: skip
        assert ((found.low <= found.value) & (found.value <= found.high)).all()
        assert (found.low < found.high).any()
        assert found.level.isna().all()


def test_intervals_of_another_mean_are_not_used(table: pd.DataFrame) -> None:
    """A sweep of fewer members averages fewer values for the same setting."""
    of_one_scale = averages(table)[lambda rows: rows.scale == "s1"]
    fewer = averages(table[table.members.isin(["0", "0+1"])])  # the ensemble is the same
    found = points(table, CURVES, pd.concat([fewer, of_one_scale]))
    assert set(found[found.scale == "s1"].bars) == {"interval"}
    assert found[found.scale == "s2"].groupby("look").bars.unique().map(list).to_dict() == {
        "single": ["spread"], "window": ["spread"], "ensemble": ["interval"],
    }  # fmt: skip
    moved = averages(table).assign(value=lambda rows: rows.value + 1e-3)
    assert "interval" not in set(points(table, CURVES, moved).bars)


def test_the_same_point_of_two_sweeps_is_one_point(table: pd.DataFrame) -> None:
    twice = pd.concat([averages(table), averages(table, level=0.9)])
    found = points(table, CURVES, twice)
    assert len(found) == 2 * 3 * 2
    assert set(found.level) == {0.95}


def test_points_name_their_settings(table: pd.DataFrame) -> None:
    found = points(table, FigureConfig("f", panels=["risk@50"], ood="far", adjusted=True), averages(table))
    assert set(found.bars) == {"interval"}
    window = found[found.look == "window"].iloc[0]
    assert [window[key] for key in ("ood", "task", "width", "adjusted", "eval_score")] == [
        "far", "risk@50", 0.2, False, "msp",
    ]  # fmt: skip
    assert found[found.look == "adjusted"].adjusted.all()
    assert set(found[found.look == "single"].width) == {""}


def test_exits_are_points_of_their_own(table: pd.DataFrame) -> None:
    single = table[table.policy == "single"]
    exits = pd.concat([single.assign(exits=str(k), price=single.price * k) for k in (1, 2)])
    found = points(exits, FigureConfig("f", panels=["cov@20"], policies=["single"]))
    assert list(found.note) == ["exit 1", "exit 2", "exit 1", "exit 2"]
    assert list(found.macs) == [1e6, 2e6, 3e6, 6e6]


def test_a_tradeoff_does_not_mix_cascades_of_several_sizes(table: pd.DataFrame) -> None:
    larger = table[table.policy == "window"].assign(size=3)
    with pytest.raises(WeeError, match=r"cascades of \[2, 3\] networks; choose with figure.size=2"):
        points(pd.concat([table, larger]), FigureConfig("f", kind="tradeoff", panels=["cov@20"]))


def test_deployed_metrics_show_the_windows_of_their_own_task(table: pd.DataFrame) -> None:
    task = table[(table.metric == "risk@50") & (table.task.isna() | (table.task == "risk@50"))]
    deployed = task.assign(metric="deployed_risk@50")
    found = points(pd.concat([table, deployed]), FigureConfig("f", panels=["cov@20", "deployed_risk@50"]))
    assert list(found[(found.metric == "deployed_risk@50") & (found.look == "window")].task) == ["risk@50"] * 2


def test_hypervolumes_take_the_reference_and_keep_the_order_of_policies(table: pd.DataFrame) -> None:
    policies = ["window", "single", BASELINE]
    config = FigureConfig("f", kind="hypervolume", panels=["cov@20", "risk@50"], policies=policies)
    two = pd.concat([table, table.assign(family="other")])
    reference = pd.DataFrame({"metric": table.metric.unique(), "ref_price": 9e6, "ref_value": 12.0})
    bars = points(two, config, reference=reference)
    assert list(bars.look) == policies * 4
    assert list(bars.panel[::3]) == [
        f"{metric} toy {family}" for metric in config.panels for family in ("made", "other")
    ]
    assert set(zip(bars.ref_macs, bars.ref_value, strict=True)) == {(9e6, 12.0)}
    of_table = points(table, config)
    assert set(of_table.panel) == {"cov@20", "risk@50"}
    assert 12.0 not in set(of_table.ref_value)


def test_a_front_that_was_not_swept_is_named(table: pd.DataFrame) -> None:
    config = FigureConfig("f", kind="hypervolume", panels=["cov@20"], policies=["threshold"])
    with pytest.raises(WeeError, match="no front of cov@20 for policy threshold; sweep it: wee sweep policy=all"):
        points(table[table.policy != "threshold"], config)


@pytest.mark.parametrize("kind", ["curves", "tradeoff", "hypervolume", "widths", "sizes"])
def test_every_kind_is_drawn(table: pd.DataFrame, kind: str) -> None:
    lists: dict[str, object] = {"widths": {"width": [0.1, 0.2]}, "sizes": {"size": [1, 2]}}.get(kind, {})  # type: ignore[assignment]
    config = FigureConfig("f", kind=kind, panels=["cov@20", "risk@50"], **lists)  # type: ignore[arg-type]
    figure = draw(points(table, config, averages(table)), config)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["Cov@20 (%) ↑", "Risk@50 (%) ↓"]
    assert all(axis.lines for axis in figure.axes)
    plt.close(figure)


def test_the_axis_names_the_cost(table: pd.DataFrame) -> None:
    priced = table.assign(cost="mine:Energy")
    labels = Labels(costs={"mine:Energy": "energy"}, units={"mine:Energy": "J"})
    for rows, known, axis, limit in (
        (table, labels, "average MACs", " MACs"),
        (priced, labels, "average energy (J)", " J"),
        (priced, None, "average mine:Energy", " mine:Energy"),
    ):
        config = FigureConfig("f", panels=["cov@20"])
        assert draw(points(rows, config), config, known).axes[0].get_xlabel() == axis
        config = FigureConfig("f", kind="hypervolume", panels=["cov@20"])
        assert draw(points(rows, config), config, known).axes[0].get_xlabel().endswith(limit)
        plt.close("all")
    with pytest.raises(WeeError, match="priced by macs and mine:Energy, and a figure shows one cost: choose sweeps of"):
        points(pd.concat([table, priced]), FigureConfig("f", panels=["cov@20"]))
