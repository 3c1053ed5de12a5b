"""What a sweep reads of the store: the members of each scale, checked, and the same samples in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wee.errors import WeeError
from wee.store import Address, Entry, LogitStore


@dataclass(frozen=True)
class Members:
    """The members of one scale, on every split a sweep needs.

    Attributes:
        dataset, family, scale: whose.
        macs: cost of each member, by number.
        entries: by split, then by number of the member.
    """

    dataset: str
    family: str
    scale: str
    macs: dict[int, float]
    entries: dict[str, dict[int, Entry]]


def load(
    store: LogitStore,
    dataset: str,
    family: str,
    scale: str,
    numbers: Sequence[int],
    splits: Sequence[str],
    pick: Sequence[str],
) -> tuple[Members | None, list[Address]]:
    """Find, verify and compare the entries of one scale's members.

    Args:
        store: where to look.
        dataset, family, scale, numbers, splits: whose logits, on what.
        pick: which to take where several entries have one name; see `LogitStore.pick`.

    Returns:
        The members, and no address; or None, and the addresses of what is missing.

    Raises:
        WeeError: an entry is damaged, or several fit, or members do not have the same samples.
    """
    entries: dict[str, dict[int, Entry]] = {split: {} for split in splits}
    missing = []
    for number in numbers:
        for split in splits:
            address = Address(dataset, family, scale, number, split)
            entry = store.pick(address, pick)
            if entry is None:
                missing.append(address)
            else:
                entries[split][number] = entry
    if missing:
        return None, missing
    for found in entries.values():
        for entry in found.values():
            entry.verify()
        _same_samples(list(found.values()))
    macs = {number: entries[splits[0]][number].macs for number in numbers}
    return Members(dataset, family, scale, macs, entries), []


def _same_samples(entries: Sequence[Entry]) -> None:
    first = entries[0]
    for other in entries[1:]:
        same = all(np.array_equal(getattr(first, name), getattr(other, name)) for name in ("ids", "labels"))
        if not same or first.logits.shape != other.logits.shape:
            raise WeeError(
                f"{first.address} and {other.address} are not about the same samples and classes "
                f"({first.logits.shape} and {other.logits.shape}): their members cannot make an ensemble"
            )
