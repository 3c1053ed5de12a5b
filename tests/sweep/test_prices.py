"""Sweeps that are priced by another cost than MACs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.stores import fill_store
from tests.helpers.sweeps import plan
from wee.data.splits import TEST, VAL
from wee.errors import WeeError
from wee.store import Address, LogitStore, MeasuredCost
from wee.sweep.config import BootstrapConfig, PolicyConfig, TaskConfig
from wee.sweep.differences import averages, differences, equal_quality
from wee.sweep.fronts import fronts, read_reference
from wee.sweep.pool import Pool, Unpriced, read_pool
from wee.sweep.prices import completed
from wee.sweep.results import read_table, read_tables, save
from wee.sweep.rounding import effect, effect_summary
from wee.sweep.run import Result, compute
from wee.sweep.summary import summary

FACTOR = 1e-3
"""What one MAC costs."""

SPLITS = [VAL, TEST]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LogitStore:
    """Three scales; the validation entry of each member knows its parameters, and under which batch size."""
    store = fill_store(tmp_path_factory.mktemp("store"), scales=("s1", "s2", "s3"), count=120)
    for place, scale in enumerate(("s1", "s2", "s3")):
        for member in range(2):
            (entry,) = store.find(Address("toy", "made", scale, member, VAL))
            for batch in (1, 8):
                cost = MeasuredCost("parameters", [FACTOR * 1e6 * 3**place / batch], {"batch": batch})
                entry.add_cost(cost)
    return store


def read(store: LogitStore, scale: str, cost: str = "parameters", **conditions: object) -> Pool:
    found, missing = read_pool(store, "toy", "made", [scale], [0, 1], SPLITS, [], cost=cost, conditions=conditions)
    assert found is not None, missing
    return found


@pytest.fixture(scope="module")
def results(store: LogitStore) -> dict[str, Result]:
    wanted = plan(
        policy=PolicyConfig(["single", "ensemble", "window"]),
        task=TaskConfig(["cov@20"], []),
        bootstrap=BootstrapConfig(20),
    )
    results = {"macs": Result(), "parameters": Result()}
    for scale in ("s1", "s2", "s3"):
        results["macs"].extend(compute(read(store, scale, "macs"), wanted))
        results["parameters"].extend(compute(read(store, scale, batch=1), wanted))
    return results


def test_prices_follow_the_cost_and_nothing_else_does(results: dict[str, Result]) -> None:
    macs, other = results["macs"].table(), results["parameters"].table()
    assert set(macs.cost) == {"macs"}
    assert set(other.cost) == {"parameters"}
    assert (macs.macs == macs.price).all()
    assert (macs.macs_id == macs.price_id).all()
    assert other[["macs", "macs_id", "macs_ood"]].isna().all(axis=None)
    assert np.allclose(other.price, FACTOR * macs.price)
    assert np.allclose(other.value, macs.value)


def test_every_comparison_is_at_the_chosen_cost(results: dict[str, Result]) -> None:
    """A cost that is a multiple of MACs gives the same comparisons."""
    for compare in (averages, differences, equal_quality):
        macs, other = (compare(results[cost].table(), results[cost], 0.95) for cost in ("macs", "parameters"))
        assert set(other.cost) == {"parameters"}
        twins = [column for column in macs if "macs" in column]
        prices = [column.replace("macs", "price") for column in twins]
        assert set(prices) <= set(other.columns)
        assert other[twins].isna().all(axis=None)
        assert (macs[twins].to_numpy() == macs[prices].to_numpy()).all()
        assert np.allclose(other[prices], FACTOR * macs[prices], equal_nan=True)
        numbers = [column for column in ("value", "difference", "share", "lower", "upper") if column in macs]
        assert np.allclose(other[numbers], macs[numbers], equal_nan=True)
        assert len(macs) > 5


def test_fronts_of_two_costs_do_not_compete(results: dict[str, Result], tmp_path: Path) -> None:
    tables = {cost: result.table() for cost, result in results.items()}
    alone = {cost: fronts(table) for cost, table in tables.items()}
    both = fronts(pd.concat(tables.values(), ignore_index=True))
    pd.testing.assert_frame_equal(both, pd.concat(alone.values(), ignore_index=True), check_dtype=False)
    assert np.allclose(alone["parameters"].hypervolume, alone["macs"].hypervolume)
    for cost, front in alone.items():
        save(tmp_path / cost / "a", {"table.csv": tables[cost], "fronts.csv": front}, {})
    reference = read_reference("parameters", tmp_path, "parameters")
    assert np.allclose(fronts(tables["parameters"], reference).ref_price, alone["parameters"].ref_price)
    with pytest.raises(WeeError, match="is priced by macs, and the points here by parameters"):
        read_reference("macs", tmp_path, "parameters")
    assert len(read_tables([tmp_path / cost / "a" for cost in tables])) == sum(map(len, tables.values()))


def test_printed_tables_name_the_cost(results: dict[str, Result]) -> None:
    table = results["parameters"].table()
    shown = summary(table, plan().metrics[:1])
    assert str(shown.columns[3].header) == "parameters"
    assert str(shown.caption).startswith("parameters: of an ID sample")
    assert next(iter(shown.columns[3].cells)) == "1 k"
    rounded = effect_summary(effect(table, table), "float16")
    assert "average parameters" in list(rounded.columns[0].cells)


def test_members_without_the_cost_are_named(store: LogitStore) -> None:
    with pytest.raises(
        Unpriced, match=r"2 members have no cost watts: made/s1 member 0, made/s1 member 1 .known: macs, par"
    ):
        read(store, "s1", "watts")
    with pytest.raises(
        Unpriced, match=r'no cost parameters under the conditions {"batch": 2}: .*known: {"batch": 1}, {"batch": 8}'
    ):
        read(store, "s1", batch=2)
    with pytest.raises(WeeError, match=r"has 2 costs parameters, measured under different conditions"):
        read(store, "s1")


def test_tables_that_have_macs_alone_are_still_read(results: dict[str, Result], tmp_path: Path) -> None:
    """Tables of wee before it had other costs."""
    table = results["macs"].table()
    old = table.drop(columns=["cost", "price", "price_id", "price_ood"])
    old.to_csv(tmp_path / "table.csv", index=False)
    found = read_table(tmp_path)
    assert set(found.cost) == {"macs"}
    assert np.allclose(found[["price", "price_id"]], table[["price", "price_id"]])
    assert list(completed(table).columns) == list(table.columns)
