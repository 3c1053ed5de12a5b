"""Read the networks of a sweep from the store, and check that all of them were evaluated on the same samples."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.costs import MACS
from wee.data.splits import PARTS, SplitName
from wee.errors import WeeError
from wee.store import Address, Entry, LogitStore
from wee.sweep.cells import FAMILIES, SCALES

log = logging.getLogger("wee")


@dataclass(frozen=True)
class Candidate:
    """A network that can be a stage of a cascade: a member, or one exit of a multi-exit member.

    Attributes:
        family, scale, member: family, scale and number of the member.
        exit: number of the exit, counted from 1; None for a member with one output.
        cost: cost of one sample, in the unit of the pool's cost; for an exit, the cost up to that exit.
        logits: logits of each split [N, classes], memory-mapped.
        entries: the store entry of each split that the logits are read from.
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
    """The networks that cascades are built from, and the samples that all of them were evaluated on.

    Attributes:
        dataset: name of the ID data set.
        families: families of the stages, without repeats.
        scales: scales of the stages, in order; "family/scale" where a scale is given with its family.
        networks: the networks, ordered by scale, member and exit.
        samples: the samples of each split.
        entries: all entries that were read.
        stages: for cascades across scales, the networks that may run at each stage, as indices into `networks`; empty for
            cascades within one scale.
        cost: name of the cost that networks are priced by.
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
        """The families as one string, as written in tables."""
        return str(FAMILIES.write(self.families))

    @property
    def scale(self) -> str:
        """The scales joined into one string, as in tables: "small>large"."""
        return str(SCALES.write(self.scales))

    @property
    def multi_exit(self) -> bool:
        """Whether the networks are exits of multi-exit members."""
        return self.networks[0].exit is not None

    def without_logits(self) -> Pool:
        """Return the pool without its entries, for computations that need summaries only, in this or another process."""
        networks = [replace(network, logits={}, entries={}) for network in self.networks]
        samples = {
            split: Samples(np.asarray(known.labels), np.asarray(known.ids), np.asarray(known.groups))
            for split, known in self.samples.items()
        }
        return replace(self, networks=networks, samples=samples, entries=[])


class Unpriced(WeeError):
    """Raised for members whose cost is not known.

    Args:
        cost: name of the cost.
        conditions: conditions that the cost is requested for.
        entries: one entry of each member without that cost.
    """

    def __init__(self, cost: str, conditions: Mapping[str, Any], entries: Sequence[Entry]) -> None:
        known_costs = [known for entry in entries for known in entry.costs]
        other_conditions = sorted({json.dumps(known.conditions) for known in known_costs if known.name == cost})
        listed = ", ".join(other_conditions or dict.fromkeys(known.name for known in known_costs)) or "none"
        members = ", ".join(entry.member for entry in entries[:4]) + (", .." if len(entries) > 4 else "")
        under = f" under the conditions {json.dumps(dict(conditions))}" if other_conditions else ""
        have = "1 member has" if len(entries) == 1 else f"{len(entries)} members have"
        super().__init__(f"{have} no cost {cost}{under}: {members} (known: {listed})")
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
    """Read the entries that cascades over some scales need, and verify everything but their logits.

    Args:
        store: the store to read from.
        dataset: name of the ID data set.
        family: family of the scales that do not name one.
        scales: one scale, or several for cascades across scales; each is "scale" or "family/scale".
        members: numbers of the members.
        splits: splits to read.
        pick: which entry to take if several have the same address; see `LogitStore.pick`.
        expected: returns the parts of the identity that the entry at an address must have.
        cost: name of the cost that networks are priced by.
        conditions: conditions of the cost, for members that have it under several conditions.

    Returns:
        The pool and an empty list; or None and the addresses of the missing entries.

    Raises:
        Unpriced: members lack the cost.
        WeeError: an entry is damaged, several entries fit, or networks were evaluated on different samples.
    """
    entries: dict[Address, Entry] = {}
    missing = []
    stage_scales = [tuple(scale.split("/", 1)) if "/" in scale else (family, scale) for scale in scales]
    distinct_scales = list(dict.fromkeys(stage_scales))
    for scale_family, scale in distinct_scales:
        for member in members:
            for split in splits:
                address = Address(dataset, scale_family, scale, member, split)
                entry = store.pick(address, pick, expected(address))
                if entry is None:
                    missing.append(address)
                else:
                    entries[address] = entry
    if missing:
        return None, missing
    samples = {
        split: _samples([entry for address, entry in entries.items() if address.split == split]) for split in splits
    }
    networks: list[Candidate] = []
    unpriced: list[Entry] = []
    for scale_family, scale in distinct_scales:
        for member in members:
            by_split = {split: entries[Address(dataset, scale_family, scale, member, split)] for split in splits}
            _check_same_network(list(by_split.values()))
            costs = _costs(list(by_split.values()), cost, conditions or {})
            unpriced += [] if costs else list(by_split.values())[:1]
            networks += _networks(scale_family, scale, member, by_split, costs) if costs else []
    if unpriced:
        raise Unpriced(cost, conditions or {}, unpriced)
    families = tuple(dict.fromkeys(scale_family for scale_family, _ in distinct_scales))
    candidates = [
        [k for k, network in enumerate(networks) if (network.family, network.scale) == stage] for stage in stage_scales
    ]
    stages = candidates if len(scales) > 1 else []
    return Pool(dataset, families, tuple(scales), networks, samples, list(entries.values()), stages, cost), []


def stored_names(root: Path, dataset: str, family: str, cost: str) -> tuple[list[str], list[SplitName]]:
    """Return the scales and the splits that a store has of a data set and a family whose logits were imported.

    Args:
        root: the folder of the store.
        dataset, family: their names.
        cost: the name of the cost by which scales are ordered.

    Raises:
        WeeError: the store has nothing of them.
    """
    scales, splits = LogitStore(root).names(dataset, family, cost)
    if not scales:
        raise WeeError(
            f"{root} has nothing of family {family} on data set {dataset}; import logits: wee import file=FILE "
            f"dataset.name={dataset} family.name={family} scale=NAME macs=NUMBER"
        )
    return scales, splits


def check_pick(entries: Sequence[Entry], pick: Sequence[str]) -> None:
    """Check that each beginning of a key that is picked is that of an entry that is used.

    Raises:
        WeeError: it is not.
    """
    for beginning in pick:
        if beginning != "newest" and not any(entry.is_called(beginning) for entry in entries):
            raise WeeError(f"pick={beginning} matches no entry that is read; without it, ambiguous entries are listed")


def check_recipes(entries: Sequence[Entry], pick: Sequence[str]) -> None:
    """Warn if members were trained with different recipes, and check that all have the picked recipe.

    Raises:
        WeeError: a training recipe is picked, and a member has no entry with it.
    """
    recipes = dict.fromkeys(entry.recipe for entry in entries if entry.recipe)
    picked = {recipe for recipe in recipes for key in pick if key != "newest" and recipe.startswith(key)}
    for entry in entries:
        if picked and entry.recipe not in picked:
            raise WeeError(
                f"pick={','.join(pick)} chooses a training recipe, but {entry.address} has only {entry.describe()}; "
                "train and evaluate that member with the same config"
            )
    if len(recipes) > 1:
        log.warning(f"these members were trained by {len(recipes)} different recipes ({', '.join(recipes)})")


def check_same_samples(pools: Sequence[Pool]) -> None:
    """Check that all pools were evaluated on the same samples, because a sweep compares them sample by sample.

    Raises:
        WeeError: ids, labels or groups of some split differ between two pools.
    """
    first = pools[0]
    for pool in pools[1:]:
        for split, samples in pool.samples.items():
            difference = _difference(first.samples[split], samples)
            if difference:
                overrides = " and then ".join(_override(single_pool) for single_pool in (first, pool))
                raise WeeError(
                    f"{first.family}/{first.scale} and {pool.family}/{pool.scale} are not about the same {split} samples: "
                    f"{difference}. Fronts and differences compare scales on the same samples: evaluate both on the same "
                    f"samples, or sweep them separately, with {overrides}"
                )


def _difference(first: Samples, second: Samples) -> str | None:
    """Describe how two sets of samples differ; return None if they do not."""
    if len(first.ids) != len(second.ids):
        return f"they have {len(first.ids):,} and {len(second.ids):,} samples"
    for name in ("ids", "labels", "groups"):
        differ = np.count_nonzero(getattr(first, name) != getattr(second, name))
        if differ:
            return f"the {name} of {differ:,} of {len(first.ids):,} samples differ"
    return None


def _override(pool: Pool) -> str:
    """Return the command line override that selects one pool of a sweep."""
    return f"'ensemble.scales=[{','.join(pool.scales)}]'" if pool.stages else f"scale={pool.scale}"


def _networks(
    family: str, scale: str, member: int, entries: Mapping[SplitName, Entry], costs: Sequence[float]
) -> list[Candidate]:
    """Return a member as one network, or as one network for each exit."""
    logits = {split: entry.logits for split, entry in entries.items()}
    if next(iter(logits.values())).ndim == 2:
        return [Candidate(family, scale, member, None, costs[0], logits, entries)]
    return [
        Candidate(family, scale, member, k + 1, cost, {split: z[k] for split, z in logits.items()}, entries)
        for k, cost in enumerate(costs)
    ]


def _costs(entries: Sequence[Entry], name: str, conditions: Mapping[str, Any]) -> Sequence[float]:
    """Return a member's costs from the first of its entries that has them; an empty list if none has."""
    costs = (entry.cost(name, conditions) for entry in entries)
    return next((cost.values for cost in costs if cost is not None), [])


def _check_same_network(entries: Sequence[Entry]) -> None:
    """Check that the entries of all splits come from the same network: a threshold set with one does not fit another.

    Logits of OOD sets and shifted sets may be stored in another type than those of the ID data.
    """
    first = entries[0]
    for entry in entries[1:]:
        identities = [compared.manifest["identity"] for compared in (first, entry)]
        names = ["weights", "architecture", "transform", "precision"]
        names += ["dtype"] if entry.address.split.kind in PARTS and first.address.split.kind in PARTS else []
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
    """Verify that entries have the same samples and classes, and return the samples."""
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
