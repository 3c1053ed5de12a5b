"""Every byte of a store is verified, and damage comes with the command that repairs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.broken import add_unfinished, entry_folder, flip
from tests.helpers.stores import fill_store
from wee.store import LogitStore, MeasuredCost
from wee.store.audit import Damage, audit, examinations
from wee.store.derived import Derived
from wee.store.inventory import take_inventory


def verify(root: Path) -> list[Damage]:
    inventory = take_inventory(root)
    sizes: list[int] = []
    work = list(examinations(inventory, inventory.items, scores=True))
    damages = audit(work, 2, sizes.append)
    assert sum(sizes) == sum(one.size for one in work)
    return damages


@pytest.fixture
def store(tmp_path: Path) -> LogitStore:
    store = fill_store(tmp_path, members=1, scales=("s1",), count=20)
    store.entries_of("toy", "made", "s1")[0].add_cost(MeasuredCost("watts", [1.0]))
    Derived(tmp_path).put("toy/val", {"networks": []}, {"x": np.arange(5)})
    add_unfinished(tmp_path / "toy" / "made" / "s1" / "0")
    return store


def test_a_whole_store_is_not_damaged(store: LogitStore) -> None:
    assert verify(store.root) == []


def test_a_changed_byte_anywhere_in_the_store_is_found(store: LogitStore) -> None:
    """White space in JSON and the layout of a piece's file mean nothing; everything else does."""
    files = [path for path in store.root.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".npy", ".npz"}
    for path in files:
        content = path.read_bytes()
        places = np.linspace(0, len(content) - 1, 12).astype(int) if path.suffix == ".npy" else [len(content) // 2]
        for place in places:
            flip(path, int(place))
            (damage,) = verify(store.root)
            assert damage.detail, path
            assert damage.repair.startswith(("wee evaluate", "nothing: the next sweep")), path
            path.write_bytes(content)
    assert verify(store.root) == []


def test_missing_files_are_found(store: LogitStore) -> None:
    for path in [path for path in store.root.rglob("*") if path.suffix in (".npy", ".json")]:
        if path.parent.name == "costs":
            continue  # a cost that is not there was not measured
        content = path.read_bytes()
        path.unlink()
        assert verify(store.root), path
        path.write_bytes(content)


def test_damage_names_entry_place_and_repair(store: LogitStore) -> None:
    folder = entry_folder(store, "toy/made/s1/0/val")
    flip(folder / "logits.npy")
    (damage,) = verify(store.root)
    assert (damage.what, damage.where, damage.repair) == ("toy/made/s1/0/val", folder, "wee evaluate")
    assert damage.detail.startswith("in logits.npy, bytes 0 to ")
    assert damage.detail.endswith(" are not what was written")
