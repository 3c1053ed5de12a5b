"""Whether ensembles and cascades improve reliability as networks of more MACs do, set by set.

From the single model of each size, one can go on to an ensemble (at the sum of its members' MACs), to a cascade (at its own
average MACs), or to a larger single model. On each shifted set and each OOD set, this study puts the improvement of the first
two beside that of the single models at the *same* MACs: their curve, linear in log MACs between the sizes. Beyond the largest
size there is no single model to compare with, and nothing is compared.

    python experiments/cifar10/reliability.py    # prints tables, draws a figure

The numbers are computed from the logits in the store: of all members that every set has, on all sets that the store has.
Intervals of medians over sets resample kinds of sets (the three severities of a corruption together), samples and, from three
members on, include seed noise by the jackknife over members. With two members they do not contain it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from words import header, row

from wee.data.splits import TEST, VAL, SplitName
from wee.members.config import EnsembleConfig
from wee.method import Metric
from wee.method.arrays import Floats
from wee.method.bootstrap import at_macs
from wee.method.intervals import half_width, interval, jackknife
from wee.store import LogitStore
from wee.sweep.cache import SummaryCache
from wee.sweep.cells import NUMBERS
from wee.sweep.config import BootstrapConfig, PolicyConfig, ScoreConfig, ScoringConfig, TaskConfig, WindowConfig
from wee.sweep.plan import Plan
from wee.sweep.pool import read_pool
from wee.sweep.run import Result, compute

DATASET, FAMILY = "cifar10", "cifar_resnet"
SIZES = ("w16", "w24", "w40", "w56", "w80")
SHIFTED, DETECTION = ("risk@80", "msp"), ("fpr@95", "energy")
"""The metric on shifted sets and on OOD sets, with the score that decides exits and ranks. Low values are good."""

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
    def of(cls, rows: pd.DataFrame, draws: Sequence[Floats]) -> Measured:
        """Return the mean of some rows of a table, with the resampled values of each row."""
        members = [set(NUMBERS.read(cell)) for cell in rows.members]
        left_out = {}
        for member in sorted(set().union(*members)):
            rest = rows[[member not in others for others in members]]
            left_out[member] = (float(rest.price.mean()), float(rest.value.mean()))
        return cls(float(rows.price.mean()), float(rows.value.mean()), np.mean(draws, axis=0), left_out)


@dataclass(frozen=True)
class Improvement:
    """What a system improves on one set over the single model of its size, beside single models at the same MACs.

    Attributes:
        set, kind: the set and its kind.
        size, system: the size, and the name of the system.
        own: the improvement of the system.
        scaling: the improvement of single models at the system's MACs.
        draws: the difference of both on resamples [resamples].
        left_out: the difference without each member.
    """

    set: str
    kind: str
    size: str
    system: str
    own: float
    scaling: float
    draws: Floats
    left_out: dict[int, float]

    @property
    def advantage(self) -> float:
        """By how much the system improves more than single models at the same MACs."""
        return self.own - self.scaling


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
        The improvements. A system that costs more than the largest single model, or less than the smallest, is left out.
    """
    sign = 1.0 if lower_is_better else -1.0
    ordered = sorted(single.values(), key=lambda measured: measured.price)
    prices = np.array([measured.price for measured in ordered])
    values, draws = (np.array([getattr(measured, what) for measured in ordered]) for what in ("value", "draws"))
    found = []
    for system, by_size in systems.items():
        for size, measured in by_size.items():
            baseline = float(at_macs(prices, values, measured.price))
            if np.isnan(baseline):
                continue
            start = single[size].value
            left_out = {}
            for member, (price, value) in measured.left_out.items():
                rest = [other.left_out.get(member, (np.nan, np.nan)) for other in ordered]
                curve = np.array([price for price, _ in rest]), np.array([value for _, value in rest])
                known = np.isfinite([*curve[0], *curve[1], price]).all()
                inside = float(np.clip(price, curve[0][0], curve[0][-1])) if known else np.nan
                left_out[member] = sign * (float(at_macs(*curve, inside)) - value) if known else np.nan
            found.append(
                Improvement(
                    set=name,
                    kind=kind_of(name),
                    size=size,
                    system=system,
                    own=sign * (start - measured.value),
                    scaling=sign * (start - baseline),
                    draws=sign * (at_macs(prices, draws, measured.price) - measured.draws),
                    left_out=left_out,
                )
            )
    return found


@dataclass(frozen=True)
class Claim:
    """What some improvements say together.

    Attributes:
        sets, kinds: the numbers of sets and of kinds.
        own, scaling, advantage: the shares of sets on which the system improves over the single model, single models improve
            with the same MACs, and the system improves more; in [0, 1].
        medians: the medians over sets of the three.
        quartiles: the lower and the upper quartile over sets of the advantage.
        lower, upper: the ends of the interval of the median advantage.
        seeds: the number of members whose seed noise the interval contains; 0 if it does not.
    """

    sets: int
    kinds: int
    own: float
    scaling: float
    advantage: float
    medians: tuple[float, float, float]
    quartiles: tuple[float, float]
    lower: float
    upper: float
    seeds: int


def claim(found: Sequence[Improvement], level: float = 0.95, seed: int = 0) -> Claim:
    """Summarise improvements of one system over sets.

    The interval is of the median advantage over all given improvements. Each resample draws kinds of sets with replacement,
    and takes the values of one resample of the samples, the same for all sets, because sets with the same images are
    resampled alike.

    Args:
        found: the improvements; those of several sizes are counted one by one.
        level: the coverage of the interval.
        seed: the seed of the draws of kinds.
    """
    columns = [np.array([getattr(one, name) for one in found]) for name in ("own", "scaling", "advantage")]
    advantage = columns[2]
    kinds = list(dict.fromkeys(one.kind for one in found))
    draws = np.stack([one.draws for one in found])
    of_kind = [np.flatnonzero([one.kind == kind for one in found]) for kind in kinds]
    rng = np.random.Generator(np.random.PCG64(seed))
    medians = np.empty(draws.shape[1])
    for resample in range(len(medians)):
        chosen = np.concatenate([of_kind[kind] for kind in rng.integers(len(kinds), size=len(kinds))])
        medians[resample] = np.median(draws[chosen, resample])
    members = sorted(set().union(*(one.left_out for one in found)))
    left_out = [float(np.median([one.left_out.get(member, np.nan) for one in found])) for member in members]
    median, seed_error = float(np.median(advantage)), jackknife(left_out)
    if seed_error is None:
        (lower, upper), seeds = interval(medians, level), 0
    else:
        half = half_width(seed_error, len(members), float(medians.std(ddof=1)), level)
        lower, upper, seeds = median - half, median + half, len(members)
    return Claim(
        sets=len({one.set for one in found}),
        kinds=len(kinds),
        own=float((columns[0] > 0).mean()),
        scaling=float((columns[1] > 0).mean()),
        advantage=float((advantage > 0).mean()),
        medians=(float(np.median(columns[0])), float(np.median(columns[1])), median),
        quartiles=(float(np.quantile(advantage, 0.25)), float(np.quantile(advantage, 0.75))),
        lower=lower,
        upper=upper,
        seeds=seeds,
    )


def of_result(result: Result, metric: str, score: str) -> list[Improvement]:
    """Return the improvements on every set that a sweep has measured with a metric and resampled.

    Args:
        result: the rows of all sizes, with intervals. Windows are those of `WIDTH` that are set for the metric, unadjusted.
        metric: the name of the metric.
        score: the score that decides and ranks.
    """
    table = result.table()
    rows = table[(table.metric == metric) & (table.eval_score == score) & ~table.adjusted.astype(bool)]
    rows = rows[rows.score.isna() | (rows.score == score)]
    rows = rows[rows.task.isna() | ((rows.task == metric) & (rows.width == WIDTH))]
    rows = rows[[result.draws[place] is not None for place in rows.index]]
    names = rows.ood.where(rows.ood.notna(), rows.split.str.removeprefix("shift-"))
    found = []
    for name, of_set in rows.groupby(names, sort=False):
        measured: dict[str, dict[str, Measured]] = {policy: {} for policy in ("single", *SYSTEMS)}
        for (policy, scale), points in of_set.groupby(["policy", "scale"], sort=False):
            if policy in measured:
                draws = [drawn for drawn in (result.draws[place] for place in points.index) if drawn is not None]
                measured[str(policy)][str(scale)] = Measured.of(points, draws)
        systems = {system: measured[system] for system in SYSTEMS}
        higher = Metric.parse(metric).higher_is_better
        found += improvements(str(name), measured["single"], systems, lower_is_better=not higher)
    return found


def study(store: LogitStore, sets: Sequence[SplitName], members: Sequence[int], resamples: int) -> list[Improvement]:
    """Return the improvements on some sets of one kind, shifted or OOD, from the logits in a store.

    Args:
        store: the store.
        sets: the sets; all are shifted sets, or all are OOD sets.
        members: the numbers of the members.
        resamples: the number of bootstrap resamples of the samples.
    """
    is_ood = sets[0].kind == "ood"
    metric, score = DETECTION if is_ood else SHIFTED
    plan = Plan(
        ensemble=EnsembleConfig(members=list(members)),
        policy=PolicyConfig(["single", *SYSTEMS]),
        window=WindowConfig(WIDTH),
        score=ScoreConfig(score),
        task=TaskConfig([metric]),
        bootstrap=BootstrapConfig(resamples),
        ood=[split.name for split in sets if is_ood],
        shift=[split.name for split in sets if not is_ood],
    )
    cache, result = SummaryCache(ScoringConfig(accelerator="cpu")), Result()
    for size in SIZES:
        pool, missing = read_pool(store, DATASET, FAMILY, [size], members, plan.splits, [])
        if pool is None:
            raise SystemExit(f"the store has no {missing[0]}")
        result.extend(compute(pool, plan, cache))
    found = of_result(result, metric, score)
    wanted = {split.name for split in sets}
    return [one for one in found if one.set in wanted]


def available(store: LogitStore) -> tuple[list[int], dict[str, list[SplitName]]]:
    """Return the members, and the shifted and the OOD sets, that the store has at every size.

    Only sets that all members with validation and test logits have are taken.
    """
    by_network: dict[tuple[str, int], set[SplitName]] = {}
    for size in SIZES:
        for entry in store.entries_of(DATASET, FAMILY, size):
            by_network.setdefault((size, entry.address.member), set()).add(entry.address.split)
    complete = {network for network, has in by_network.items() if {VAL, TEST} <= has}
    numbers = {member for _, member in complete}
    members = sorted(member for member in numbers if all((size, member) in complete for size in SIZES))
    common = set.intersection(*(by_network[size, member] for size in SIZES for member in members))
    kinds = {kind: sorted(split for split in common if split.kind == kind) for kind in ("shift", "ood")}
    return members, {kind: found for kind, found in kinds.items() if found}


def table(found: Sequence[Improvement], unit: str) -> list[str]:
    """Return the lines of a table with a claim for each system and size, and for all sizes together."""
    heads = [
        "sets",
        "better than its single model",
        "MACs alone are better",
        "better than those MACs",
        f"median gain ({unit})",
    ]
    heads += ["of those MACs", "median advantage", "quartiles"]
    lines = header(["system", "size"], heads)
    for system, name in SYSTEMS.items():
        of_system = [one for one in found if one.system == system]
        groups = [("all", of_system), *((size, [one for one in of_system if one.size == size]) for size in SIZES)]
        for size, group in groups:
            lines.append(row([name, size, *_cells(group)]))
    return lines


def _cells(group: Sequence[Improvement]) -> list[str]:
    if not group:
        return ["-"] * 8
    said = claim(group)
    own, scaling, advantage = said.medians
    shares = [f"{share:.0%}" for share in (said.own, said.scaling, said.advantage)]
    median = f"{advantage:+.2f} [{said.lower:+.2f}, {said.upper:+.2f}]"
    spread = f"{said.quartiles[0]:+.2f} to {said.quartiles[1]:+.2f}"
    return [str(said.sets), *shares, f"{own:+.2f}", f"{scaling:+.2f}", median, spread]


def draw(found: dict[str, Sequence[Improvement]], file: Path) -> None:
    """Draw the improvement of each system over that of single models at the same MACs: one point for a set and a size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    from wee.figures.style import RC, look

    metrics = {"shift": ("shifted sets", SHIFTED[0]), "ood": ("OOD sets", DETECTION[0])}
    titles = {kind: f"{Metric.parse(metric).label}, {sets}" for kind, (sets, metric) in metrics.items()}
    with plt.rc_context(RC):
        figure, axes = plt.subplots(1, len(found), figsize=(2.6 * len(found), 3.2), squeeze=False)
        for axis, (kind, points) in zip(axes[0], found.items(), strict=True):
            ends = [value for one in points for value in (one.own, one.scaling)]
            pad = 0.05 * (max(ends) - min(ends) or 1)
            low, high = min(0.0, *ends) - pad, max(0.0, *ends) + pad
            axis.plot([low, high], [low, high], color="#222222", lw=0.7, ls="--", zorder=1)
            axis.axhline(0, color="#999999", lw=0.6, zorder=1)
            axis.axvline(0, color="#999999", lw=0.6, zorder=1)
            for system, name in SYSTEMS.items():
                style, of_system = look(system), [one for one in points if one.system == system]
                pairs = [one.scaling for one in of_system], [one.own for one in of_system]
                label = (
                    f"{name}: {np.mean([one.advantage > 0 for one in of_system]):.0%} above the diagonal"
                    if of_system
                    else name
                )
                axis.plot(*pairs, style.marker, color=style.colour, ms=3.4, alpha=0.7, mew=0, label=label, zorder=3)
            axis.set_xlim(low, high)
            axis.set_ylim(low, high)
            axis.set_aspect("equal")
            axis.set_title(titles[kind])
            axis.set_xlabel("improvement by single models\nof the same MACs (points)")
            for one_axis in (axis.xaxis, axis.yaxis):
                one_axis.set_major_locator(MaxNLocator(5))
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), frameon=False, handletextpad=0.2)
        axes[0][0].set_ylabel("improvement by the ensemble\nor the cascade (points)")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=200, bbox_inches="tight")
        plt.close(figure)


def report(found: dict[str, Sequence[Improvement]], members: Iterable[int], write: Callable[[str], object]) -> None:
    """Write a table for shifted sets and one for OOD sets."""
    write(f"members {', '.join(map(str, members))}\n")
    for kind, points in found.items():
        metric = (DETECTION if kind == "ood" else SHIFTED)[0]
        write(f"\n{'OOD' if kind == 'ood' else 'shifted'} sets, {metric}:\n\n")
        write("\n".join(table(points, "points")) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path(__file__).with_name("store"), help="the store of the logits")
    parser.add_argument("--resamples", type=int, default=1000, help="the number of bootstrap resamples")
    parser.add_argument("--file", type=Path, default=Path("outputs/figures/reliability.png"), help="the figure")
    arguments = parser.parse_args()
    the_store = LogitStore(arguments.store)
    the_members, by_kind = available(the_store)
    results = {kind: study(the_store, sets, the_members, arguments.resamples) for kind, sets in by_kind.items()}
    report(results, the_members, sys.stdout.write)
    draw(results, arguments.file)
