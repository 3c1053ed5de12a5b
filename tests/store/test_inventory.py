"""What is in a store, found out without reading arrays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.helpers.broken import DEAD, KEY, add_unfinished, entry_folder, flip
from tests.helpers.stores import fill_store
from wee.errors import WeeError
from wee.files import Lock, temporary_folder
from wee.store import MeasuredCost
from wee.store.inventory import LOCK, SET_ASIDE, TEMPORARY, take_inventory
from wee.store.query import Query
from wee.store.tables import COMPLETE, DAMAGED, UNFINISHED, entries_table, records, summary, summary_lines


def test_entries_are_listed_in_order(tmp_path: Path) -> None:
    fill_store(tmp_path, members=11, scales=("s1",), count=4)
    inventory = take_inventory(tmp_path)
    assert [item.place.path for item in inventory.items][:5] == [
        "toy/made/s1/0/test", "toy/made/s1/0/val", "toy/made/s1/1/test", "toy/made/s1/1/val", "toy/made/s1/2/test",
    ]  # fmt: skip
    assert len(inventory.items) == 22
    assert not any(item.damage or item.locked for item in inventory.items)
    (first, *_) = records(inventory, inventory.items)
    assert (first["state"], first["samples"], first["shape"], first["costs"]) == (COMPLETE, 4, [4, 5], ["macs"])
    assert first["bytes"] == sum(path.stat().st_size for path in inventory.items[0].folder.iterdir())
    json.dumps(records(inventory, inventory.items))


def test_no_store_is_an_empty_inventory_and_a_clear_message(tmp_path: Path) -> None:
    inventory = take_inventory(tmp_path / "none")
    assert inventory.items == []
    with pytest.raises(WeeError, match=r"there is no store in .*none yet: `wee evaluate`"):
        inventory.select(Query())


def test_damage_that_shows_is_found(tmp_path: Path) -> None:
    store = fill_store(tmp_path, members=1, scales=("s1", "s2", "s3"))
    (entry_folder(store, "toy/made/s1/0/val") / "labels.npy").unlink()
    with (entry_folder(store, "toy/made/s1/0/test") / "logits.npy").open("ab") as file:
        file.write(b"x")
    (entry,) = (one for one in store.entries_of("toy", "made", "s2") if one.address.split.kind == "test")
    cost = MeasuredCost("watts", [1.0])
    entry.add_cost(cost)
    flip(entry.folder / "costs" / cost.file, 40)
    (entry_folder(store, "toy/made/s2/0/val") / "manifest.json").write_text("{")
    flip(entry_folder(store, "toy/made/s3/0/val") / "logits.npy")  # does not show
    inventory = take_inventory(tmp_path)
    told = {item.place.path: item.damage for item in inventory.items}
    assert told["toy/made/s1/0/val"] == "labels.npy is missing"
    assert "bytes, " in told["toy/made/s1/0/test"]
    assert told["toy/made/s2/0/val"].startswith("manifest.json is not what was written")
    assert told["toy/made/s2/0/test"].startswith(f"the cost costs/{cost.file} is damaged")
    assert told["toy/made/s3/0/val"] == ""
    assert summary(inventory, inventory.items)["damaged"] == 4
    states = {record["address"]: record["state"] for record in records(inventory, inventory.items)}
    assert states["toy/made/s2/0/val"] == DAMAGED


def test_the_repair_is_the_command_of_the_entry_or_of_its_member(tmp_path: Path) -> None:
    store = fill_store(tmp_path, members=2, scales=("s1",))
    (entry_folder(store, "toy/made/s1/0/val") / "manifest.json").unlink()
    for split in ("val", "test"):
        (entry_folder(store, f"toy/made/s1/1/{split}") / "manifest.json").unlink()
    inventory = take_inventory(tmp_path)
    repairs = {item.place.path: inventory.repair(item) for item in inventory.items}
    assert repairs["toy/made/s1/0/val"] == "wee evaluate"  # that of the test split of the same member
    assert repairs["toy/made/s1/1/val"] == "wee evaluate dataset=toy family=made scale=s1 member=1"


def test_unfinished_entries_say_how_far_they_are_and_who_works_on_them(tmp_path: Path) -> None:
    fill_store(tmp_path, members=1, scales=("s1",))
    member = tmp_path / "toy" / "made" / "s1" / "0"
    add_unfinished(member)
    add_unfinished(member, f"ood-new-{KEY}", samples=7)
    (member / f"ood-new-{KEY}.lock").write_text(DEAD)
    lock = Lock(member / f"val-{KEY}.lock")
    assert lock.acquire()
    try:
        inventory = take_inventory(tmp_path)
        rows = {record["address"]: record for record in records(inventory, inventory.items) if record["key"] == KEY}
        table, _ = entries_table(inventory, inventory.items, 400)
    finally:
        lock.release()
    val, new = rows["toy/made/s1/0/val"], rows["toy/made/s1/0/ood-new"]
    assert (val["state"], val["samples"], val["expected_samples"]) == (UNFINISHED, 40, 300)
    assert (new["state"], new["samples"], new["expected_samples"]) == (UNFINISHED, 7, None)
    assert val["locked"] == f"process {os.getpid()} on {os.uname().nodename}"
    assert new["locked"].endswith(", which is dead")
    cells = [str(cell) for column in table.columns for cell in column.cells]
    assert f"unfinished: 40 of 300 samples; locked by {val['locked']}" in cells
    assert f"unfinished: 7 samples; locked by {new['locked']}" in cells


def test_leftovers_and_strange_files_are_told_apart(tmp_path: Path) -> None:
    store = fill_store(tmp_path, members=1, scales=("s1",))
    member = tmp_path / "toy" / "made" / "s1" / "0"
    (member / f".val-{KEY}.01234567.tmp").mkdir()
    (member / f".val-{KEY}.lock.01234567.dead").write_text("x")
    (member / f"val-{KEY}.damaged-20260101-000000").mkdir()
    (member / f"val-{KEY}.lock").write_text(DEAD)
    (member / "notes.txt").write_text("mine")
    costs = entry_folder(store, "toy/made/s1/0/val") / "costs"
    costs.mkdir()
    (costs / f"watts-{KEY}.json.damaged-20260101-000000").write_text("x")
    (costs / f".watts-{KEY}.json.01234567.tmp").write_text("x")
    scores = tmp_path / ".scores" / "toy"
    (scores / f"val-{KEY}").mkdir(parents=True)
    (scores / f"val-{KEY}" / "x.npy").write_bytes(b"123")
    (scores / f".val-{KEY}.01234567.tmp").mkdir()
    (scores / f"test-{KEY}.lock").write_text(DEAD)
    inventory = take_inventory(tmp_path)
    kinds = [leftover.kind for leftover in inventory.leftovers]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {TEMPORARY: 4, SET_ASIDE: 2, LOCK: 2}
    assert [path.name for path in inventory.unknown] == ["notes.txt"]
    assert [(scores.folder.name, scores.size) for scores in inventory.scores] == [(f"val-{KEY}", 3)]
    lines = "\n".join(summary_lines(inventory, inventory.items))
    assert "wee store gc" in lines
    assert "notes.txt" in lines


def test_a_narrow_terminal_leaves_columns_out(tmp_path: Path) -> None:
    fill_store(tmp_path, members=1, scales=("s1",))
    inventory = take_inventory(tmp_path)
    whole, nothing = entries_table(inventory, inventory.items, 400)
    narrow, left_out = entries_table(inventory, inventory.items, 80)
    assert nothing == []
    assert left_out
    assert len(narrow.columns) + len(left_out) == len(whole.columns)
    headers = [column.header for column in narrow.columns]
    assert (headers[0], headers[-1]) == ("entry", "state")


def test_temporary_folders_are_leftovers(tmp_path: Path) -> None:
    store = fill_store(tmp_path / "store", members=1, scales=("s1",), count=10)
    folder = entry_folder(store, "toy/made/s1/0/val")
    left = temporary_folder(folder)
    inventory = take_inventory(store.root)
    assert [(one.path, one.kind) for one in inventory.leftovers] == [(left, TEMPORARY)]
    assert not inventory.unknown
