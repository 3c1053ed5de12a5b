"""Entries as one file: a round trip changes nothing, any changed byte is noticed, and no path leads out of the store."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.broken import entry_folder, flip
from tests.helpers.stores import fill_store
from wee.errors import WeeError
from wee.files import Lock
from wee.store import LogitStore, MeasuredCost
from wee.store.archive import BUSY, PRESENT, Archive, export_entries
from wee.store.inventory import take_inventory
from wee.store.store import lock_path

COST = MeasuredCost("watts", [1.5], {"batch": 1}, "2026-01-01", {"wee": "1"})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LogitStore:
    """Two small entries, one of them with a cost beside it."""
    store = fill_store(tmp_path_factory.mktemp("store"), members=1, scales=("s1",), count=6)
    store.entries_of("toy", "made", "s1")[0].add_cost(COST)
    return store


@pytest.fixture(scope="module")
def packed(store: LogitStore) -> bytes:
    """The file with these entries."""
    target = store.root.parent / "packed.weestore"
    size = export_entries(take_inventory(store.root).items, target, lambda number: None)
    assert size == target.stat().st_size
    return target.read_bytes()


def unpack(content: bytes, root: Path, name: str = "given.weestore") -> list[str]:
    """Import a file with this content; returns what became of each entry."""
    file = root.with_name(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    read: list[int] = []
    with Archive(file) as archive:
        told = [why for _, why in archive.import_into(LogitStore(root), archive.entries, read.append)]
        assert sum(read) == sum(entry.size for entry in archive.entries)
    return told


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_round_trip_gives_the_same_bytes(store: LogitStore, packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "other"
    assert unpack(packed, root) == ["", ""]
    assert files(root) == files(store.root)
    for entry in LogitStore(root).entries_of("toy", "made", "s1"):
        entry.verify()
    assert unpack(packed, root) == [PRESENT, PRESENT]
    again = tmp_path / "again.weestore"
    export_entries(take_inventory(root).items, again, lambda number: None)
    assert members(again.read_bytes())[1:] == members(packed)[1:]


def test_it_is_a_plain_tar_file(store: LogitStore, packed: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
        first, *others = archive.getmembers()
        about = json.load(archive.extractfile(first))  # type: ignore[arg-type]
        assert about["format"] == 1
        assert all(member.isreg() and member.mode == 0o644 for member in others)
        held = {member.name: archive.extractfile(member).read() for member in others}  # type: ignore[union-attr]
    assert held == files(store.root)


def test_long_names_are_kept(tmp_path: Path) -> None:
    store = fill_store(tmp_path / "a", members=1, scales=("s" * 90,), count=3, family="f" * 120)
    target = tmp_path / "long.weestore"
    export_entries(take_inventory(store.root).items, target, lambda number: None)
    assert unpack(target.read_bytes(), tmp_path / "b") == ["", ""]
    assert files(tmp_path / "b") == files(tmp_path / "a")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_noticed(
    packed: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(packed) - 1))
    content = bytearray(packed)
    content[place] ^= data.draw(st.integers(1, 255))
    root = tmp_path_factory.mktemp("flip") / "store"
    with pytest.raises(WeeError):
        unpack(bytes(content), root)
    for entry in LogitStore(root).entries_of("toy", "made", "s1"):  # imported before the damage was reached
        entry.verify()
    assert not [path for path in root.rglob("*") if path.suffix in (".tmp", ".lock")]


@pytest.mark.parametrize("size", [0, 100, 511, 512, 3000, -20_000, -512, -1])
def test_a_truncated_file_is_refused_before_anything_is_written(packed: bytes, tmp_path: Path, size: int) -> None:
    with pytest.raises(WeeError, match="it was not copied to the end|is no file of entries|its index is not"):
        unpack(packed[:size], tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_what_follows_the_end_is_refused(packed: bytes, tmp_path: Path) -> None:
    with pytest.raises(WeeError, match="3 bytes too many"):
        unpack(packed + b"abc", tmp_path / "store")


def members(content: bytes) -> list[tuple[str, bytes]]:
    """The names and contents of the files in a tar file."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return [(member.name, archive.extractfile(member).read()) for member in archive]  # type: ignore[union-attr]


def as_tar(parts: list[tuple[str, bytes]], first_type: bytes = tarfile.REGTYPE) -> bytes:
    """A tar file with these files; the second of them is of a type."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as written:
        for number, (name, content) in enumerate(parts):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 0
            if number == 1 and first_type != tarfile.REGTYPE:
                info.type, info.linkname = first_type, "/etc/passwd"
            written.addfile(info, io.BytesIO(content))
    return target.getvalue()


def forged(packed: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The file with another index, whose checksums are right."""
    (_, index), *others = members(packed)
    about = json.loads(index)
    changed = change(about)
    content = json.dumps(about if changed is None else changed).encode()
    return as_tar([(f"wee-store-{zlib.crc32(content):08x}.json", content), *others])


def _entry(about: dict[str, Any]) -> Any:
    return about["entries"][0]


WRONG: dict[str, Callable[[dict[str, Any]], Any]] = {
    "parent": lambda about: _entry(about)["address"].update(dataset=".."),
    "absolute": lambda about: _entry(about)["address"].update(family="/etc"),
    "slash": lambda about: _entry(about)["address"].update(scale="a/../../b"),
    "member": lambda about: _entry(about)["address"].update(member="../0"),
    "negative": lambda about: _entry(about)["address"].update(member=-1),
    "number": lambda about: _entry(about)["address"].update(dataset=7),
    "split": lambda about: _entry(about)["address"].update(split="ood-../x"),
    "key": lambda about: _entry(about).update(key="../../../../etc/x"),
    "name": lambda about: _entry(about)["files"][0].update(name="../manifest.json"),
    "hidden": lambda about: _entry(about)["files"][0].update(name=".bashrc"),
    "pickle": lambda about: _entry(about)["files"][0].update(name="x.pkl"),
    "cost": lambda about: _entry(about)["files"][0].update(name="costs/../../x.json"),
    "nul": lambda about: _entry(about)["files"][0].update(name="a\0.npy"),
    "size": lambda about: _entry(about)["files"][0].update(bytes=-5),
    "text": lambda about: _entry(about)["files"][0].update(bytes="5"),
    "checksums": lambda about: _entry(about)["files"][0].update(crc32=[]),
    "twice": lambda about: about["entries"].append(_entry(about)),
    "format": lambda about: about.update(format=99),
    "no format": lambda about: about.pop("format") and None,
    "list": lambda about: [1, 2],
    "nothing": lambda about: {},
    "deep": lambda about: json.loads("[" * 400 + "]" * 400),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_an_index_that_lies_is_refused_and_writes_nothing(
    packed: bytes, tmp_path: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    root = tmp_path / "deep" / "inside" / "store"
    content = forged(packed, change)
    with pytest.raises(WeeError):
        unpack(content, root)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"given.weestore"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_links_and_devices_are_refused(packed: bytes, tmp_path: Path, kind: bytes) -> None:
    content = as_tar(members(packed), kind)
    with pytest.raises(WeeError, match="is damaged"):
        unpack(content.ljust(len(packed), b"\0")[: len(packed)], tmp_path / "store")
    assert not [path for path in (tmp_path / "store").rglob("*") if not path.is_dir()]


def test_another_entry_under_the_name_of_an_entry_is_refused(packed: bytes, tmp_path: Path) -> None:
    """The manifest must name the address and the key that the index does."""
    assert b'"member": 0' in packed
    changed = forged(packed, lambda about: [entry["address"].update(member=3) for entry in about["entries"]] and None)
    moved = as_tar([(name.replace("/0/", "/3/"), content) for name, content in members(changed)])
    with pytest.raises(WeeError, match="is no entry that wee wrote, and is not imported"):
        unpack(moved, tmp_path / "store")
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_a_sound_entry_is_not_overwritten(packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "store"
    other = fill_store(root, members=1, scales=("s1",), count=6)
    for path in root.rglob("*"):
        os.utime(path, (1e9, 1e9))
    assert sorted(unpack(packed, root)) == [PRESENT, f"{PRESENT}; costs added: 1"]
    assert all(path.stat().st_mtime == 1e9 for path in other.root.rglob("*.npy"))


def test_damage_that_shows_only_in_checksums_is_repaired(store: LogitStore, packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "store"
    unpack(packed, root)
    folder = entry_folder(LogitStore(root), "toy/made/s1/0/val")
    flip(folder / "logits.npy")
    assert sorted(unpack(packed, root)) == ["", PRESENT]
    assert {name: content for name, content in files(root).items() if ".damaged-" not in name} == files(store.root)
    assert len(list(folder.parent.glob("*.damaged-*"))) == 1


def test_a_damaged_manifest_is_repaired(store: LogitStore, packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "store"
    unpack(packed, root)
    flip(entry_folder(LogitStore(root), "toy/made/s1/0/val") / "manifest.json")
    assert sorted(unpack(packed, root)) == ["", PRESENT]
    assert {name: content for name, content in files(root).items() if ".damaged-" not in name} == files(store.root)


def test_a_damaged_cost_is_replaced(store: LogitStore, packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "store"
    unpack(packed, root)
    (cost,) = root.rglob("watts-*.json")
    flip(cost)
    assert sorted(unpack(packed, root)) == [PRESENT, f"{PRESENT}; costs added: 1"]
    assert {name: content for name, content in files(root).items() if ".damaged-" not in name} == files(store.root)


def test_a_damaged_entry_that_a_process_holds_is_named(packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "store"
    unpack(packed, root)
    folder = entry_folder(LogitStore(root), "toy/made/s1/0/val")
    flip(folder / "logits.npy")
    with Lock(lock_path(folder)).waiting():
        (why,) = (why for why in unpack(packed, root) if why != PRESENT)
    assert why.startswith("it is damaged here, and process ")
    assert "holds its lock" in why
    assert "logits.npy" in why


def test_a_damaged_entry_whose_lock_was_released_meanwhile_can_be_imported_again(
    packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "store"
    unpack(packed, root)
    flip(entry_folder(LogitStore(root), "toy/made/s1/0/val") / "logits.npy")
    with monkeypatch.context() as patch:
        patch.setattr(LogitStore, "set_aside", lambda store, folder: None)  # another process holds the lock just now
        (why,) = [why for why in unpack(packed, root) if why != PRESENT]
    assert why.startswith("it is damaged here, and its lock was held until now, so try again: ")
    assert unpack(packed, root).count("") == 1


def test_a_damaged_entry_is_set_aside_and_replaced(store: LogitStore, packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "store"
    unpack(packed, root)
    folder = entry_folder(LogitStore(root), "toy/made/s1/0/val")
    (folder / "labels.npy").unlink()
    assert sorted(unpack(packed, root)) == ["", PRESENT]
    assert {name: content for name, content in files(root).items() if ".damaged-" not in name} == files(store.root)
    assert len(list(folder.parent.glob("*.damaged-*"))) == 1


def test_costs_are_added_to_entries_that_are_there(store: LogitStore, packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "store"
    unpack(packed, root)
    (cost,) = root.rglob("watts-*.json")
    cost.unlink()
    assert sorted(unpack(packed, root)) == [PRESENT, f"{PRESENT}; costs added: 1"]
    assert files(root) == files(store.root)


def test_an_entry_that_is_being_written_is_left_to_its_process(packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "store"
    (tmp_path / "given.weestore").write_bytes(packed)
    with Archive(tmp_path / "given.weestore") as archive:
        first = archive.entries[0]
    with Lock(lock_path(root / first.path)).waiting():
        told = unpack(packed, root)
    assert told[0].startswith(BUSY)
    assert told[1] == ""
    assert unpack(packed, root) == ["", PRESENT]


def test_an_import_goes_on_after_an_interruption(
    store: LogitStore, packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "store"
    (tmp_path / "given.weestore").write_bytes(packed)
    with Archive(tmp_path / "given.weestore") as archive:
        for _ in archive.import_into(LogitStore(root), archive.entries, lambda number: None):
            break
    assert len(take_inventory(root).items) == 1
    assert sorted(unpack(packed, root)) == ["", PRESENT]
    assert files(root) == files(store.root)


def test_only_some_entries_are_imported(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "given.weestore").write_bytes(packed)
    with Archive(tmp_path / "given.weestore") as archive:
        chosen = [entry for entry in archive.entries if entry.place.split == "val"]
        list(archive.import_into(LogitStore(tmp_path / "store"), chosen, lambda number: None))
    assert [item.place.split for item in take_inventory(tmp_path / "store").items] == ["val"]


def test_damaged_entries_are_not_exported(store: LogitStore, packed: bytes, tmp_path: Path) -> None:
    root = tmp_path / "store"
    unpack(packed, root)
    flip(entry_folder(LogitStore(root), "toy/made/s1/0/val") / "logits.npy")
    target = tmp_path / "new.weestore"
    with pytest.raises(WeeError, match=r"logits\.npy is damaged; nothing was written"):
        export_entries(take_inventory(root).items, target, lambda number: None)
    (entry_folder(LogitStore(root), "toy/made/s1/0/val") / "logits.npy").unlink()
    with pytest.raises(WeeError, match=r"toy/made/s1/0/val is damaged \(logits\.npy is missing\)"):
        export_entries(take_inventory(root).items, target, lambda number: None)
    assert not [path for path in tmp_path.iterdir() if "new" in path.name]


def test_an_existing_file_is_not_overwritten(store: LogitStore, tmp_path: Path) -> None:
    target = tmp_path / "there"
    target.write_text("mine")
    with pytest.raises(WeeError, match="exists, and is not overwritten"):
        export_entries(take_inventory(store.root).items, target, lambda number: None)
    assert target.read_text() == "mine"


def test_too_little_space_is_told_before_anything_is_written(
    store: LogitStore, packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 10

    monkeypatch.setattr("wee.store.archive.shutil.disk_usage", lambda path: Usage)
    with pytest.raises(WeeError, match=r"bytes are needed and 10 are free. Nothing was written"):
        export_entries(take_inventory(store.root).items, tmp_path / "new", lambda number: None)
    with pytest.raises(WeeError, match=r"bytes are needed and 10 are free. Nothing was written"):
        unpack(packed, tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["given.weestore"]


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(600), bytes(10240)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WeeError, match="is no file of entries"):
        unpack(content, tmp_path / "store")
    with pytest.raises(WeeError, match="there is no file"):
        Archive(tmp_path / "none")
    with pytest.raises(WeeError, match="is a folder"):
        Archive(tmp_path)
