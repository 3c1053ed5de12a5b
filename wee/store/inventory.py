"""What is in a store, found out without reading arrays: entries, unfinished entries, leftovers and derived scores."""

from __future__ import annotations

import os
import re
import shlex
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wee.errors import WeeError
from wee.files import LEFT_BEHIND, Lock, lock_path
from wee.identity import KEY_LENGTH
from wee.machine import file_system_time
from wee.store import costs, derived, shared
from wee.store.entry import Damaged, Entry
from wee.store.query import Query

_KEY = rf"[0-9a-f]{{{KEY_LENGTH}}}"
_NAMED = re.compile(rf"(?P<split>.+)-(?P<key>{_KEY})(?P<rest>\..+)?")


@dataclass(frozen=True)
class Place:
    """Where an entry is in the store, as its path says; the entry itself may be damaged or unfinished.

    Attributes:
        dataset, family, scale, member, split: its address.
        key: its key.
    """

    dataset: str
    family: str
    scale: str
    member: str
    split: str
    key: str

    @property
    def path(self) -> str:
        """The address as users write it: "digits/tiny/s1/0/test"."""
        return "/".join((self.dataset, self.family, self.scale, self.member, self.split))

    @property
    def order(self) -> tuple[Any, ...]:
        """The order in which places are listed."""
        number = int(self.member) if self.member.isdecimal() else -1
        return self.dataset, self.family, self.scale, number, self.split, self.key


@dataclass(frozen=True)
class Item:
    """An entry, or an unfinished entry.

    Attributes:
        place: where it is.
        folder: its folder. The folder of an unfinished entry holds its pieces.
        size: the size of its files in bytes.
        entry: the entry; None if it is unfinished or its manifest cannot be read.
        damage: what is damaged, as far as it shows without reading arrays; empty if nothing is.
        samples: for an unfinished entry, the number of samples that its pieces hold.
        lock: the lock of the entry.
        locked: the process that holds the lock; empty if none does.
    """

    place: Place
    folder: Path
    size: int
    entry: Entry | None = None
    damage: str = ""
    samples: int | None = None
    lock: Lock = field(default_factory=lambda: Lock(Path()), compare=False)
    locked: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether it is an unfinished entry."""
        return self.samples is not None

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the entry; empty if there is none that can be read."""
        return dict(self.entry.manifest) if self.entry is not None else {}

    @property
    def provenance(self) -> dict[str, Any]:
        """How the entry was made; empty if that is not known."""
        return dict(self.manifest.get("provenance", {}))

    @property
    def identity(self) -> dict[str, Any]:
        """What made the entry; empty if that is not known."""
        return dict(self.manifest.get("identity", {}))

    @property
    def also_called(self) -> list[str]:
        """What identifies the entry besides its key: the fingerprint of its weights, and its training recipe."""
        return [str(name) for name in (self.identity.get("weights"), self.provenance.get("recipe")) if name]

    def cost_names(self) -> list[str]:
        """Return the names of the costs that are kept beside the entry, each once; none if one of them is damaged."""
        try:
            return list(dict.fromkeys(cost.name for cost in self.entry.costs)) if self.entry is not None else []
        except Damaged:
            return []


@dataclass(frozen=True)
class Leftover:
    """A file or folder that interrupted runs or repairs have left behind.

    Attributes:
        path: the file or folder.
        kind: what it is, for messages.
        size: its size in bytes.
        changed: when it, or a file in it, was last changed, in seconds since the epoch, by the clock of the file system.
        lock: the lock that a process holds as long as it uses the file or folder; None if there is no such lock.
    """

    path: Path
    kind: str
    size: int
    changed: float
    lock: Lock | None = None


TEMPORARY, SET_ASIDE, LOCK, PARTIAL = "temporary file", "damaged entry or cost, set aside", "lock", "unfinished entry"
SHARED = "shared array"
"""Kinds of leftovers."""


@dataclass(frozen=True)
class DerivedScores:
    """Scores that a sweep has derived from entries, in a folder of their own.

    Attributes:
        folder: the folder.
        size: the size of its files in bytes.
        changed: when a file in it was last changed, in seconds since the epoch.
    """

    folder: Path
    size: int
    changed: float


@dataclass
class Inventory:
    """What is in a store.

    Attributes:
        root: the root folder of the store.
        items: entries and unfinished entries, in the order in which they are listed.
        leftovers: what interrupted runs and repairs have left behind.
        scores: scores derived from entries.
        shared: arrays of labels, ids and groups that several entries share.
        unknown: files and folders that wee does not write.
    """

    root: Path
    items: list[Item] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    scores: list[DerivedScores] = field(default_factory=list)
    shared: list[Leftover] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)

    def select(self, query: Query) -> list[Item]:
        """Return the selected entries and unfinished entries.

        Raises:
            WeeError: there is no store, or nothing is selected; the message says what there is.
        """
        if not self.root.is_dir():
            raise WeeError(
                f"there is no store in {self.root} yet: `wee evaluate` and `wee import` make one, and "
                "paths.store=FOLDER looks elsewhere"
            )
        return query.select(self.items, lambda item: (item.place, item.also_called), f"the store {self.root}")

    @cached_property
    def _usual(self) -> dict[tuple[str, str], int]:
        """The number of samples that most entries of a data set and split have."""
        counts: dict[tuple[str, str], Counter[int]] = {}
        for item in self.items:
            if item.entry is not None:
                shape = item.manifest["shape"]
                counts.setdefault((item.place.dataset, item.place.split), Counter())[int(shape[-2])] += 1
        return {name: count.most_common(1)[0][0] for name, count in counts.items()}

    def expected_samples(self, place: Place) -> int | None:
        """Return how many samples other entries of the same data set and split have; None if there are none."""
        return self._usual.get((place.dataset, place.split))

    def repair(self, item: Item) -> str:
        """Return the command that makes an entry again: its own, that of the same member on another split, or a guess."""
        same = [item, *(other for other in self.items if _same_member(other.place, item.place))]
        for other in same:
            if command := other.provenance.get("command"):
                return str(command)
        place = item.place
        words = ("dataset", "family", "scale", "member")
        return shlex.join(["wee", "evaluate", *(f"{word}={getattr(place, word)}" for word in words)])


def _same_member(one: Place, other: Place) -> bool:
    return (one.dataset, one.family, one.scale, one.member) == (other.dataset, other.family, other.scale, other.member)


def take_inventory(root: Path) -> Inventory:
    """List what is in a store. Arrays are not read: damage shows only if a file is missing or has another size.

    Args:
        root: the root folder of the store; it need not exist.
    """
    inventory = Inventory(root)
    # Shared arrays come first: if an entry is made too late to be listed, its arrays change after they were listed.
    for path in _entries_of(root / shared.FOLDER):
        hidden = LEFT_BEHIND.fullmatch(path.name)
        if hidden and hidden["ending"] == "aside":
            continue  # entries may use it; `wee.store.removal.restore_shared` gives it its name back
        if hidden:
            inventory.leftovers.append(_leftover(path, TEMPORARY))
        else:
            inventory.shared.append(_leftover(path, SHARED))
    for folder in _member_folders(root):
        for path in _entries_of(folder):
            _sort(inventory, folder.relative_to(root).parts, path)
    inventory.items.sort(key=lambda item: item.place.order)
    for path in _scores(root):
        hidden = LEFT_BEHIND.fullmatch(path.name)
        if path.name.endswith(".lock"):
            inventory.leftovers.append(_leftover(path, LOCK, Lock(path)))
        elif hidden:
            inventory.leftovers.append(_leftover(path, TEMPORARY, _lock_of(path, hidden)))
        elif path.is_dir():
            size, changed = measure(path)
            inventory.scores.append(DerivedScores(path, size, changed))
    return inventory


def _member_folders(root: Path) -> Iterator[Path]:
    folders = [root]
    for _ in range(4):  # dataset, family, scale, member
        folders = [path for folder in folders for path in _entries_of(folder) if path.is_dir() and path.name[0] != "."]
    yield from folders


def _scores(root: Path) -> Iterator[Path]:
    """Yield the files and folders below the folders of derived scores of each data set."""
    for folder in _entries_of(root / derived.FOLDER):
        if folder.is_dir():
            yield from _entries_of(folder)


def _entries_of(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sort(inventory: Inventory, parts: Sequence[str], path: Path) -> None:
    """Add a file or folder below the folder of a member to an inventory."""
    named, hidden = _NAMED.fullmatch(path.name), LEFT_BEHIND.fullmatch(path.name)
    if hidden:
        inventory.leftovers.append(_leftover(path, TEMPORARY, _lock_of(path, hidden)))
    elif named is None or path.name.startswith("."):
        inventory.unknown.append(path)
    else:
        rest, place = named["rest"] or "", Place(parts[0], parts[1], parts[2], parts[3], named["split"], named["key"])
        lock = Lock(path.with_name(f"{named['split']}-{named['key']}.lock"))
        if not rest and path.is_dir():
            inventory.items.append(_entry_item(place, path, lock))
            inventory.leftovers += list(_cost_leftovers(path))
        elif rest == ".partial" and path.is_dir():
            inventory.items.append(_partial_item(place, path, lock))
        elif rest == ".lock":
            inventory.leftovers.append(_leftover(path, LOCK, lock))
        elif rest.startswith(".damaged-"):
            inventory.leftovers.append(_leftover(path, SET_ASIDE))
        else:
            inventory.unknown.append(path)


def _lock_of(path: Path, hidden: re.Match[str]) -> Lock:
    """Return the lock that protects a temporary file or folder: that of the entry after which it is named."""
    return Lock(lock_path(path.with_name(hidden["name"].removesuffix(".lock"))))


def _leftover(path: Path, kind: str, lock: Lock | None = None) -> Leftover:
    size, changed = measure(path)
    return Leftover(path, kind, size, changed, lock)


def _cost_leftovers(entry: Path) -> Iterator[Leftover]:
    for path in _entries_of(entry / costs.FOLDER):
        if LEFT_BEHIND.fullmatch(path.name):
            yield _leftover(path, TEMPORARY)
        elif ".damaged-" in path.name:
            yield _leftover(path, SET_ASIDE)


def measure(path: Path) -> tuple[int, float]:
    """Return the size of a file, or of all files in a folder, in bytes, and when the newest of them was changed.

    Files that vanish meanwhile are left out.
    """
    size, changed = 0, 0.0
    todo = [str(path)]
    while todo:
        current = todo.pop()
        try:
            status = os.lstat(current)
            changed = max(changed, status.st_mtime)
            with os.scandir(current) as found:
                todo += [one.path for one in found]
        except NotADirectoryError:
            size += status.st_size
        except FileNotFoundError:
            continue
    return size, changed


def now_at(folder: Path) -> float:
    """Return the time by the clock of the file system, which may be another machine's; this machine's if it is read-only."""
    try:
        return file_system_time(folder)
    except OSError:
        return time.time()


def _entry_item(place: Place, folder: Path, lock: Lock) -> Item:
    size, _ = measure(folder)
    entry, damage = None, ""
    try:
        entry = Entry.open(folder)
        damage = visible_damage(entry)
    except WeeError as error:
        damage = str(error).removeprefix(f"the entry {folder} is damaged: ").removeprefix(f"the entry {folder} ")
    return Item(place, folder, size, entry, damage, lock=lock, locked=_holder(lock))


def visible_damage(entry: Entry) -> str:
    """Return what shows to be damaged in an entry without reading its arrays; empty if nothing does."""
    for name, expected in entry.manifest["files"].items():
        try:
            size = entry.path_of(name).stat().st_size
        except FileNotFoundError:
            return f"{name} is missing"
        if size != expected["bytes"]:
            return f"{name} has {size:,} bytes, {expected['bytes']:,} were written"
    try:
        _ = entry.costs
    except Damaged as error:
        return str(error).replace(f"{entry.folder}{os.sep}", "")
    return ""


def _partial_item(place: Place, folder: Path, lock: Lock) -> Item:
    size, _ = measure(folder)
    samples = sum(_piece_samples(path) for path in (folder / "pieces").glob("*.npz"))
    return Item(place, folder, size, samples=samples, lock=lock, locked=_holder(lock))


def _piece_samples(path: Path) -> int:
    """Return the number of samples in a piece, from the header of an array; 0 if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("index.npy") as file:
            np.lib.format.read_magic(file)
            shape, _, _ = np.lib.format.read_array_header_1_0(file)
        return int(shape[0])
    except Exception:  # numpy and zipfile raise errors of many types for damaged files
        return 0


def _holder(lock: Lock) -> str:
    """Return which process holds a lock, for messages; empty if none does."""
    if not lock.path.exists():
        return ""
    return f"{lock.holder()}, which is dead" if lock.is_stale() else lock.holder()


def leftover_partials(inventory: Inventory) -> list[Leftover]:
    """Return the unfinished entries of an inventory as leftovers."""
    return [
        Leftover(item.folder, PARTIAL, *measure(item.folder), item.lock) for item in inventory.items if item.unfinished
    ]
