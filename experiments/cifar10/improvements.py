"""What ensembles, cascades and more MACs improve over the single model of each size, set by set.

From the single model of each size, one can go on to an ensemble (at the sum of its members' MACs), to a cascade (at its own
average MACs), or to a larger single model. On each shifted set and each OOD set, the improvement of the first two stands
beside that of the single models at the *same* MACs: their curve, linear in log MACs between the sizes. Beyond the largest size
there is no single model to compare with, and nothing is compared. `reliability.py` summarises the improvements over sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from words import listed

from wee.data.splits import TEST, VAL, SplitName
from wee.members.config import EnsembleConfig
from wee.method import Metric, Outcome, RankedOutcome, bootstrap
from wee.method.arrays import Floats, Ints
from wee.method.bootstrap import at_macs, group_numbers
from wee.store import LogitStore
from wee.sweep.cache import SummaryCache
from wee.sweep.config import BootstrapConfig, PolicyConfig, ScoreConfig, ScoringConfig, TaskConfig, WindowConfig
from wee.sweep.plan import Plan
from wee.sweep.pool import read_pool
from wee.sweep.run import Lineups

DATASET, FAMILY = "cifar10", "cifar_resnet"
SIZES = ("w16", "w24", "w40", "w56", "w80")
METRICS = {"shift": ("risk@80", "msp"), "ood": ("fpr@95", "energy")}
"""The metric on sets of each kind, with the score that decides exits and ranks. Low values are good."""

SYSTEMS = {"ensemble": "ensemble", "window": "cascade"}
"""What is compared with single models: policies, and their names on the page."""

WIDTH = 0.2


def kind_of(name: str) -> str:
    """Return the kind of a set: the severities of a corruption are of one kind, and other sets are of a kind of their own.

    Example:
        >>> kind_of("corrupted-fog-3"), kind_of("objects32")
        ('corrupted-fog', 'objects32')
    """
    stem, _, severity = name.rpartition("-")
    return stem if stem and severity.isdigit() else name


@dataclass(frozen=True)
class Scope:
    """What the store has to compare: every size has every set, of every member.

    Attributes:
        sizes: the sizes, in the order of `SIZES`.
        members: the numbers of the members.
        sets: the shifted sets ("shift") and the OOD sets ("ood").
        lacking: the sizes that are in the store without some of the sets or members.
    """

    sizes: list[str]
    members: list[int]
    sets: dict[str, list[SplitName]]
    lacking: list[str]

    @classmethod
    def of(cls, store: LogitStore) -> Scope:
        """Return the sizes for which the store has all sets, of as many members as there are at any size.

        Raises:
            SystemExit: fewer than two sizes have the sets of two members, so that there is nothing to compare.
        """
        splits: dict[str, dict[int, set[SplitName]]] = {size: {} for size in SIZES}
        for size in SIZES:
            for entry in store.entries_of(DATASET, FAMILY, size):
                splits[size].setdefault(entry.address.member, set()).add(entry.address.split)
        known = set().union(*(has for members in splits.values() for has in members.values()))
        sets = {kind: sorted(split for split in known if split.kind == kind) for kind in METRICS}
        wanted = {VAL, TEST, *sets["shift"], *sets["ood"]}
        complete = {
            size: {member for member, has in members.items() if wanted <= has} for size, members in splits.items()
        }
        members = max(complete.values(), key=len)
        sizes = [size for size in SIZES if members and members <= complete[size]]
        if len(sizes) < 2 or len(members) < 2:
            raise SystemExit(
                f"{store.root} has the same shifted and OOD sets at {listed(sizes, 'no size')}, of {len(members)} members; "
                "the comparison needs two sizes or more, and two members or more"
            )
        lacking = [size for size, has in splits.items() if has and size not in sizes]
        return cls(sizes, sorted(members), {kind: found for kind, found in sets.items() if found}, lacking)


@dataclass(frozen=True)
class Effect:
    """A number on one set, on resamples of its samples, and without each member.

    Attributes:
        value: the number.
        draws: the number on resamples [resamples].
        left_out: the number without each member; NaN where nothing is left.
    """

    value: float
    draws: Floats
    left_out: Mapping[int, float]

    def minus(self, other: Effect) -> Effect:
        """Return the difference of two numbers, resample by resample and member by member."""
        left_out = {member: value - other.left_out.get(member, np.nan) for member, value in self.left_out.items()}
        return Effect(self.value - other.value, self.draws - other.draws, left_out)

    def positive(self) -> Effect:
        """Return 1 where the number is positive, and otherwise 0; NaN where it is not known."""
        left_out = {
            member: float(value > 0) if np.isfinite(value) else np.nan for member, value in self.left_out.items()
        }
        return Effect(float(self.value > 0), (self.draws > 0).astype(np.float64), left_out)


@dataclass(frozen=True)
class Measured:
    """A system of one size on one set: the mean over members, or over orders and choices of members.

    Attributes:
        price, value: average MACs of a sample, and the value of the metric.
        draws: the value on resamples of the set [resamples].
        left_out: price and value without each member, by member; NaN if nothing is left.
    """

    price: float
    value: float
    draws: Floats
    left_out: dict[int, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def mean(cls, runs: Sequence[tuple[frozenset[int], float, float, Floats]]) -> Measured:
        """Return the mean of some runs, each given by its members, price, value and resampled values."""
        members, prices, values, draws = zip(*runs, strict=True)
        left_out = {}
        for member in sorted(frozenset().union(*members)):
            rest = [k for k, others in enumerate(members) if member not in others]
            pair = np.array([prices, values])[:, rest].mean(axis=1) if rest else (np.nan, np.nan)
            left_out[member] = (float(pair[0]), float(pair[1]))
        return cls(float(np.mean(prices)), float(np.mean(values)), np.mean(draws, axis=0), left_out)


@dataclass(frozen=True)
class Improvement:
    """What a system improves on one set over the single model of its size, beside single models at the same MACs.

    Attributes:
        set, kind: the set and its kind.
        size, system: the size, and the name of the system.
        times: the MACs of the system as a multiple of those of the single model.
        own: the improvement of the system.
        scaling: the improvement of single models at the system's MACs; None if no single model costs as much or more.
    """

    set: str
    kind: str
    size: str
    system: str
    times: float
    own: Effect
    scaling: Effect | None

    @cached_property
    def advantage(self) -> Effect | None:
        """By how much the system improves more than single models at the same MACs."""
        return None if self.scaling is None else self.own.minus(self.scaling)

    @cached_property
    def oftener(self) -> Effect | None:
        """1 if the system improves and single models at the same MACs do not, -1 if only they do, and otherwise 0."""
        return None if self.scaling is None else self.own.positive().minus(self.scaling.positive())


def improvements(
    name: str, single: dict[str, Measured], systems: dict[str, dict[str, Measured]], lower_is_better: bool = True
) -> list[Improvement]:
    """Compare the systems of every size with single models on one set.

    Args:
        name: the set.
        single: the single model of each size.
        systems: each system by its name, and then by size.
        lower_is_better: whether low values of the metric are good.

    Returns:
        The improvements. For a system that costs more than the largest single model, or less than the smallest, `scaling` is
        None.
    """
    sign = 1.0 if lower_is_better else -1.0
    curve = sorted(single.values(), key=lambda measured: measured.price)
    found = []
    for system, by_size in systems.items():
        for size, measured in by_size.items():
            start = single[size]
            gain = {
                member: sign * (start.left_out.get(member, (np.nan, np.nan))[1] - value)
                for member, (_, value) in measured.left_out.items()
            }
            own = Effect(sign * (start.value - measured.value), sign * (start.draws - measured.draws), gain)
            scaling = _scaling(curve, start, measured, sign)
            times = measured.price / start.price
            found.append(Improvement(name, kind_of(name), size, system, times, own, scaling))
    return found


def _scaling(curve: Sequence[Measured], start: Measured, measured: Measured, sign: float) -> Effect | None:
    """Return the improvement of single models over that of one size at the price of a system; None outside their curve."""
    prices = np.array([point.price for point in curve])
    value = float(at_macs(prices, np.array([point.value for point in curve]), measured.price))
    if np.isnan(value):
        return None
    draws = at_macs(prices, np.array([point.draws for point in curve]), measured.price)
    left_out = {}
    for member, (price, _) in measured.left_out.items():
        rest = np.array([point.left_out.get(member, (np.nan, np.nan)) for point in [*curve, start]])
        left_out[member] = np.nan
        if np.isfinite(rest).all() and np.isfinite(price):
            inside = float(np.clip(price, rest[0, 0], rest[-2, 0]))  # a cascade may cost a little more without a member
            left_out[member] = sign * (rest[-1, 1] - float(at_macs(rest[:-1, 0], rest[:-1, 1], inside)))
    return Effect(sign * (start.value - value), sign * (start.draws - draws), left_out)


def study(
    store: LogitStore, sizes: Sequence[str], members: Sequence[int], sets: Sequence[SplitName], resamples: int
) -> list[Improvement]:
    """Return the improvements on some sets of one kind, shifted or OOD, from the logits in a store.

    Args:
        store: the store.
        sizes: the sizes, which all have these sets and members.
        members: the numbers of the members.
        sets: the sets; all are shifted sets, or all are OOD sets.
        resamples: the number of bootstrap resamples of the samples.
    """
    metric, score = METRICS[sets[0].kind]
    ood = [split.name for split in sets if split.kind == "ood"]
    plan = Plan(
        ensemble=EnsembleConfig(members=list(members)),
        policy=PolicyConfig(["single", *SYSTEMS]),
        window=WindowConfig(WIDTH),
        score=ScoreConfig(score),
        task=TaskConfig([metric]),
        bootstrap=BootstrapConfig(resamples),
        ood=ood,
        shift=[split.name for split in sets if split.name not in ood],
    )
    cache = SummaryCache(ScoringConfig(accelerator="cpu"))
    measured: dict[SplitName, dict[str, dict[str, Measured]]] = {
        split: {policy: {} for policy in ("single", *SYSTEMS)} for split in sets
    }
    for size in sizes:
        pool, missing = read_pool(store, DATASET, FAMILY, [size], members, plan.splits, [])
        if pool is None:
            raise SystemExit(f"the store has no {missing[0]}")
        groups = {split: group_numbers(samples.groups) for split, samples in pool.samples.items()}
        runs: dict[tuple[SplitName, str], list[tuple[frozenset[int], float, float, Floats]]] = {}
        for ranked, split, policy, of_members in _runs(Lineups.of(pool, plan, cache), sets, score):
            value, draws = _measure(ranked, Metric.parse(metric), groups, split, plan.bootstrap)
            runs.setdefault((split, policy), []).append((of_members, _price(ranked), value, draws))
        for (split, policy), of_policy in runs.items():
            measured[split][policy][size] = Measured.mean(of_policy)
    lower = not Metric.parse(metric).higher_is_better
    return [
        one
        for split, by_policy in measured.items()
        for one in improvements(
            split.name, by_policy["single"], {system: by_policy[system] for system in SYSTEMS}, lower
        )
    ]


def _runs(
    lineups: Lineups, sets: Sequence[SplitName], score: str
) -> Iterator[tuple[RankedOutcome, SplitName, str, frozenset[int]]]:
    """Run every lineup on every set, with windows from the validation set.

    Yields:
        The ranked outcome, the set, the policy, and the numbers of the members. OOD sets are ranked beside the test set.
    """
    for number, lineup in enumerate(lineups.lineups):
        stages, members = lineups.stages(number), frozenset(lineups.pool.networks[k].member for k in lineup.places)
        for setting in lineups.settings(number):
            rule = setting.policy.fit(stages[VAL])

            def outcome(split: SplitName) -> Outcome:
                return stages[split].at(rule(stages[split]))  # noqa: B023 (called before the next rule)

            if sets[0].kind == "ood":
                on_test = RankedOutcome(outcome(TEST), score)
                for split in sets:
                    yield on_test.with_ood(outcome(split)), split, setting.policy.name, members
            else:
                for split in sets:
                    yield RankedOutcome(outcome(split), score), split, setting.policy.name, members


def _price(ranked: RankedOutcome) -> float:
    """Return the average MACs of a sample: of the set, or of a stream with its share of OOD samples."""
    on_id = ranked.outcome.mean_cost
    return on_id if ranked.ood is None else (1 - ranked.ood_share) * on_id + ranked.ood_share * ranked.ood.mean_cost


def _measure(
    ranked: RankedOutcome,
    metric: Metric,
    groups: Mapping[SplitName, Ints],
    split: SplitName,
    resampling: BootstrapConfig,
) -> tuple[float, Floats]:
    """Return the value of a metric, and its values on resamples."""
    splits = [split] if ranked.ood is None else [TEST, split]
    draws = bootstrap(
        ranked, [metric], *(groups[name] for name in splits), count=resampling.resamples, seed=resampling.seed
    )
    return metric.of_ranking(ranked), draws[0]
