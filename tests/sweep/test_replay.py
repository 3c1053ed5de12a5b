"""Shares of samples that go on, recomputed from saved rules and stored logits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.stores import fill_store
from tests.helpers.sweeps import exits, plan, pool
from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.store import LogitStore
from wee.sweep.config import PolicyConfig, TaskConfig, WindowConfig
from wee.sweep.plan import Plan
from wee.sweep.pool import Pool
from wee.sweep.replay import Replayed, Selection, read_settings
from wee.sweep.results import TABLE, save
from wee.sweep.run import Result, compute

EVERY = Selection(
    ["single", "ensemble", "window", "threshold", "random"], ["cov@20", "risk@50"], [0.0, 0.2, "all"], [0.2, 0.3]
)


def saved_sweep(folder: Path, pools: list[Pool], made: Plan) -> pd.DataFrame:
    """Write a sweep as the command does."""
    result = Result()
    for networks in pools:
        result.extend(compute(networks, made))
    entries = [[str(entry.address), entry.key, entry.checksum] for networks in pools for entry in networks.entries]
    about = {"name": "toy", "entries": entries, "cost": {"measure": "macs", "conditions": {}}}
    save(folder, {TABLE: result.table()}, about, result.rules)
    return result.table()


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LogitStore, pd.DataFrame]:
    """A sweep of two scales, and a cascade across them, with temperatures, three members and certified systems."""
    folder = tmp_path_factory.mktemp("replay")
    store = fill_store(folder / "store", members=3)
    ensemble = EnsembleConfig(members=3, temperature=True)
    pools = [pool(store, "s1", members=3), pool(store, "s2", members=3), pool(store, "s1", "s2", members=3)]
    task = TaskConfig(["cov@20", "risk@50"], ["accuracy", "certified@20"])
    made = plan(ensemble=ensemble, window=WindowConfig([0, 0.2, "all"]), task=task)
    table = saved_sweep(folder / "sweep", pools, made)
    return folder / "sweep", store, table


def price_of(setting: Replayed, table: pd.DataFrame) -> float:
    """The mean over lineups of the average price of a setting on the test set, as in the table."""
    rows = table[(table.split == "test") & table.ood.isna() & (table.metric != "certified@20")]
    for name, value in setting.columns.items():
        rows = rows[rows[name].isna()] if value is None else rows[rows[name] == value]
    assert len(setting.rules) == len(rows.members.unique())
    return float(rows.groupby("members").price_id.first().mean())


def test_shares_give_the_prices_of_the_table(swept: tuple[Path, LogitStore, pd.DataFrame]) -> None:
    folder, store, table = swept
    settings = read_settings(folder, store, EVERY)
    assert [vars(one)["columns"] for one in read_settings(folder / TABLE, store, EVERY)] == [
        one.columns for one in settings
    ]
    macs = {"s1": 1e6, "s2": 3e6}
    seen = set()
    for setting in settings:
        scales = [member.scale for member in setting.rules[0].lineup]
        costs = [macs[scale] for scale in scales]
        assert setting.reaching[0] == 1
        assert np.dot(setting.reaching, costs) == pytest.approx(price_of(setting, table))
        seen.add((setting.columns["policy"], setting.columns["scale"], setting.columns["width"]))
        if setting.columns["width"] == "all" or setting.columns["policy"] == "ensemble":
            assert (setting.reaching == 1).all()
    assert {("window", "s1>s2", 0.2), ("window", "s2", "all"), ("random", "s1", None), ("single", "s1", None)} <= seen


def test_shares_of_exits_give_the_prices_of_the_table(tmp_path: Path) -> None:
    networks = exits(tmp_path / "store")
    policy = PolicyConfig(["single", "window"])
    made = plan(ensemble=EnsembleConfig(members=1, size=1, exits=[1, 2, 3]), policy=policy, window=WindowConfig([0.5]))
    table = saved_sweep(tmp_path / "sweep", [networks], made)
    selection = Selection(["single", "window"], ["cov@20"], [0.5])
    settings = read_settings(tmp_path / "sweep", LogitStore(tmp_path / "store"), selection)
    assert [one.columns["exits"] for one in settings] == ["1", "2", "3", "1+2+3"]
    cascade = settings[-1]
    assert np.dot(cascade.reaching, [1.0, 1.5, 1.5]) == pytest.approx(price_of(cascade, table))
    assert 0 < cascade.reaching[2] < cascade.reaching[1] < 1


def test_the_first_task_and_the_policies_of_the_paper_are_chosen(swept: tuple[Path, LogitStore, pd.DataFrame]) -> None:
    settings = read_settings(*swept[:2], Selection())
    assert {one.columns["policy"] for one in settings} == {"single", "ensemble", "window"}
    assert {one.columns["task"] for one in settings} == {None, "cov@20"}
    assert {one.columns["width"] for one in settings} == {None, 0.2}
    sizes = {one.columns["size"] for one in read_settings(*swept[:2], Selection(["single"], sizes=[7]))}
    assert sizes == {1}


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(tasks=["cov@5"]), r"there is no task in this sweep 'cov@5'.*Known: cov@20, risk@50"),
        (
            Selection(widths=[0.4]),
            r"no such setting of policy window; it has task cov@20, risk@50; width 0.0, 0.2, all",
        ),
        (Selection(["last"]), "has no setting of policy last; choose settings.policies from single, ensemble"),
    ],
)
def test_settings_that_are_not_there_are_named(
    swept: tuple[Path, LogitStore, pd.DataFrame], selection: Selection, message: str
) -> None:
    with pytest.raises(WeeError, match=message):
        read_settings(*swept[:2], selection)


def test_a_table_without_its_sweep_is_refused(swept: tuple[Path, LogitStore, pd.DataFrame], tmp_path: Path) -> None:
    swept[2].to_csv(tmp_path / "other.csv")
    with pytest.raises(WeeError, match="other.csv is no folder of a sweep"):
        read_settings(tmp_path / "other.csv", swept[1], Selection())


def test_a_store_with_other_logits_is_refused(swept: tuple[Path, LogitStore, pd.DataFrame], tmp_path: Path) -> None:
    with pytest.raises(WeeError, match=r"other has no toy/made/s1/member 0/test than the sweep toy has read"):
        read_settings(swept[0], LogitStore(tmp_path / "other"), Selection())
    other = fill_store(tmp_path / "other", members=3, seed=1)
    with pytest.raises(WeeError, match=r"has other logits than the sweep toy has read: give the store of that sweep"):
        read_settings(swept[0], other, Selection())


def test_a_sweep_whose_numbers_are_others_is_refused(
    swept: tuple[Path, LogitStore, pd.DataFrame], tmp_path: Path
) -> None:
    table = swept[2]
    about = json.loads((swept[0] / "sweep.json").read_text())
    save(tmp_path / "sweep", {TABLE: table.assign(price_id=table.price_id * 1.01)}, about)
    (tmp_path / "sweep" / "rules.jsonl").write_bytes((swept[0] / "rules.jsonl").read_bytes())
    with pytest.raises(WeeError, match="do not give the numbers of .*window of s1 costs"):
        read_settings(tmp_path / "sweep", swept[1], Selection())
    (tmp_path / "sweep" / "rules.jsonl").unlink()
    with pytest.raises(WeeError, match="there are no fitted rules at .*sweep again"):
        read_settings(tmp_path / "sweep", swept[1], Selection())
