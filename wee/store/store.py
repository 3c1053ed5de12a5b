"""The store: finds entries, begins new ones, and chooses between entries with the same address."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.data.splits import SplitName
from wee.dates import instant
from wee.errors import WeeError
from wee.files import Lock, lock_path
from wee.identity import KEY_LENGTH, key_of
from wee.store.entry import Address, Damaged, Entry
from wee.store.writer import EntryWriter, PieceWriter, partial_folder

log = logging.getLogger("wee")


class Busy(Exception):
    """Raised if another process is making the entry; the argument says which process."""


class LogitStore:
    """A folder of entries.

    Args:
        root: the folder of the store; it is created with the first entry.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        # One object for each lock: it remembers since when the holder has given no sign of life.
        self._locks: dict[Path, Lock] = {}

    def _lock(self, folder: Path) -> Lock:
        return self._locks.setdefault(folder, Lock(lock_path(folder)))

    def folder(self, address: Address, identity: Mapping[str, Any]) -> Path:
        """Return the folder of the entry with an address and identity, whether it exists or not."""
        return self.root / address.folder / f"{address.split}-{key_of(identity)}"

    def get(self, address: Address, identity: Mapping[str, Any]) -> Entry | None:
        """Return the entry with an address and identity; None if there is none.

        A damaged entry is renamed, with a warning, so that it can be made again; so are damaged costs beside it.
        """
        folder = self.folder(address, identity)
        if not folder.is_dir():
            return None
        try:
            entry = _verified(folder)
        except Damaged:
            self.set_aside(folder)
            return None
        entry.set_damaged_costs_aside()
        Lock(lock_path(folder)).clear(partial_folder(folder))
        return entry

    def set_aside(self, folder: Path) -> None:
        """Rename a damaged entry, unless another process holds its lock or it is no longer damaged."""
        lock = Lock(lock_path(folder))
        if not lock.acquire():
            return
        try:
            _verified(folder)
        except Damaged as error:
            if folder.is_dir():
                aside = folder.with_name(f"{folder.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
                folder.rename(aside)
                log.warning(f"{error}\nIt is set aside as {aside}, and made again now.")
        finally:
            lock.release()

    def writer(
        self,
        address: Address,
        identity: Mapping[str, Any],
        labels: NDArray[np.int64],
        ids: NDArray[np.bytes_],
        groups: NDArray[np.bytes_],
        piece_samples: int | None = None,
    ) -> EntryWriter:
        """Begin an entry, or continue one that was interrupted.

        Args:
            address: address of the entry.
            identity: what makes the entry, as plain data.
            labels, ids, groups: labels, ids and groups of the samples, [N] each.
            piece_samples: number of samples in a piece; None for pieces of about 16 MiB.

        Raises:
            Busy: another process is making the entry.
            WeeError: the lengths differ, or an id occurs twice.
        """
        if not len(labels) == len(ids) == len(groups) or len(np.unique(ids)) != len(ids):
            raise WeeError(f"{address}: every sample needs a label, an id of its own and a group")
        folder = self.folder(address, identity)
        lock = self._lock(folder)
        if not lock.acquire():
            raise Busy(lock.holder())
        try:
            if folder.is_dir():
                raise Busy("a process that has just finished it")
            return EntryWriter(folder, address, identity, labels, ids, groups, lock, piece_samples)
        except BaseException:
            lock.release()
            raise

    def pieces(
        self,
        address: Address,
        identity: Mapping[str, Any],
        labels: NDArray[np.int64],
        ids: NDArray[np.bytes_],
        piece_samples: int | None = None,
    ) -> PieceWriter:
        """Return a writer of pieces for an entry that another process has begun and will finish.

        Args:
            address, identity, labels, ids, piece_samples: as in `writer`.
        """
        return PieceWriter(self.folder(address, identity), address, labels, ids, piece_samples)

    def names(self, dataset: str, family: str, cost: str) -> tuple[list[str], list[SplitName]]:
        """Return the scales of a family that have entries for a data set, and the splits of these entries.

        Args:
            dataset: name of the ID data set.
            family: name of the family.
            cost: name of the cost in whose ascending order scales are returned; those without it come last, by name.
        """
        folder = self.root / dataset / family
        costs: dict[str, float] = {}
        splits: dict[SplitName, None] = {}
        for path in sorted(folder.glob("*/*/*")) if folder.is_dir() else []:
            match = re.fullmatch(rf"(.+)-[0-9a-f]{{{KEY_LENGTH}}}", path.name)
            if match is not None and path.is_dir():
                scale = path.parts[-3]
                if costs.get(scale, math.inf) == math.inf:
                    costs[scale] = _largest(Entry.open(path), cost)
                splits[SplitName.parse(match[1])] = None
        return sorted(costs, key=lambda scale: (costs[scale], scale)), list(splits)

    def entries_of(self, dataset: str, family: str, scale: str) -> list[Entry]:
        """Return every entry of the members of a scale, ordered by member and by the name of its folder.

        Raises:
            Damaged: a manifest is damaged.
        """
        folder = self.root / dataset / family / scale
        members = [path for path in folder.iterdir() if path.name.isdecimal()] if folder.is_dir() else []
        name = re.compile(rf".+-[0-9a-f]{{{KEY_LENGTH}}}")
        return [
            Entry.open(path)
            for member in sorted(members, key=lambda path: int(path.name))
            for path in sorted(member.iterdir())
            if name.fullmatch(path.name) and path.is_dir()
        ]

    def find(self, address: Address) -> list[Entry]:
        """Return all entries with an address, whatever their identity, the oldest first."""
        pattern = re.compile(re.escape(str(address.split)) + rf"-[0-9a-f]{{{KEY_LENGTH}}}")
        folder = self.root / address.folder
        paths = [p for p in folder.iterdir() if pattern.fullmatch(p.name)] if folder.is_dir() else []
        entries = []
        for path in sorted(paths):
            try:
                entries.append(Entry.open(path))
            except Damaged as error:
                raise Damaged(str(error), address) from None
        return sorted(entries, key=lambda entry: instant(entry.manifest["provenance"].get("created", "")))

    def pick(
        self, address: Address, pick: Sequence[str] = (), expected: Mapping[str, Any] | None = None
    ) -> Entry | None:
        """Return the single entry with an address; None if there is none.

        Args:
            address: address of the entry.
            pick: which entry to take if several fit: prefixes of entry keys, weights' fingerprints, training recipes,
                precisions or dtypes, or "newest".
            expected: parts of the identity that the entry must have, for instance the samples.

        Raises:
            WeeError: several entries fit; the message lists them and says how to choose.
        """
        entries = [entry for entry in self.find(address) if _as_expected(entry, expected or {})]
        wanted = [p for p in pick if p != "newest"]
        if len(entries) > 1 and wanted:
            entries = [entry for entry in entries if any(entry.is_called(p) for p in wanted)] or entries
        if len(entries) > 1 and "newest" in pick:
            entries = entries[-1:]
        if len(entries) > 1:
            listed = "\n".join(f"  {entry.describe()}" for entry in entries)
            raise WeeError(
                f"{len(entries)} entries fit {address}:\n{listed}\n"
                "Choose by the beginning of a key, of a weights' fingerprint, of a training recipe, of a precision or dtype: "
                f"one, or a list where several are needed; for instance pick={_distinguishing(entries)}, or pick=newest."
            )
        return entries[0] if entries else None


def _distinguishing(entries: Sequence[Entry]) -> str:
    """Return a value for `pick` that selects the newest of some entries, one that is valid for a whole sweep if possible."""
    identities = [entry.manifest["identity"] for entry in entries]
    precisions, dtypes = ([str(identity.get(name, "")) for identity in identities] for name in ("precision", "dtype"))
    for names in ([entry.recipe for entry in entries], precisions, dtypes):
        if names[-1] and names.count(names[-1]) == 1:
            return names[-1]
    return entries[-1].key


def _verified(folder: Path) -> Entry:
    entry = Entry.open(folder)
    entry.verify()
    return entry


def _largest(entry: Entry, name: str) -> float:
    """Return the cost of a sample that runs through the whole member of an entry; infinity if it is not known."""
    try:
        return max((max(cost.values) for cost in entry.costs if cost.name == name), default=math.inf)
    except Damaged:  # reported when the cost itself is read
        return math.inf


def _as_expected(entry: Entry, expected: Mapping[str, Any]) -> bool:
    identity = entry.manifest["identity"]
    return all(name not in identity or identity[name] == value for name, value in expected.items())
