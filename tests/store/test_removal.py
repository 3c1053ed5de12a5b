"""Removal of entries and leftovers: nothing of a live process, and nothing that was not asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.broken import DEAD, KEY, add_unfinished, age, entry_folder
from tests.helpers.stores import fill_store
from wee.data.splits import VAL
from wee.files import Lock, temporary_path
from wee.store import Address, LogitStore
from wee.store.derived import Derived
from wee.store.entry import Entry
from wee.store.inventory import SET_ASIDE, TEMPORARY, take_inventory
from wee.store.query import Query
from wee.store.removal import (
    DEAD_LOCK,
    FINISHED,
    HOUR,
    STALE_SCORES,
    SUPERSEDED,
    garbage,
    referring,
    removables,
    remove,
)

DAYS = 24 * HOUR


def everything(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def store(tmp_path: Path) -> LogitStore:
    return fill_store(tmp_path, members=2, scales=("s1", "s2"), count=10)


def member(store: LogitStore) -> Path:
    return store.root / "toy" / "made" / "s1" / "0"


def collect(store: LogitStore, **options: Any) -> dict[str, str]:
    """Remove all garbage; returns why, by the name of the file or folder."""
    things = garbage(take_inventory(store.root), **options)
    removed, kept = remove(things, lambda number: None)
    assert not kept
    return {thing.path.name: thing.why for thing in removed}


def test_selected_entries_go_and_others_stay(store: LogitStore) -> None:
    inventory = take_inventory(store.root)
    chosen = inventory.select(Query(scale="s1", member=0))
    counted: list[int] = []
    removed, kept = remove(removables(chosen), counted.append)
    assert (len(removed), kept, sum(counted)) == (2, [], 2)
    left = {item.place.path for item in take_inventory(store.root).items}
    assert left == {item.place.path for item in inventory.items} - {item.place.path for item in chosen}
    assert list(member(store).iterdir()) == []
    for entry in store.entries_of("toy", "made", "s2"):
        entry.verify()


def test_what_a_live_process_writes_is_kept(store: LogitStore) -> None:
    inventory = take_inventory(store.root)
    chosen = inventory.select(Query(scale="s1", member=0))
    with Lock(chosen[0].lock.path).waiting():
        removed, kept = remove(removables(chosen), lambda number: None)
        assert [thing.why for thing in kept] == [chosen[0].place.path]
        assert len(removed) == 1
    assert chosen[0].folder.is_dir()
    assert not chosen[1].folder.exists()


def test_the_lock_of_a_silent_machine_is_waited_for(store: LogitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wee.files.PATIENCE", 0.5)
    (member(store) / f"val-{KEY}.lock").write_text("elsewhere:12:token")
    monkeypatch.setattr("wee.store.removal.each_acquired", lambda locks: _quickly(locks))
    things = garbage(take_inventory(store.root))
    assert [thing.why for thing in things] == ["lock of another machine, removed if it is not refreshed for a minute"]
    removed, kept = remove(things, lambda number: None)
    assert (len(removed), kept) == (1, [])
    assert not (member(store) / f"val-{KEY}.lock").exists()


def _quickly(locks: Any) -> Any:
    from wee.files import each_acquired

    return each_acquired(locks, every=0.1)


def test_a_clean_store_has_no_garbage(store: LogitStore) -> None:
    before = everything(store.root)
    add_unfinished(member(store))
    assert collect(store) == {}
    assert before < everything(store.root)


def test_leftovers_of_dead_processes_go(store: LogitStore) -> None:
    before = everything(store.root)
    old, young = member(store) / f".val-{KEY}.01234567.tmp", member(store) / f".val-{KEY}.76543210.tmp"
    for folder in (old, young):
        folder.mkdir()
        (folder / "logits.npy").write_bytes(b"12")
    age(old, 2 * HOUR)
    aside = member(store) / f"val-{KEY}.damaged-20260101-000000"
    aside.mkdir()
    (aside / "logits.npy").write_bytes(b"12")
    (member(store) / f"val-{KEY}.lock").write_text(DEAD)
    assert collect(store) == {old.name: TEMPORARY, aside.name: SET_ASIDE, f"val-{KEY}.lock": DEAD_LOCK}
    assert everything(store.root) - before == {str((young / "logits.npy").relative_to(store.root))}
    assert collect(store, temporary_hours=0) == {young.name: TEMPORARY}
    assert everything(store.root) == before


def test_temporary_files_of_a_live_process_stay(store: LogitStore) -> None:
    temporary = member(store) / f".val-{KEY}.01234567.tmp"
    temporary.mkdir()
    age(temporary, 2 * HOUR)
    with Lock(member(store) / f"val-{KEY}.lock").waiting():
        _, kept = remove(garbage(take_inventory(store.root)), lambda number: None)
        assert [thing.path for thing in kept] == [temporary]
        assert temporary.is_dir()
    assert collect(store) == {temporary.name: TEMPORARY}


def test_a_temporary_array_of_a_live_process_stays(store: LogitStore) -> None:
    """It has no lock: many processes may write shared arrays."""
    temporary = temporary_path(store.root / ".samples" / "ids-0123456789abcdef.npy")
    temporary.parent.mkdir(exist_ok=True)
    temporary.write_bytes(b"12")
    age(temporary, 2 * HOUR)
    assert collect(store) == {}
    assert temporary.exists()


def test_what_has_changed_since_it_was_listed_stays(store: LogitStore) -> None:
    partial = add_unfinished(member(store))
    age(partial, 40 * DAYS)
    things = garbage(take_inventory(store.root), partial_days=30)
    (partial / "pieces" / "b.npz").write_bytes(b"a run has gone on")
    removed, kept = remove(things, lambda number: None)
    assert removed == []
    assert [thing.path for thing in kept] == [partial]
    assert partial.is_dir()


def test_unfinished_entries_go_only_if_asked_and_old(store: LogitStore) -> None:
    partial = add_unfinished(member(store))
    age(partial, 10 * DAYS)
    assert collect(store) == {}
    assert collect(store, partial_days=30) == {}
    assert list(collect(store, partial_days=7)) == [partial.name]
    assert not partial.exists()


def test_pieces_of_a_finished_entry_go(store: LogitStore) -> None:
    folder = entry_folder(store, "toy/made/s1/0/val")
    partial = add_unfinished(member(store), folder.name)
    assert collect(store) == {partial.name: FINISHED}
    Entry.open(folder).verify()


def test_scores_go_with_their_entries(store: LogitStore) -> None:
    kept = Derived(store.root)
    first, second = (store.entries_of("toy", "made", scale)[0] for scale in ("s1", "s2"))
    sources = [[str(entry.address), entry.key, entry.checksum, None] for entry in (first, second)]
    for networks in ([sources[0]], [sources[1]], sources):
        kept.put("toy/test", {"networks": networks}, {"x": np.arange(3)})
    assert collect(store) == {}
    manifest = first.folder / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(b"{")  # damaged: perhaps it can be repaired from a copy
    assert collect(store) == {}
    manifest.write_bytes(whole)
    remove(removables(take_inventory(store.root).select(Query(key=first.key))), lambda number: None)
    assert set(collect(store).values()) == {STALE_SCORES}
    (left,) = (store.root / ".scores" / "toy").iterdir()
    assert json.loads((left / "manifest.json").read_text())["identity"] == {"networks": [sources[1]]}


def add_trained(store: LogitStore, recipe: str, created: str, precision: str = "32-true") -> str:
    labels, ids = np.zeros(4, np.int64), np.arange(4).astype("S")
    identity = {"weights": f"{recipe}{precision}", "precision": precision}
    with store.writer(Address("d", "f", "s", 0, VAL), identity, labels, ids, ids) as writer:
        writer.add(np.arange(4), np.zeros((4, 2), np.float32), labels)
        return writer.commit({}, {"command": "wee evaluate", "recipe": recipe, "created": created}).folder.name


def test_superseded_recipes_go_only_if_asked(store: LogitStore) -> None:
    old = add_trained(store, "one", "2026-01-01")
    add_trained(store, "two", "2026-01-02")
    add_trained(store, "one", "2026-01-01", precision="bf16-true")  # the only one of its precision
    assert collect(store) == {}
    assert collect(store, superseded=True) == {old: SUPERSEDED}
    assert collect(store, superseded=True) == {}


def test_what_is_superseded_does_not_depend_on_time_zones(store: LogitStore) -> None:
    old = add_trained(store, "one", "2026-01-02T09:00:00+0900")
    add_trained(store, "two", "2026-01-01T23:00:00-0800")
    add_trained(store, "three", "")  # nothing is known of its age
    assert collect(store, superseded=True) == {old: SUPERSEDED}


def test_sweeps_that_mention_entries_are_found(tmp_path: Path) -> None:
    for name, key in (("a", "00ff"), ("b", "11ff")):
        (tmp_path / name).write_text(json.dumps({"entries": [["x", key, 1]]}))
    files = [tmp_path / "a", tmp_path / "b", tmp_path / "none"]
    assert referring({"00ff": "x", "22ff": "y"}, files) == {tmp_path / "a": ["x"]}
