"""What a figure does not draw of its tables is named, with the override that draws it."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from tests.helpers.figures import points
from tests.helpers.stores import fill_store
from tests.helpers.sweeps import plan, pool
from wee.figures.config import FigureConfig
from wee.figures.left_out import left_out
from wee.sweep.config import TaskConfig, WindowConfig
from wee.sweep.run import compute


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """A table with four widths, two quantiles of the threshold and two evaluation scores."""
    wanted = plan(task=TaskConfig(["cov@20"], ["accuracy"]), window=WindowConfig([0.1, 0.2, 0.4, "all"]))
    store = fill_store(tmp_path_factory.mktemp("store"), scales=("s1",), count=60)
    return compute(pool(store, "s1"), wanted).table()


def sentences(table: pd.DataFrame, **settings: Any) -> tuple[list[str], FigureConfig]:
    """What is left out of a figure of the table, and the config of the figure."""
    config = FigureConfig("f", **{"panels": ["cov@20"], **settings})
    return left_out({"table": table}, points(table, config), config), config


def test_widths_are_named_with_overrides_that_draw_them(table: pd.DataFrame) -> None:
    (scores, widths), _ = sentences(table)
    assert scores == (
        "the results are those ranked by msp; these sweeps also have energy: figure.score=energy name=NAME draws another figure"
    )
    assert widths == (
        "the windows are those of width 0.2; these sweeps also have 0.1, 0.4, all: figure.width=0.1 name=NAME draws another "
        "figure, and figure.kind=widths 'figure.width=[0.1,0.2,0.4,all]' name=NAME one with a curve for each"
    )
    _, config = sentences(table, kind="widths", width=[0.1, 0.2, 0.4, "all"])
    drawn = points(table, config)
    assert [name for name in drawn.line.unique() if "width" in name] == [f"width {w}" for w in (0.1, 0.2, 0.4, "all")]


def test_a_figure_of_several_widths_names_the_others(table: pd.DataFrame) -> None:
    (_, widths), _ = sentences(table, kind="widths", width=[0.1, 0.2])
    assert "the windows are those of width 0.1 and 0.2; these sweeps also have 0.4, all" in widths
    assert widths.endswith("'figure.width=[0.1,0.2,0.4,all]' draws them")
    assert len(sentences(table, kind="widths", width=[0.1, 0.2, 0.4, "all"])[0]) == 1
    assert len(sentences(table, kind="tradeoff")[0]) == 1  # draws every width


def test_only_parameters_of_drawn_policies_are_named(table: pd.DataFrame) -> None:
    assert not any("thresholds" in sentence for sentence in sentences(table)[0])
    told, _ = sentences(table, policies=["single", "threshold"])
    assert not any("windows" in sentence for sentence in told)
    assert any(
        re.search(r"random exits are those at 0.2; these sweeps also have 0.5: figure.fraction=0.5", s) for s in told
    )


def test_many_widths_are_not_all_listed() -> None:
    widths = [round(0.05 * k, 2) for k in range(20)]
    table = pd.DataFrame({"policy": "window", "width": [*widths, "all"]})
    config = FigureConfig("f", panels=["cov@20"])
    (told,) = left_out({"table": table}, pd.DataFrame({"policy": ["window"], "width": [0.2]}), config)
    assert "also have 0.0, 0.05, 0.1, 0.15, 0.25 and 15 more: figure.width=0.0" in told
    assert "'figure.width=[0.0,0.2,0.4,0.6,0.8,all]'" in told


def test_the_width_stands_in_the_legend_where_there_are_several(table: pd.DataFrame) -> None:
    config = FigureConfig("f", panels=["cov@20"], policies=["single", "threshold", "window"])
    names = ["single models", "single threshold, quantile 0.2", "window cascades, width 0.2"]
    assert list(points(table, config).line.unique()) == names
    alone = table[~(table.width.isin([0.1, 0.4, "all"]) | (table.fraction == 0.5))]
    assert list(points(alone, config).line.unique()) == ["single models", "single threshold", "window cascades"]


def test_numbers_without_scores_or_widths_leave_nothing_out() -> None:
    tables = {"table": pd.DataFrame({"eval_score": ["msp", None, "energy"]}), "study": pd.DataFrame()}
    config = FigureConfig("f", panels=["cov@20"])
    assert left_out(tables, pd.DataFrame({"value": [1.0]}), config) == []
    assert left_out(tables, pd.DataFrame({"eval_score": [""]}), config) == []
    assert len(left_out(tables, pd.DataFrame({"eval_score": ["msp", ""]}), config)) == 1
