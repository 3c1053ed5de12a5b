"""The figure of a study of the validation set's size."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.helpers.figures import draw, points
from tests.helpers.stores import fill_store
from tests.helpers.sweeps import plan, pool
from wee.errors import WeeError
from wee.figures.config import FigureConfig
from wee.figures.kinds.validation import COLUMNS
from wee.figures.labels import Labels
from wee.sweep.config import PolicyConfig, TaskConfig, ValidationStudyConfig, WindowConfig
from wee.sweep.results import read_validation
from wee.sweep.validation import study


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """As it is read from a sweep's folder."""
    folder = tmp_path_factory.mktemp("store")
    store = fill_store(folder)
    wanted = plan(
        policy=PolicyConfig(["single", "ensemble", "window"]),
        window=WindowConfig([0.2, "all"]),
        task=TaskConfig(["cov@40", "risk@80"], []),
    )
    parts = [study(pool(store, scale), wanted, ValidationStudyConfig([60, 300], draws=3)) for scale in ("s1", "s2")]
    pd.concat(parts).to_csv(folder / "validation.csv", index=False)
    return read_validation([folder])


def config(**changes: object) -> FigureConfig:
    return FigureConfig(**{"name": "f", "kind": "validation", "panels": ["cov@40"], **changes})  # type: ignore[arg-type]


def test_points_are_the_medians_and_quantiles_of_one_scale(table: pd.DataFrame) -> None:
    found = points(table, config(panels=["cov@40", "risk@80"]))
    assert list(found.columns) == COLUMNS
    assert len(found) == 2 * 4 * 3 * 2  # tasks, quantities, policies, sizes of the validation set
    assert set(found.scale) == {"s1"}
    where = "scale == 's1' and policy == 'window' and width == 0.2 and task == 'cov@40' and eval_score == 'msp'"
    drawn = table.query(where + " and val_size == 60 and draw.notna()").groupby("members")
    (point,) = found.query("look == 'window' and panel == 'deployed_risk cov@40' and val_size == 60").itertuples()
    expected = [drawn.deployed_risk.quantile(q).mean() for q in (0.05, 0.5, 0.95)]
    assert [point.low, point.value, point.high] == pytest.approx(expected)
    (point,) = found.query("look == 'window' and panel == 'price cov@40' and val_size == 60").itertuples()
    assert point.value == pytest.approx(drawn.macs.median().mean() / 1e6)
    ends = found[(found.quantity == "price") & (found.val_size == 300)].groupby("look").value.first()
    assert (ends["single"], ends["ensemble"]) == (1, 2)
    assert set(points(table, config(scale="s2")).scale) == {"s2"}


def test_a_figure_has_four_panels_a_task_and_a_line_at_what_was_asked_for(table: pd.DataFrame, tmp_path: Path) -> None:
    asked = {
        "cov@40": ("risk at a threshold for Cov@40 (%) ↓", 40),
        "risk@80": ("coverage at that threshold (%) ↑", 80),
    }
    for task, (title, value) in asked.items():
        drawn = points(table, config(panels=[task]))
        figure = draw(drawn, config(), Labels(scales={"made/s1": "Small"}))
        panels = {axis.get_title(loc="left"): axis for axis in figure.axes}
        assert len(panels) == 4
        level = [line for line in panels[title].lines if list(line.get_ydata()) == [value, value]]
        assert [line.get_linestyle() for line in level] == ["--"]
        assert figure.axes[-1].get_xlabel() == "validation samples (Small)"
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [
            "single models", "ensembles", "window cascades",
        ]  # fmt: skip
        figure.savefig(tmp_path / "f.png", dpi=40)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"panels": ["cov@4"]}, "no task in this study 'cov@4'; did you mean 'cov@40'"),
        ({"policies": ["window", "random"]}, "no cov@40 of policy random"),
        ({"policies": ["windows"]}, "no policy 'windows'; did you mean 'window'"),
        ({"width": 0.3}, "no cov@40 of policy window .samples go on by msp, figure.width is 0.3"),
        ({"scale": "s9"}, "no scale in these sweeps 's9'"),
        ({"score": "energy"}, "no cov@40 of policy window .samples go on by energy"),
        ({"score": "gini"}, "no evaluation score in this study 'gini'"),
    ],
)
def test_what_was_not_studied_is_named(table: pd.DataFrame, changes: dict[str, object], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        points(table, config(**changes))


def test_a_panel_names_the_cost_and_shows_one(table: pd.DataFrame) -> None:
    priced = table.assign(cost="mine:Energy")
    labels = Labels(costs={"mine:Energy": "energy"})
    for rows, title in ((table, "average MACs / single"), (priced, "average energy / single")):
        figure = draw(points(rows, config()), config(), labels)
        assert any(axis.get_title(loc="left").startswith(title) for axis in figure.axes)
        plt.close(figure)
    with pytest.raises(WeeError, match="priced by macs and mine:Energy, and a figure shows one cost"):
        points(pd.concat([table, priced]), config())


def test_one_line_is_of_one_size_of_ensembles(table: pd.DataFrame) -> None:
    both = pd.concat([table, table[table.policy != "single"].assign(size=3)])
    with pytest.raises(WeeError, match="several settings of policy ensemble of s1.*figure.size"):
        points(both, config())
    pd.testing.assert_frame_equal(points(both, config(size=2)), points(table, config()))


def test_a_sweep_without_a_study_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(WeeError, match=r"no study .*wee sweep \+experiment=validation_size"):
        read_validation([tmp_path])
    (tmp_path / "table.csv").write_text("dataset,family\n")
    with pytest.raises(WeeError, match=r"table.csv has no column scale, .*is no study"):
        read_validation([tmp_path / "table.csv"])
    with pytest.raises(WeeError, match="is of one sweep, and here are 2"):
        read_validation([tmp_path, tmp_path])
