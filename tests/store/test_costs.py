"""Costs beside entries: added at any time, never overwritten, and of a damaged one it is said so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.store import Address, Entry, LogitStore, MeasuredCost
from wee.store.entry import Damaged

ADDRESS = Address("digits", "tiny", "s1", 0, VAL)
IDENTITY = {"weights": "aa"}
IDS = np.arange(6).astype("S")
CREATED = {"command": "wee evaluate", "created": "2026-01-01", "versions": {"wee": "1"}}
COMMITTED = Path(__file__).parents[2] / "experiments" / "cifar10" / "store"


def write(root: Path, cost: dict[str, Any], exits: int | None = None) -> Entry:
    labels = np.zeros(len(IDS), dtype=np.int64)
    shape = (len(IDS), 2) if exits is None else (len(IDS), exits, 2)
    with LogitStore(root).writer(ADDRESS, IDENTITY, labels, IDS, IDS) as writer:
        writer.add(np.arange(len(IDS)), np.zeros(shape, dtype=np.float32), labels)
        return writer.commit(cost, CREATED)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return write(tmp_path, {"macs": 5.0, "parameters": 7})


def content(entry: Entry) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in entry.folder.iterdir() if path.is_file()}


def test_a_manifests_costs_are_known_under_their_names(entry: Entry) -> None:
    assert entry.cost("macs") == MeasuredCost("macs", [5.0], {}, "2026-01-01", {"wee": "1"})
    assert [cost.name for cost in entry.costs] == ["macs", "parameters"]
    assert entry.cost("watts") is None


def test_a_cost_is_added_and_the_entry_does_not_change(entry: Entry, tmp_path: Path) -> None:
    before = content(entry)
    cost = MeasuredCost("mine:Watts", [0.25], {"batch": 1, "machine": "a"}, "2026-02-02", {"wee": "2"})
    assert entry.add_cost(cost)
    assert not entry.add_cost(cost)
    (found,) = LogitStore(tmp_path).find(ADDRESS)
    assert found.cost("mine:Watts") == cost
    assert found.cost("mine:Watts", {"machine": "a"}) == cost
    assert found.cost("mine:Watts", {"machine": "b"}) is None
    assert (found.key, found.checksum) == (entry.key, entry.checksum)
    assert content(entry) == before
    found.verify()
    assert LogitStore(tmp_path).get(ADDRESS, IDENTITY) is not None
    assert all(
        set(path.name) <= set("abcdefghijklmnopqrstuvwxyzW.0123456789-") for path in (entry.folder / "costs").iterdir()
    )


def test_a_known_cost_is_never_overwritten(entry: Entry) -> None:
    entry.add_cost(MeasuredCost("watts", [1.0]))
    for name, value in (("watts", 2.0), ("macs", 6.0)):
        with pytest.raises(WeeError, match=rf"has the cost {name} already, as .* and not \[{value}\]"):
            entry.add_cost(MeasuredCost(name, [value]))
    assert not entry.add_cost(MeasuredCost("macs", [5.0]))
    assert [cost.values for cost in entry.costs] == [[5.0], [7.0], [1.0]]


def test_of_several_conditions_one_must_be_chosen(entry: Entry) -> None:
    entry.add_cost(MeasuredCost("time", [1.0], {"machine": "a", "batch": 1}, "2026-01-01"))
    entry.add_cost(MeasuredCost("time", [2.0], {"machine": "a", "batch": 8}, "2026-01-02"))
    with pytest.raises(WeeError) as error:
        entry.cost("time", {"machine": "a"})
    for words in ("has 2 costs time", '{"machine": "a", "batch": 1}', "'+cost.conditions.batch=8'"):
        assert words in str(error.value)
    assert entry.cost("time", {"batch": 1}) is not None
    assert entry.cost("time", {"batch": 2}) is None


def test_exits_have_a_cost_each(tmp_path: Path) -> None:
    """Entries of multi-exit members may have the parameters of all exits together: that is the cost of no exit."""
    entry = write(tmp_path, {"macs": [1.0, 2.0, 3.0], "parameters": 100.0}, exits=3)
    assert [cost.name for cost in entry.costs] == ["macs"]
    assert entry.add_cost(MeasuredCost("parameters", [10.0, 50.0, 100.0]))
    with pytest.raises(WeeError, match="the cost watts has 1 values, but the member has 3 exits"):
        entry.add_cost(MeasuredCost("watts", [1.0]))


def test_a_damaged_cost_is_told_and_can_be_measured_again(
    entry: Entry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cost = MeasuredCost("watts", [1.0])
    entry.add_cost(cost)
    path = entry.folder / "costs" / cost.file
    whole = json.loads(path.read_text())
    wrong = [
        json.dumps({**whole, "values": [2.0]}),
        json.dumps({**whole, "crc32": 1}),
        path.read_text()[:50],
        "{}",
        "[]",
    ]
    for k, text in enumerate(wrong):
        path.write_text(text)
        with pytest.raises(Damaged, match=f"the cost {path} is damaged") as error:
            entry.cost("watts")
        assert error.value.address == ADDRESS
        assert LogitStore(tmp_path).get(ADDRESS, IDENTITY) is not None  # the logits are whole
        assert "it is set aside as" in caplog.text
        assert entry.cost("watts") is None
        assert entry.add_cost(cost)
        assert len(list(path.parent.glob("*.damaged-*"))) >= min(k, 1)
    other = path.with_name("watts-0000000000000000.json")
    path.rename(other)
    with pytest.raises(Damaged, match=f"it belongs into {cost.file}"):
        entry.cost("watts")


def test_scales_are_in_the_order_of_a_cost(tmp_path: Path) -> None:
    for scale, cost in (("big", {"macs": 3.0}), ("small", {"macs": 1.0}), ("odd", {}), ("at", {})):
        labels = np.zeros(len(IDS), dtype=np.int64)
        for split in (VAL, SplitName.ood("far"), SplitName.shifted("worn")):
            address = Address("d", "f", scale, 0, split)
            with LogitStore(tmp_path).writer(address, IDENTITY, labels, IDS, IDS) as writer:
                writer.add(np.arange(len(IDS)), np.zeros((len(IDS), 2), dtype=np.float32), labels)
                writer.commit(cost, CREATED)
    scales, splits = LogitStore(tmp_path).names("d", "f", "macs")
    assert scales == ["small", "big", "at", "odd"]
    assert set(splits) == {VAL, SplitName.ood("far"), SplitName.shifted("worn")}
    assert LogitStore(tmp_path).names("d", "f", "watts")[0] == ["at", "big", "odd", "small"]


def test_the_committed_store_is_read_as_it_is() -> None:
    (entry,) = LogitStore(COMMITTED).find(Address("cifar10", "cifar_resnet", "w80", 0, TEST))
    assert {cost.name: cost.values for cost in entry.costs} == {"macs": [68348032.0], "parameters": [1882698.0]}
    assert not (entry.folder / "costs").exists()
