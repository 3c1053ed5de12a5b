"""The catalogue of figure kinds, and kinds of one's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.figures import draw, points
from wee.errors import WeeError
from wee.figures.config import LIST_FIELDS, SELECTIVE_FIELDS, FigureConfig
from wee.figures.kinds import AVERAGES, FIGURE_KINDS, STUDY, TABLE

PLUGIN = '''
from wee.figures.kinds import TABLE
from wee.figures.kinds.base import FigureKind

class Counts(FigureKind):
    """How many rows each policy has."""

    reads = (TABLE,)
    fields = ("scale",)

    def points(self, tables, config):
        return tables[TABLE].groupby("policy").size().rename("rows").reset_index()

    def draw(self, points, config, labels):
        from matplotlib.figure import Figure

        figure = Figure()
        figure.subplots().bar(points.policy, points.rows)
        return figure

class Half(FigureKind):
    def points(self, tables, config):
        return tables[TABLE]

class Hungry(Counts):
    reads = ("tabel",)

number = 3
ready = Counts()
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module with kinds of figures, unlike that of any other test."""
    name = f"plugged_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_a_plugin_is_checked_computed_and_drawn_like_a_built_in_kind(plugin: str) -> None:
    kind = FIGURE_KINDS.find(f"{plugin}:Counts")
    assert (kind.name, kind.label, kind.help) == (f"{plugin}:Counts", "Counts", "How many rows each policy has.")
    config = FigureConfig("f", kind=kind.name, panels=["cov@20"], scale="s1")
    table = pd.DataFrame({"policy": ["single", "window", "window"]})
    rows = points(table, config)
    assert rows.to_dict("list") == {"policy": ["single", "window"], "rows": [1, 2]}
    assert len(draw(rows, config).axes[0].patches) == 2
    with pytest.raises(WeeError, match=f"figure.split is for figure.kind=.*this figure's kind is {plugin}:Counts"):
        FigureConfig("f", kind=kind.name, panels=["cov@20"], split="shift-fog")
    with pytest.raises(WeeError, match=r"a list of them is for figure.kind=widths, and only there"):
        FigureConfig("f", kind=kind.name, panels=["cov@20"], width=[0.1])
    assert FIGURE_KINDS.find(f"{plugin}:ready").name == f"{plugin}:ready"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Half", "the kind of figure .*:Half has no draw; a kind of figure needs points, draw"),
        ("number", "number is no kind of figure: derive its class from wee.figures.kinds.FigureKind"),
        ("Hungry", "there is no table 'tabel'; did you mean 'table'.*Hungry reads it"),
        ("Absent", "has no Absent"),
    ],
)
def test_a_plugin_that_is_no_kind_of_figure_is_refused(plugin: str, name: str, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        FigureConfig("f", kind=f"{plugin}:{name}", panels=["cov@20"])


def test_a_kind_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(WeeError, match="no kind of figure 'curve'; did you mean 'curves'.* named as module:Name"):
        FigureConfig("f", kind="curve", panels=["cov@20"])


def test_every_kind_describes_itself() -> None:
    for kind in FIGURE_KINDS.values():
        assert kind.label
        assert kind.help
        assert set(kind.reads) <= {TABLE, AVERAGES, STUDY}
        assert set(kind.fields) <= set(SELECTIVE_FIELDS)
        assert set(kind.lists) <= set(LIST_FIELDS)
    for field in SELECTIVE_FIELDS:
        assert any(field in kind.fields for kind in FIGURE_KINDS.values()), field


def test_the_catalogue_imports_nothing_that_draws() -> None:
    script = "import sys, wee.figures.config\nprint([m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
