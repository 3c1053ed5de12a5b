"""Verification of a store: every byte of it is compared with its checksums."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from wee.errors import WeeError
from wee.identity import key_of
from wee.store.derived import read_arrays
from wee.store.entry import MANIFEST, Damaged
from wee.store.inventory import Inventory, Item
from wee.store.writer import read_piece


@dataclass(frozen=True)
class Damage:
    """Something that is not what was written.

    Attributes:
        what: the entry, member or scores.
        where: the damaged file or folder.
        detail: what is damaged.
        repair: a command that repairs it, or what to do.
        remark: what to know about the command.
    """

    what: str
    where: Path
    detail: str
    repair: str
    remark: str = ""


@dataclass(frozen=True)
class Examination:
    """Something to be verified.

    Attributes:
        kind: what kind of thing it is, in the plural ("entries").
        size: the number of bytes to read.
        run: verifies it, and returns what is damaged.
    """

    kind: str
    size: int
    run: Callable[[], list[Damage]]


def examinations(inventory: Inventory, items: Iterable[Item], scores: bool) -> Iterator[Examination]:
    """Yield what there is to verify in a store.

    Args:
        inventory: what is in the store.
        items: the entries and unfinished entries to verify.
        scores: whether to verify scores derived from entries.
    """
    for item in items:
        kind = "unfinished entries" if item.unfinished else "entries"
        yield Examination(kind, item.size, lambda item=item: _examine(inventory, item))  # type: ignore[misc]
    for derived in inventory.scores if scores else []:
        yield Examination(
            "derived scores", derived.size, lambda folder=derived.folder: _examine_scores(folder)  # type: ignore[misc]
        )  # fmt: skip


def audit(work: Iterable[Examination], workers: int, done: Callable[[int], None]) -> list[Damage]:
    """Verify things with several threads, the largest first.

    Args:
        work: what to verify.
        workers: the number of threads.
        done: called with the size of everything that has been verified, in bytes.

    Returns:
        What is damaged, sorted by name.
    """
    damages: list[Damage] = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        ordered = sorted(work, key=lambda one: -one.size)
        futures = {pool.submit(one.run): one for one in ordered}
        try:
            for future in as_completed(futures):
                damages += future.result()
                done(futures[future].size)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return sorted(damages, key=lambda damage: (damage.what, damage.detail))


def _examine(inventory: Inventory, item: Item) -> list[Damage]:
    if item.unfinished:
        return _examine_pieces(inventory, item)
    if not item.folder.is_dir():  # removed meanwhile
        return []
    what, command = item.place.path, inventory.repair(item)
    if item.entry is None:
        return [Damage(what, item.folder, item.damage, command)]
    damages = []
    try:
        item.entry.verify()
    except Damaged as error:
        prefix = f"the entry {item.entry.address} ({item.folder}) is damaged: "
        detail = str(error).removeprefix(prefix).removesuffix(f". Make it again: {command}")
        damages.append(Damage(what, item.folder, detail, command))
    except OSError as error:
        damages.append(Damage(what, item.folder, f"it cannot be read ({error.strerror or error})", command))
    try:
        _ = item.entry.costs
    except Damaged as error:
        detail = str(error).replace(f"{item.folder}/", "")
        damages.append(Damage(what, item.folder / "costs", detail, command, "measures the cost again"))
    return damages


def _examine_pieces(inventory: Inventory, item: Item) -> list[Damage]:
    damages = []
    for path in sorted((item.folder / "pieces").glob("*.npz")):
        if read_piece(path) is None and path.exists():
            detail = f"the piece {path.name} of an unfinished entry is damaged; its samples are computed again"
            damages.append(Damage(item.place.path, path, detail, inventory.repair(item)))
    return damages


def _examine_scores(folder: Path) -> list[Damage]:
    try:
        read_arrays(folder)
        identity = json.loads((folder / MANIFEST).read_text())["identity"]
        if not folder.name.endswith(f"-{key_of(identity)}"):
            raise ValueError(f"{MANIFEST} is not what was written")
    except FileNotFoundError as error:
        if not folder.is_dir():  # removed meanwhile
            return []
        detail = f"{Path(str(error.filename)).name} is missing"
    except (ValueError, KeyError, TypeError, OSError, WeeError) as error:
        detail = str(error)
    else:
        return []
    what = f"derived scores {folder.parent.name}/{folder.name}"
    return [Damage(what, folder, detail, "nothing: the next sweep that needs them computes them again")]
