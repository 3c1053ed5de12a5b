"""Removal of entries and of leftovers. Nothing that a live process may be using is removed."""

from __future__ import annotations

import contextlib
import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wee.dates import instant
from wee.files import LEFT_BEHIND, Lock, aside_path, each_acquired, is_dead, staged
from wee.store.entry import MANIFEST
from wee.store.inventory import (
    LOCK,
    PARTIAL,
    SET_ASIDE,
    TEMPORARY,
    DerivedScores,
    Inventory,
    Item,
    Leftover,
    leftover_partials,
    measure,
    now_at,
)  # fmt: skip
from wee.store.shared import FOLDER, shared_path

log = logging.getLogger("wee")

DAY, HOUR = 86400.0, 3600.0

STALE_SCORES, SUPERSEDED, FINISHED, DEAD_LOCK, UNUSED = (
    "scores of entries that are gone", "superseded entry", "pieces of a finished entry", "lock of a dead process",
    "shared array of entries that are gone",
)  # fmt: skip
FOREIGN_LOCK = "lock of another machine, removed if it is not refreshed for a minute"


@dataclass(frozen=True)
class Removable:
    """A file or folder that can be removed.

    Attributes:
        path: the file or folder.
        why: what it is, and why it can be removed.
        size: its size in bytes.
        lock: the lock that must be taken first; None if there is none.
        still: returns whether it can still be removed, given where it is. It is asked once the lock is held and, for a file,
            again when it has been moved aside, so that no process can begin to use it between the answer and the removal.
    """

    path: Path
    why: str
    size: int
    lock: Lock | None = None
    still: Callable[[Path], bool] = lambda path: True


def removables(items: Iterable[Item]) -> list[Removable]:
    """Return selected entries and unfinished entries as what can be removed."""
    return [Removable(item.folder, item.place.path, item.size, item.lock) for item in items]


def remove(things: Sequence[Removable], done: Callable[[int], None]) -> tuple[list[Removable], list[Removable]]:
    """Remove files and folders. A folder is renamed first, so that no process sees half of it.

    Args:
        things: what to remove.
        done: called with the number of things that have been processed.

    Returns:
        (what was removed, what was kept because a live process holds its lock or has changed it).
    """
    removed: list[Removable] = []
    free = [thing for thing in things if thing.lock is None]
    locked: dict[Path, tuple[Lock, list[Removable]]] = {}
    for thing in things:
        if thing.lock is not None:
            locked.setdefault(thing.lock.path, (thing.lock, []))[1].append(thing)
    for thing in free:
        removed += _remove(thing)
        done(1)
    for lock in each_acquired(lock for lock, _ in locked.values()):
        for thing in locked[lock.path][1]:
            removed += _remove(thing)
            done(1)
    gone = {id(thing) for thing in removed}
    return removed, [thing for thing in things if id(thing) not in gone]


def _remove(thing: Removable) -> list[Removable]:
    if thing.lock is not None and thing.path == thing.lock.path:
        return [thing]  # taking the lock has replaced the dead one, and releasing it removes it
    if not thing.still(thing.path):
        return []
    if thing.path.is_dir() and not thing.path.is_symlink():
        with staged(thing.path) as aside, contextlib.suppress(FileNotFoundError):
            thing.path.rename(aside / "removed")
        return [thing]
    return [thing] if _remove_file(thing) else []


def _remove_file(thing: Removable) -> bool:
    """Remove a file unless it has changed at the last moment; return whether it is removed."""
    aside = aside_path(thing.path)
    try:
        thing.path.rename(aside)
    except FileNotFoundError:
        return True
    if thing.still(aside):
        aside.unlink(missing_ok=True)
        return True
    if thing.path.exists():  # a process has made it again; the names of shared arrays say what is in them
        aside.unlink(missing_ok=True)
    else:
        aside.rename(thing.path)
    return False


def restore_shared(root: Path) -> int:
    """Give the shared arrays their names back that a killed removal had set aside: other processes may have begun to use them.

    An array that nobody uses is then garbage as before.

    Args:
        root: the root folder of the store.

    Returns:
        The number of arrays.
    """
    restored = 0
    for path in sorted((root / FOLDER).glob(".*.aside")):
        named = LEFT_BEHIND.fullmatch(path.name)
        if named is None or is_dead(path) is False:
            continue
        # A live process of another machine may be removing it: that process then finds nothing to remove. An array of the
        # same name that was made since is the same, because the name says what is in it.
        with contextlib.suppress(FileNotFoundError):
            path.replace(path.with_name(named["name"]))
            restored += 1
    return restored


def _is_abandoned(leftover: Leftover, now: float, hours: float) -> bool:
    """Return whether a temporary file is that of a dead process or, if that is not known, is old."""
    dead = is_dead(leftover.path)
    return now - leftover.changed >= hours * HOUR if dead is None else dead


def garbage(
    inventory: Inventory, partial_days: float | None = None, superseded: bool = False, temporary_hours: float = 1.0
) -> list[Removable]:
    """Return what dead processes and repairs have left behind.

    Args:
        inventory: what is in the store.
        partial_days: the age in days from which unfinished entries are included; None for none.
        superseded: whether entries are included that a newer entry of the same address, precision and dtype, of another
            training recipe, replaces.
        temporary_hours: the age in hours from which temporary files of unknown processes are included; those of dead
            processes always are, and those of live ones never.
    """
    now = now_at(inventory.root) if inventory.root.is_dir() else 0.0
    found: list[Removable] = []
    for leftover in inventory.leftovers:
        if leftover.kind == SET_ASIDE:
            found.append(Removable(leftover.path, leftover.kind, leftover.size))
        elif leftover.kind == TEMPORARY and _is_abandoned(leftover, now, temporary_hours):
            found.append(_aged(leftover, leftover.kind))
        elif leftover.kind == LOCK and leftover.lock is not None:
            if leftover.lock.is_stale():
                found.append(Removable(leftover.path, DEAD_LOCK, leftover.size, leftover.lock))
            elif leftover.lock.elsewhere:
                found.append(Removable(leftover.path, FOREIGN_LOCK, leftover.size, leftover.lock))
    finished = {item.folder for item in inventory.items if not item.unfinished}
    for leftover in leftover_partials(inventory):
        age = (now - leftover.changed) / DAY
        if leftover.path.with_name(leftover.path.name.removesuffix(".partial")) in finished:
            found.append(_aged(leftover, FINISHED))
        elif partial_days is not None and age >= partial_days:
            found.append(_aged(leftover, f"{PARTIAL}, not continued for {age:.3g} days"))
    used = _shared_by_entries(inventory)
    for leftover in inventory.shared if used is not None else []:
        if leftover.path not in (used or ()) and now - leftover.changed >= temporary_hours * HOUR:
            found.append(_aged(leftover, UNUSED))
    found += [Removable(scores.folder, STALE_SCORES, scores.size) for scores in _stale_scores(inventory)]
    found += [Removable(item.folder, SUPERSEDED, item.size, item.lock) for item in _old(inventory) if superseded]
    return found


def _aged(leftover: Leftover, why: str) -> Removable:
    """Return a leftover that can be removed unless it has changed since it was listed."""
    changed = leftover.changed
    return Removable(leftover.path, why, leftover.size, leftover.lock, lambda where: measure(where)[1] == changed)


def _shared_by_entries(inventory: Inventory) -> set[Path] | None:
    """Return the shared arrays that entries may use; None if that cannot be known, because a manifest is damaged."""
    used = set()
    for item in inventory.items:
        if item.entry is None and not item.unfinished:
            return None
        for name, about in item.manifest.get("files", {}).items():
            used.add(shared_path(inventory.root, name, about))
    return used


def _stale_scores(inventory: Inventory) -> Iterator[DerivedScores]:
    """Yield scores of which an entry is gone or was made again. Those of entries whose manifest is damaged are kept."""
    known = {
        (str(item.entry.address), item.entry.key, item.entry.checksum) for item in inventory.items if item.entry is not None
    }  # fmt: skip
    unsure = {item.place.key for item in inventory.items if item.entry is None}
    for scores in inventory.scores:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # damaged: computed again when it is needed
            networks = json.loads((scores.folder / MANIFEST).read_text())["identity"]["networks"]
            sources = [(str(address), str(key), int(checksum)) for address, key, checksum, *_ in networks]
            if any(source not in known and source[1] not in unsure for source in sources):
                yield scores


def _old(inventory: Inventory) -> Iterator[Item]:
    """Yield the entries that a newer entry of another training recipe replaces; none whose time is not known."""
    newest: dict[tuple[Any, ...], Item] = {}
    for item in inventory.items:
        if (about := _recipe_of(item)) is not None:
            other = newest.get(about[0])
            if other is None or _created(item) > _created(other):
                newest[about[0]] = item
    for item in inventory.items:
        if (about := _recipe_of(item)) is not None:
            latest = newest[about[0]]
            if latest is not item and _recipe_of(latest) != about and -math.inf < _created(item) < _created(latest):
                yield item


def _recipe_of(item: Item) -> tuple[tuple[Any, ...], str] | None:
    """Return what entries have in common that replace each other, and the recipe; None if the recipe is not known."""
    recipe = str(item.provenance.get("recipe") or "")
    if not recipe:
        return None
    return (item.place.path, item.identity.get("precision"), item.manifest.get("dtype")), recipe


def _created(item: Item) -> float:
    return instant(item.provenance.get("created", ""))


def referring(keys: Mapping[str, str], files: Iterable[Path]) -> dict[Path, list[str]]:
    """Return which files mention entries: those of sweeps and cascades.

    Args:
        keys: what messages call an entry, by its key.
        files: JSON files to look into.

    Returns:
        The names of the mentioned entries, by file; without files that mention none.
    """
    mentioned = {}
    for file in files:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = file.read_text()
            if names := [name for key, name in keys.items() if f'"{key}"' in text]:
                mentioned[file] = names
    return mentioned
