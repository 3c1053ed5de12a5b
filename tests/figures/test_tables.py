"""The tables that a kind of figure is given."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.stores import fill_store
from tests.helpers.sweeps import plan, pool
from wee.errors import WeeError
from wee.figures.config import FigureConfig
from wee.figures.kinds import FIGURE_KINDS, REFERENCE, TABLE
from wee.figures.tables import read_tables_of
from wee.sweep.fronts import fronts
from wee.sweep.results import save
from wee.sweep.run import compute


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two sweeps, one priced by MACs and one by a plug-in's cost."""
    root = tmp_path_factory.mktemp("sweeps")
    table = compute(pool(fill_store(root / "store"), "s1"), plan()).table()
    for name, rows in {"macs": table, "energy": table.assign(cost="mine:Energy", macs=float("nan"))}.items():
        save(root / name / "key", {"table.csv": rows, "fronts.csv": fronts(rows)}, {})
    return root


def tables(root: Path, *sweeps: str, reference: str | None = None) -> dict[str, pd.DataFrame]:
    config = FigureConfig("f", kind="hypervolume", panels=["cov@20"], reference=reference)
    return read_tables_of(FIGURE_KINDS["hypervolume"], config, [root / name / "key" for name in sweeps], root)


@pytest.mark.parametrize("name", ["macs", "energy"])
def test_a_reference_is_read_where_the_config_names_one(root: Path, name: str) -> None:
    assert set(tables(root, name)) == {TABLE}
    given = tables(root, name, reference=name)
    assert set(given) == {TABLE, REFERENCE}
    assert given[REFERENCE].ref_price.gt(0).any()


def test_a_reference_is_priced_by_the_cost_of_the_sweeps(root: Path) -> None:
    with pytest.raises(WeeError, match="is priced by macs, and the points here by mine:Energy"):
        tables(root, "energy", reference="macs")
    with pytest.raises(WeeError, match="priced by macs and mine:Energy, and a figure shows one cost"):
        tables(root, "macs", "energy", reference="macs")
