"""What a sweep reads of the store: the networks that cascades are made of, checked, and about the same samples."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.costs import MACS
from wee.data.splits import SplitName
from wee.errors import WeeError
from wee.store import Address, Entry, LogitStore
from wee.sweep.rows import FAMILIES, SCALES


@dataclass(frozen=True)
class Candidate:
    """Something that can be a stage: a member, or one exit of a multi-exit member.

    Attributes:
        family, scale, member: the member.
        exit: counted from 1; None where the member has one output.
        cost: of one sample, by the pool's cost; of an exit, up to that exit.
        logits: [N, classes] by split, mapped.
        entries: of the store that they come from, by split.
    """

    family: str
    scale: str
    member: int
    exit: int | None
    cost: float
    logits: Mapping[SplitName, NDArray[np.floating]]
    entries: Mapping[SplitName, Entry] = field(default_factory=dict)


@dataclass(frozen=True)
class Samples:
    """The samples of a split: true classes, ids and groups, [N] each."""

    labels: NDArray[np.int64]
    ids: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]


@dataclass(frozen=True)
class Pool:
    """Networks that cascades are made of, and the samples that all of them have seen.

    Attributes:
        dataset: the ID data.
        families: of the stages, each once.
        scales: of the stages, in their order; "family/scale" where a scale is given with its family.
        networks: in the order of scales, members and exits.
        samples: by split.
        entries: the entries that were read.
        stages: for cascades across scales, the places of the networks that may run at each stage; nothing within one scale.
        cost: the name of the cost that networks are priced by.
    """

    dataset: str
    families: tuple[str, ...]
    scales: tuple[str, ...]
    networks: Sequence[Candidate]
    samples: Mapping[SplitName, Samples]
    entries: Sequence[Entry]
    stages: Sequence[Sequence[int]] = ()
    cost: str = MACS

    @property
    def family(self) -> str:
        """The families as they stand in tables."""
        return str(FAMILIES.write(self.families))

    @property
    def scale(self) -> str:
        """The scales as they stand in tables."""
        return str(SCALES.write(self.scales))

    @property
    def multi_exit(self) -> bool:
        """Whether the networks are exits."""
        return self.networks[0].exit is not None


class Unpriced(WeeError):
    """Members whose cost is not known.

    Args:
        cost: the name of the cost.
        conditions: under which it is wanted.
        entries: an entry of each member.
    """

    def __init__(self, cost: str, conditions: Mapping[str, Any], entries: Sequence[Entry]) -> None:
        known = [found for entry in entries for found in entry.costs]
        others = sorted({json.dumps(found.conditions) for found in known if found.name == cost})
        known_as = ", ".join(others or dict.fromkeys(found.name for found in known)) or "none"
        members = ", ".join(entry.member for entry in entries[:4]) + (", .." if len(entries) > 4 else "")
        under = f" under the conditions {json.dumps(dict(conditions))}" if others else ""
        have = "1 member has" if len(entries) == 1 else f"{len(entries)} members have"
        super().__init__(f"{have} no cost {cost}{under}: {members} (known: {known_as})")
        self.entries = entries


def read_pool(
    store: LogitStore,
    dataset: str,
    family: str,
    scales: Sequence[str],
    members: Sequence[int],
    splits: Sequence[SplitName],
    pick: Sequence[str],
    expected: Callable[[Address], Mapping[str, Any]] = lambda address: {},
    cost: str = MACS,
    conditions: Mapping[str, Any] | None = None,
) -> tuple[Pool | None, list[Address]]:
    """Find and compare the entries that cascades over some scales need, and verify all but their logits.

    Args:
        store: where to look.
        dataset: the ID data.
        family: of scales that do not name their own.
        scales: one, or several for cascades across scales; "scale" or "family/scale".
        members: their numbers.
        splits: on which samples.
        pick: which to take where several entries have one name; see `LogitStore.pick`.
        expected: parts of the identity that an entry must have.
        cost: the name of the cost that networks are priced by.
        conditions: where members have that cost under several conditions, those that are meant.

    Returns:
        The pool, and no address; or None, and the addresses of what is missing.

    Raises:
        Unpriced: members have no such cost.
        WeeError: an entry is damaged, or several fit, or networks have not seen the same samples.
    """
    found: dict[Address, Entry] = {}
    missing = []
    staged = [tuple(scale.split("/", 1)) if "/" in scale else (family, scale) for scale in scales]
    owners = list(dict.fromkeys(staged))
    for owner, own_scale in owners:
        for member in members:
            for split in splits:
                address = Address(dataset, owner, own_scale, member, split)
                entry = store.pick(address, pick, expected(address))
                if entry is None:
                    missing.append(address)
                else:
                    found[address] = entry
    if missing:
        return None, missing
    samples = {
        split: _samples([entry for address, entry in found.items() if address.split == split]) for split in splits
    }
    networks: list[Candidate] = []
    unpriced: list[Entry] = []
    for owner, own_scale in owners:
        for member in members:
            entries = {split: found[Address(dataset, owner, own_scale, member, split)] for split in splits}
            _same_network(list(entries.values()))
            costs = _costs(list(entries.values()), cost, conditions or {})
            unpriced += [] if costs else list(entries.values())[:1]
            networks += _networks(owner, own_scale, member, entries, costs) if costs else []
    if unpriced:
        raise Unpriced(cost, conditions or {}, unpriced)
    families = tuple(dict.fromkeys(owner for owner, _ in owners))
    fitting = [
        [k for k, network in enumerate(networks) if (network.family, network.scale) == stage] for stage in staged
    ]
    stages = fitting if len(scales) > 1 else []
    return Pool(dataset, families, tuple(scales), networks, samples, list(found.values()), stages, cost), []


def check_same_samples(pools: Sequence[Pool]) -> None:
    """Refuse scales that were evaluated on different samples: a sweep compares them sample by sample.

    Raises:
        WeeError: ids, labels or groups of some split differ between two pools.
    """
    first = pools[0]
    for pool in pools[1:]:
        for split, samples in pool.samples.items():
            difference = _difference(first.samples[split], samples)
            if difference:
                apart = " and then ".join(_alone(one) for one in (first, pool))
                raise WeeError(
                    f"{first.family}/{first.scale} and {pool.family}/{pool.scale} are not about the same {split} samples: "
                    f"{difference}. Fronts and differences compare scales on the same samples: evaluate both on the same "
                    f"samples, or sweep them separately, with {apart}"
                )


def _difference(first: Samples, second: Samples) -> str | None:
    """How two sets of samples differ; None where they do not."""
    if len(first.ids) != len(second.ids):
        return f"they have {len(first.ids):,} and {len(second.ids):,} samples"
    for name in ("ids", "labels", "groups"):
        differ = np.count_nonzero(getattr(first, name) != getattr(second, name))
        if differ:
            return f"the {name} of {differ:,} of {len(first.ids):,} samples differ"
    return None


def _alone(pool: Pool) -> str:
    """The override that chooses one pool of a sweep."""
    return f"'ensemble.scales=[{','.join(pool.scales)}]'" if pool.stages else f"scale={pool.scale}"


def _networks(
    family: str, scale: str, member: int, entries: Mapping[SplitName, Entry], costs: Sequence[float]
) -> list[Candidate]:
    """A member as one network, or as one for each exit."""
    logits = {split: entry.logits for split, entry in entries.items()}
    if next(iter(logits.values())).ndim == 2:
        return [Candidate(family, scale, member, None, costs[0], logits, entries)]
    return [
        Candidate(family, scale, member, k + 1, cost, {split: z[k] for split, z in logits.items()}, entries)
        for k, cost in enumerate(costs)
    ]


def _costs(entries: Sequence[Entry], name: str, conditions: Mapping[str, Any]) -> Sequence[float]:
    """What a member costs, from the first of its entries that knows it; empty where none does."""
    known = (entry.cost(name, conditions) for entry in entries)
    return next((cost.values for cost in known if cost is not None), [])


def _same_network(entries: Sequence[Entry]) -> None:
    """A threshold set with one network says nothing about another: all splits must be of the same."""
    first = entries[0]
    for entry in entries[1:]:
        identities = [one.manifest["identity"] for one in (first, entry)]
        names = ("weights", "architecture", "transform", "precision", "dtype")
        different = [name for name in names if identities[0].get(name) != identities[1].get(name)]
        if not different:
            continue
        if not all(identity.get("imported") for identity in identities):
            advice = "Evaluate both again with the same config, or choose entries of one recipe with pick=..."
        elif "dtype" in different:
            advice = "Import both with the same dtype=..., or choose entries of one dtype with pick=..."
        else:
            advice = "Import all splits of a member with one command, or choose entries of one import with pick=..."
        raise WeeError(
            f"{first.address} and {entry.address} differ in their {' and '.join(different)}: {first.describe()} and "
            f"{entry.describe()}. {advice}"
        )


def _samples(entries: Sequence[Entry]) -> Samples:
    first = entries[0]
    for entry in entries:
        entry.verify("labels", "ids", "groups")
        same = _difference(_samples_of(first), _samples_of(entry)) is None
        same &= first.manifest["identity"].get("samples") == entry.manifest["identity"].get("samples")
        if not same or first.logits.shape[-1] != entry.logits.shape[-1]:
            raise WeeError(
                f"{first.address} and {entry.address} are not about the same samples and classes "
                f"({first.logits.shape} and {entry.logits.shape}): they cannot be stages of one cascade"
            )
    return _samples_of(first)


def _samples_of(entry: Entry) -> Samples:
    return Samples(entry.labels, entry.ids, entry.groups)
