"""Labels, ids and groups that are kept once for all members."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.broken import entry_folder, flip
from tests.helpers.stores import fill_store
from wee.store import Entry, LogitStore
from wee.store import inventory as inventory_module
from wee.store.archive import Archive, export_entries
from wee.store.entry import Damaged
from wee.store.inventory import Inventory, take_inventory
from wee.store.removal import UNUSED, garbage, remove, restore_shared
from wee.store.shared import FOLDER, copies, share_arrays, shared_path

ARRAYS = ("logits", "labels", "ids", "groups")


@pytest.fixture
def store(tmp_path: Path) -> LogitStore:
    return fill_store(tmp_path / "store", members=2, scales=("s1", "s2"), count=20)


def entries(store: LogitStore) -> list[Entry]:
    return [item.entry for item in take_inventory(store.root).items if item.entry is not None]


def pairs(store: LogitStore) -> list[tuple[Path, Path]]:
    return [pair for one in entries(store) for pair in copies(store.root, one.folder, one.manifest["files"])]


def share(store: LogitStore) -> int:
    return share_arrays(pairs(store), lambda number: None)


def contents(store: LogitStore) -> dict[str, list[np.ndarray]]:  # type: ignore[type-arg]
    return {str(entry.address): [np.array(getattr(entry, name)) for name in ARRAYS] for entry in entries(store)}


def size(store: LogitStore) -> int:
    return sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())


def test_entries_read_the_same_arrays_from_fewer_files(store: LogitStore) -> None:
    before, size_before = contents(store), size(store)
    freed = share(store)
    after = contents(store)
    assert after.keys() == before.keys()
    for address, arrays in after.items():
        assert all((one == other).all() for one, other in zip(arrays, before[address], strict=True))
    assert len(list((store.root / FOLDER).iterdir())) == 6  # three arrays of val and of test
    assert size(store) == size_before - freed
    assert freed > 0
    for entry in entries(store):
        entry.verify()
        assert isinstance(entry.ids, np.memmap)
        assert sorted(path.name for path in entry.folder.glob("*.npy")) == ["logits.npy"]
    assert share(store) == 0


def test_what_differs_is_not_shared_even_if_its_name_would_be_the_same(store: LogitStore) -> None:
    (copy, target), *_ = pairs(store)
    target.parent.mkdir()
    target.write_bytes(copy.read_bytes()[:-1] + b"x")
    before = contents(store)
    share(store)
    assert copy.exists()
    after = contents(store)
    assert all((a == b).all() for name in before for a, b in zip(after[name], before[name], strict=True))


def test_an_interruption_loses_nothing(store: LogitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(store)
    calls, original = 0, Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        original(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(KeyboardInterrupt):
            share(store)
    for stage in range(2):
        after = contents(store)
        assert all((a == b).all() for name in before for a, b in zip(after[name], before[name], strict=True)), stage
        share(store)


def test_damage_of_a_shared_array_is_noticed_and_named(store: LogitStore) -> None:
    share(store)
    folder = entry_folder(store, "toy/made/s1/0/val")
    shared = shared_path(store.root, "labels.npy", Entry.open(folder).manifest["files"]["labels.npy"])
    flip(shared, -3)
    with pytest.raises(Damaged, match=f"{shared.name}, which several entries share, bytes"):
        Entry.open(folder).verify()
    shared.unlink()
    damaged = {item.place.path: item.damage for item in take_inventory(store.root).items if item.damage}
    assert damaged["toy/made/s1/0/val"] == "labels.npy is missing"
    assert "toy/made/s1/0/test" not in damaged


def test_exported_entries_are_whole(store: LogitStore, tmp_path: Path) -> None:
    before = contents(store)
    share(store)
    file = tmp_path / "all.weestore"
    export_entries(take_inventory(store.root).items, file, lambda count: None)
    other = LogitStore(tmp_path / "other")
    with Archive(file) as archive:
        assert all(why == "" for _, why in archive.import_into(other, archive.entries, lambda count: None))
    after = contents(other)
    assert all((a == b).all() for name in before for a, b in zip(after[name], before[name], strict=True))


def unused(inventory: Inventory) -> list[Path]:
    return [thing.path for thing in garbage(inventory, temporary_hours=0) if thing.why == UNUSED]


def test_shared_arrays_go_with_the_last_entry_that_uses_them(store: LogitStore) -> None:
    share(store)
    inventory = take_inventory(store.root)
    assert unused(inventory) == []
    for item in inventory.items:
        if item.place.split == "val":
            for path in item.folder.iterdir():
                path.unlink()
            item.folder.rmdir()
    left = unused(take_inventory(store.root))
    assert sorted(path.name.partition("-")[0] for path in left) == ["groups", "ids", "labels"]
    (entry_folder(store, "toy/made/s1/0/test") / "manifest.json").write_text("{}")
    assert unused(take_inventory(store.root)) == [], "an entry that cannot be read may use them"


def abandon(store: LogitStore) -> Path:
    """Share all arrays and remove the entries; returns an array that no entry uses any more, and that is old."""
    share(store)
    for entry in entries(store):
        shutil.rmtree(entry.folder)
    target = next(iter(sorted((store.root / FOLDER).glob("labels-*"))))
    for path in (store.root / FOLDER).iterdir():
        os.utime(path, (1e9, 1e9))
    return target


def test_an_array_that_is_shared_after_gc_has_listed_it_stays(store: LogitStore) -> None:
    abandon(store)
    things = garbage(take_inventory(store.root))
    assert len(things) == 6
    before = contents(fill_store(store.root, members=2, scales=("s1", "s2"), count=20))
    share(store)
    removed, kept = remove(things, lambda number: None)
    assert (removed, len(kept)) == ([], 6)
    after = contents(store)
    assert all((a == b).all() for name in before for a, b in zip(after[name], before[name], strict=True))


def test_an_array_that_is_shared_while_gc_removes_it_stays(store: LogitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the last look at an array and its removal, a process shares it, or finds it gone."""
    abandon(store)
    things = garbage(take_inventory(store.root))
    before = contents(fill_store(store.root, members=2, scales=("s1", "s2"), count=20))
    rename, sharing = Path.rename, []

    def share_before(path: Path, target: Path) -> Path:
        if not sharing and path.parent.name == FOLDER:
            sharing.append(path)
            share(store)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", share_before)
    removed, kept = remove(things, lambda number: None)
    assert (len(sharing), removed, len(kept)) == (1, [], 6)
    assert len(list((store.root / FOLDER).iterdir())) == 6
    after = contents(store)
    assert all((a == b).all() for name in before for a, b in zip(after[name], before[name], strict=True))


def test_an_array_that_is_shared_while_gc_is_killed_is_restored(
    store: LogitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    abandon(store)
    things = garbage(take_inventory(store.root))
    before = contents(fill_store(store.root, members=2, scales=("s1", "s2"), count=20))
    rename = Path.rename

    def share_and_die(path: Path, aside: Path) -> Path:
        share(store)
        rename(path, aside)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", share_and_die)
    with pytest.raises(KeyboardInterrupt):
        remove(things, lambda number: None)
    monkeypatch.setattr(Path, "rename", rename)
    (aside,) = (store.root / FOLDER).glob(".*.aside")
    missing = aside.with_name(aside.name[1:].partition(".npy")[0] + ".npy")
    assert not missing.exists()
    assert restore_shared(store.root) == 0  # this process may be about to look at it again
    dead = aside.rename(aside.with_name(aside.name.replace(f"-{os.getpid()}-", "-999999999-")))
    assert dead not in [thing.path for thing in garbage(take_inventory(store.root), temporary_hours=0)]
    assert restore_shared(store.root) == 1
    assert missing.is_file()
    assert not dead.exists()
    after = contents(store)
    assert all((a == b).all() for name in before for a, b in zip(after[name], before[name], strict=True))


def test_an_array_that_vanishes_while_it_is_shared_is_placed_again(
    store: LogitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = abandon(store)
    before = contents(fill_store(store.root, members=2, scales=("s1", "s2"), count=20))
    utime = os.utime

    def remove_before(path: Path, *times: object) -> None:
        if path == target and path.exists():
            monkeypatch.setattr(os, "utime", utime)
            path.unlink()
        utime(path)

    monkeypatch.setattr(os, "utime", remove_before)
    share(store)
    after = contents(store)
    assert all((a == b).all() for name in before for a, b in zip(after[name], before[name], strict=True))


def test_entries_made_while_the_inventory_is_taken_are_seen(store: LogitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays are listed before entries: an array of an entry that is not listed is touched after it was listed."""
    abandon(store)
    listed = inventory_module._entries_of
    order: list[str] = []

    def look(folder: Path) -> list[Path]:
        order.append(folder.name)
        return listed(folder)

    monkeypatch.setattr(inventory_module, "_entries_of", look)
    take_inventory(store.root)
    assert order.index(FOLDER) < order.index(store.root.name)


def test_two_processes_may_share_at_once(store: LogitStore) -> None:
    before = contents(store)
    known = pairs(store)
    share(store)
    assert share_arrays(known, lambda number: None) == 0
    after = contents(store)
    assert all((a == b).all() for name in before for a, b in zip(after[name], before[name], strict=True))
