"""What to do about missing entries, and about missing costs, of networks that are known by their logits alone."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from wee.costs import COSTS
from wee.costs.given import GivenCost
from wee.store import Address, LogitStore
from wee.store.entry import MANIFEST, Damaged, Entry


def advice(store: LogitStore, missing: Sequence[Address], stored: bool) -> str | None:
    """Return what to do about missing entries that no network can be run for; None if `wee evaluate` can make them.

    Args:
        store: the store that lacks them.
        missing: their addresses, of one data set.
        stored: whether the config has a data set or a family that is known by its logits alone.
    """
    dataset, family = missing[0].dataset, missing[0].family
    families = [folder.name for folder in _folders(store.root / dataset)]
    known = [family] if family in families else families
    if not stored and not (known and all(_imported(store.root / dataset / name) for name in known)):
        return None
    if known and (not stored or family not in known):
        names = f"dataset=stored dataset.name={shlex.quote(dataset)} family=stored family.name={shlex.quote(known[0])}"
        others = "" if stored or family in known else f"; networks of family {family} are evaluated first: wee evaluate"
        return f"The store has logits of {dataset}/{known[0]} without networks; take them with {names}{others}"
    scales = list(dict.fromkeys(address.scale for address in missing if address.family == family))
    names = f"dataset.name={shlex.quote(dataset)} family.name={shlex.quote(family)}"
    ways = [f"Import them: wee import file=FILE {names} scale={shlex.quote(scales[0])} macs=NUMBER"]
    existing = [_members(store.root / dataset / family / scale) for scale in scales]
    members = sorted(set.intersection(*existing))
    if members and not {address.member for address in missing} <= set(members):
        alone = "" if len(members) > 1 else "ensemble=alone "
        ways.append(f"or use the members that are there: {alone}'ensemble.members={members}'".replace(", ", ","))
    kinds = dict.fromkeys(address.split.kind for address in missing)
    if set(kinds) <= {"ood", "shift"}:
        ways.append(
            f"or choose among the sets that all members have: {' '.join(f'dataset.{kind}=NAME' for kind in kinds)}"
        )
    return ", ".join(ways)


def pricing(unpriced: Sequence[Entry], cost: str) -> str | None:
    """Return what to do about members that lack a cost; None if `wee evaluate` can measure it.

    Args:
        unpriced: an entry of each of these members.
        cost: the name of the cost.
    """
    imported = [entry for entry in unpriced if entry.manifest["identity"].get("imported")]
    if imported:
        again, name = imported[0].manifest["provenance"]["command"], cost.replace(":", r"\:")
        return f"Give it where the logits are imported: {again} 'costs={{{name}: NUMBER}}'"
    if isinstance(COSTS.find(cost), GivenCost):
        return f"Nothing measures it: {COSTS.unknown(cost)}"
    return None


def _folders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, in the order of their names; none if there is no such folder."""
    return sorted(path for path in folder.glob("[!.]*") if path.is_dir())


def _members(scale: Path) -> set[int]:
    """Return the numbers of the members in the folder of a scale."""
    return {int(folder.name) for folder in _folders(scale) if folder.name.isdecimal()}


def _imported(family: Path) -> bool:
    """Return whether the logits in the folder of a family, below that of a data set, were imported."""
    for path in sorted(family.glob(f"*/*/[!.]*/{MANIFEST}")):
        try:
            return bool(Entry.open(path.parent).manifest["identity"].get("imported"))
        except Damaged:
            continue
    return False
