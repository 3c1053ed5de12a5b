"""What the third and the fourth member of an ensemble bring and cost, and windows that differ from stage to stage.

    python experiments/cifar10/members.py    # measures, writes tables, draws the figure

The numbers are computed from the logits in the store, for the sizes that have all four members. Every lineup of one to four
members is measured, up to a cap on the orders of the same members, and averaged. Gains are paired: both sides of a difference
see the same resamples of the test images. Intervals include seed noise, by the jackknife over members, wherever something
remains without each member: up to systems of three of the four members.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from words import NAME, NO_SIZE, SIZES, header, listed, row, sizes_of, span, with_intervals

from wee.data.splits import TEST, VAL, SplitName
from wee.method import FixedRule, Metric, RankedOutcome, Stages, Summary, Task, Window
from wee.method.arrays import Floats
from wee.method.bootstrap import at_macs, bootstrap, group_numbers
from wee.method.intervals import half_width, interval, jackknife, simultaneous
from wee.method.scores import DEFAULT_SCORE
from wee.store import LogitStore
from wee.sweep.cache import SummaryCache
from wee.sweep.cells import write_width
from wee.sweep.config import ScoringConfig
from wee.sweep.lineups import Places, draw
from wee.sweep.pool import Pool, read_pool
from wee.units import si

DATASET, FAMILY = "cifar10", "cifar_resnet"
MEMBERS = 4
WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
METRICS = ("cov@5", "risk@80")
POLICIES = {"ensemble": "ensemble", "window": "cascade"}
"""The systems of several members, and their names on the page."""

WIDTH = 0.2
MOST_ORDERS = 24
"""The largest number of orders of the same members; there are 24 orders of four."""

STAGED = "cov@5"
"""The task that widths per stage are chosen for."""

GRID = (0.05, 0.1, 0.2, 0.4)
"""The widths that every stage may have, and the widths of the curve of windows with one width."""

BUDGETS = (0.1, 0.2)
"""The widths whose MACs on validation are the budgets of the choice."""

STAGED_ORDERS = 4
"""The largest number of orders of the same members in the comparison of widths."""

NEGLIGIBLE = 1e-4
"""The standard deviation, in points, below which a difference is zero by construction."""

TABLES = ("systems", "gains", "larger", "widths")


@dataclass(frozen=True)
class Measured:
    """A system: the mean over its lineups.

    Attributes:
        price: the average MACs of a test image.
        value: the metric on the test set, in per cent.
        draws: the metric on resamples of the test images [resamples].
        left_out: price and value without each member; NaN if no lineup is left.
        lineups: the number of lineups.
    """

    price: float
    value: float
    draws: Floats
    left_out: dict[int, tuple[float, float]] = field(default_factory=dict)
    lineups: int = 1

    @classmethod
    def of(cls, lineups: Sequence[Places], prices: Sequence[float], values: Sequence[float], draws: Floats) -> Measured:
        """Return the mean over lineups, from the price, the value and the resampled values [lineups, resamples] of each."""
        price, value = np.asarray(prices), np.asarray(values)
        left_out = {}
        for member in range(MEMBERS):
            rest = [k for k, lineup in enumerate(lineups) if member not in lineup]
            left_out[member] = (price[rest].mean(), value[rest].mean()) if rest else (np.nan, np.nan)
        return cls(float(price.mean()), float(value.mean()), draws.mean(axis=0), left_out, len(lineups))


@dataclass(frozen=True)
class Difference:
    """By how much a system is better than another, in points; positive is better.

    Attributes:
        about: what is compared.
        value: the difference.
        draws: the difference on resamples [resamples].
        left_out: the difference without each member [members].
    """

    about: dict[str, Any]
    value: float
    draws: Floats
    left_out: list[float]

    @classmethod
    def between(cls, about: dict[str, Any], better: Measured, than: Measured, metric: str) -> Difference:
        """Return the difference of two systems of the same size."""
        sign = sign_of(metric)
        left_out = [sign * (better.left_out[k][1] - than.left_out[k][1]) for k in better.left_out]
        return cls(about, sign * (better.value - than.value), sign * (better.draws - than.draws), left_out)

    @classmethod
    def at_equal_macs(
        cls, about: dict[str, Any], system: Measured, curve: Sequence[Measured], metric: str
    ) -> Difference | None:
        """Return the difference from a curve, linear in log MACs between its points; None outside the curve."""
        ordered = sorted(curve, key=lambda point: point.price)
        prices = np.array([point.price for point in ordered])
        values, draws = (np.array([getattr(point, name) for point in ordered]) for name in ("value", "draws"))
        baseline = float(at_macs(prices, values, system.price))
        if np.isnan(baseline):
            return None
        sign, left_out = sign_of(metric), []
        for member, (price, value) in system.left_out.items():
            rest = np.array([point.left_out[member] for point in ordered])
            known = np.isfinite(rest).all() and np.isfinite(price)
            inside = np.clip(price, rest[0, 0], rest[-1, 0])
            left_out.append(sign * (value - float(at_macs(rest[:, 0], rest[:, 1], inside))) if known else np.nan)
        resampled = sign * (system.draws - at_macs(prices, draws, system.price))
        return cls({**about, "baseline": baseline}, sign * (system.value - baseline), resampled, left_out)


def sign_of(metric: str) -> int:
    """Return 1 if high values of a metric are good, and -1 otherwise."""
    return 1 if Metric.parse(metric).higher_is_better else -1


def mean_of(differences: Sequence[Difference], about: dict[str, Any]) -> Difference:
    """Return the mean of differences at several sizes; member k of every size is left out together."""
    values = [one.value for one in differences]
    left_out = np.mean([one.left_out for one in differences], axis=0).tolist()
    return Difference(about, float(np.mean(values)), np.mean([one.draws for one in differences], axis=0), left_out)


def table_of(differences: Sequence[Difference], level: float = 0.95) -> pd.DataFrame:
    """Return differences with their own intervals, and with those that hold simultaneously for all of them.

    With seed noise in an interval (column `seeds`: of how many members), the simultaneous interval is wider by the same factor
    as the part for the sampling error of the test images.
    """
    values, draws = np.array([one.value for one in differences]), np.stack([one.draws for one in differences])
    family = simultaneous(values, draws, np.full(len(values), NEGLIGIBLE), level)
    rows = []
    for one, error, takes_part in zip(differences, family.errors, family.taking_part, strict=True):
        seed_error, half = jackknife(one.left_out), family.critical * error
        if seed_error is None:
            (lower, upper), seeds = interval(one.draws, level), 0
        else:
            seeds = len(one.left_out)
            own = half_width(seed_error, seeds, error, level)
            lower, upper = one.value - own, one.value + own
            half *= own / half_width(0.0, seeds, error, level) if takes_part else np.nan
        ends = (one.value - half, one.value + half) if takes_part else (np.nan, np.nan)
        rows.append({
            **one.about, "difference": one.value, "lower": lower, "upper": upper, "simultaneous_lower": ends[0],
            "simultaneous_upper": ends[1], "comparisons": int(family.taking_part.sum()), "seeds": seeds,
        })  # fmt: skip
    return pd.DataFrame(rows)


class Networks:
    """The members of one size, and everything that is measured with them.

    Args:
        pool: the members with their logits on the validation and the test images.
        resamples: the number of resamples of the test images.
    """

    def __init__(self, pool: Pool, resamples: int) -> None:
        scorer = SummaryCache(ScoringConfig(accelerator="cpu"))
        sets = [chosen for count in range(1, MEMBERS + 1) for chosen in combinations(range(MEMBERS), count)]
        self._summaries = {split: scorer.summaries(pool, split, sets, [DEFAULT_SCORE]) for split in (VAL, TEST)}
        self._pool, self._resamples = pool, resamples
        self._groups = group_numbers(pool.samples[TEST].groups)
        self._stages = cache(self._make_stages)

    def _make_stages(self, split: SplitName, lineup: Places) -> Stages:
        summaries: list[Summary] = [
            self._summaries[split][tuple(sorted(lineup[: count + 1]))] for count in range(len(lineup))
        ]
        costs = np.cumsum([self._pool.networks[place].cost for place in lineup])
        return Stages(summaries, costs.tolist(), self._pool.samples[split].ids)

    def _measure(self, split: SplitName, lineup: Places, window: Window | None, metric: str) -> tuple[float, float]:
        """Return the average MACs and the value of a cascade, or of the whole ensemble if there is no window."""
        ranked = self._ranked(split, lineup, window)
        return ranked.outcome.mean_cost, Metric.parse(metric).of_ranking(ranked)

    def _ranked(self, split: SplitName, lineup: Places, window: Window | None) -> RankedOutcome:
        stages = self._stages(split, lineup)
        rule = FixedRule(len(lineup) - 1) if window is None else window.fit(self._stages(VAL, lineup))
        return RankedOutcome(stages.at(rule(stages)), DEFAULT_SCORE)

    def system(self, lineups: Sequence[Places], window: Window | None, metric: str) -> Measured:
        """Return the mean of lineups on the test set, with resamples."""
        prices, values, draws = [], [], []
        for lineup in lineups:
            ranked = self._ranked(TEST, lineup, window)
            prices.append(ranked.outcome.mean_cost)
            values.append(Metric.parse(metric).of_ranking(ranked))
            draws.append(bootstrap(ranked, [Metric.parse(metric)], self._groups, count=self._resamples)[0])
        return Measured.of(lineups, prices, values, np.stack(draws))

    def on_validation(self, lineups: Sequence[Places], window: Window, metric: str) -> tuple[float, float]:
        """Return the average MACs and the value on the validation set, averaged over lineups."""
        price, value = np.mean([self._measure(VAL, lineup, window, metric) for lineup in lineups], axis=0)
        return float(price), float(value)


Systems = dict[tuple[str, str, int, str], Measured]
"""Systems by size, policy ("single", "ensemble" or "window"), number of members and metric."""


def systems_of(size: str, networks: Networks) -> Systems:
    """Return single models, ensembles and cascades of one to four members of one size."""
    systems: Systems = {}
    for metric in METRICS:
        window = Window(Task.parse(metric), WIDTH)
        singles = [(member,) for member in range(MEMBERS)]
        systems[size, "single", 1, metric] = networks.system(singles, None, metric)
        for count in range(2, MEMBERS + 1):
            sets = list(combinations(range(MEMBERS), count))
            systems[size, "ensemble", count, metric] = networks.system(sets, None, metric)
            systems[size, "window", count, metric] = networks.system(orders(count, MOST_ORDERS), window, metric)
    return systems


def orders(count: int, most: int) -> Sequence[Places]:
    """Return the lineups of some members: every order of every choice, or at most `most` orders of each."""
    return draw([range(MEMBERS)] * count, most, most * MEMBERS**count, seed=0).chosen


def gains_of(systems: Systems, sizes: Sequence[str]) -> list[Difference]:
    """Return what the second, the third and the fourth member bring, at every size and on average over sizes."""
    found = []
    for metric, policy, count in product(METRICS, POLICIES, range(2, MEMBERS + 1)):
        at_sizes = []
        for size in sizes:
            before = systems[size, policy if count > 2 else "single", count - 1, metric]
            after, single = systems[size, policy, count, metric], systems[size, "single", 1, metric]
            about = {"size": size, "policy": policy, "members": count, "metric": metric}
            about["extra"] = (after.price - before.price) / single.price
            at_sizes.append(Difference.between(about, after, before, metric))
        extra = float(np.mean([one.about["extra"] for one in at_sizes]))
        means = {"size": "mean", "policy": policy, "members": count, "metric": metric, "extra": extra}
        found += [*at_sizes, *([mean_of(at_sizes, means)] if len(sizes) > 1 else [])]
    return found


def larger_of(systems: Systems, sizes: Sequence[str]) -> list[Difference]:
    """Compare systems of several members with larger networks: single models, and cascades of fewer members, at equal MACs."""
    found: list[Difference | None] = []
    for metric, policy, count, size in product(METRICS, POLICIES, range(2, MEMBERS + 1), sizes):
        system = systems[size, policy, count, metric]
        about = {"size": size, "policy": policy, "members": count, "metric": metric, "price": system.price}
        curve = [systems[other, "single", 1, metric] for other in sizes]
        found.append(Difference.at_equal_macs({**about, "versus": "single"}, system, curve, metric))
        if policy == "window" and count > 2:
            curve = [systems[other, "window", count - 1, metric] for other in sizes]
            found.append(Difference.at_equal_macs({**about, "versus": "fewer"}, system, curve, metric))
    return [one for one in found if one is not None]


def widths_of(size: str, networks: Networks) -> list[Difference]:
    """Compare windows that differ from stage to stage, chosen on validation, with windows of one width at equal MACs.

    For each budget, the MACs on validation of the windows of one width, the widths per stage are those with the best value on
    validation that cost no more there. On the test set they are compared with the curve of the windows of one width.
    """
    found = []
    for count in range(3, MEMBERS + 1):
        lineups, task = orders(count, STAGED_ORDERS), Task.parse(STAGED)
        windows = {widths: Window(task, widths) for widths in product(GRID, repeat=count - 1)}
        val = {widths: networks.on_validation(lineups, window, STAGED) for widths, window in windows.items()}
        uniform = {width: networks.system(lineups, windows[(width,) * (count - 1)], STAGED) for width in GRID}
        for budget in BUDGETS:
            most = val[(budget,) * (count - 1)][0]
            affordable = [widths for widths, (price, _) in val.items() if price <= most]
            chosen = max(affordable, key=lambda widths: (sign_of(STAGED) * val[widths][1], -val[widths][0]))
            system = uniform[chosen[0]] if len(set(chosen)) == 1 else networks.system(lineups, windows[chosen], STAGED)
            one = uniform[budget]
            about = {
                "size": size, "members": count, "budget": budget, "chosen": write_width(chosen), "lineups": len(lineups),
                "one_price": one.price, "one_value": one.value, "price": system.price, "value": system.value,
            }  # fmt: skip
            difference = Difference.at_equal_macs(about, system, list(uniform.values()), STAGED)
            if difference is not None:
                found.append(difference)
    return found


def members_of(store: LogitStore) -> dict[str, list[int]]:
    """Return the members of each size that have validation and test logits in the store."""
    found = {}
    for size in SIZES:
        splits: dict[int, set[SplitName]] = {}
        for entry in store.entries_of(DATASET, FAMILY, size):
            splits.setdefault(entry.address.member, set()).add(entry.address.split)
        found[size] = sorted(member for member, has in splits.items() if {VAL, TEST} <= has)
    return found


def study_of(store: LogitStore, folder: Path, resamples: int) -> None:
    """Measure everything on the page, and write it into tables in a folder."""
    known = members_of(store)
    sizes = [size for size, members in known.items() if set(range(MEMBERS)) <= set(members)]
    if not sizes:
        raise SystemExit(f"the store has no size with {MEMBERS} members: {known}")
    systems: Systems = {}
    widths: list[Difference] = []
    for size in sizes:
        pool, missing = read_pool(store, DATASET, FAMILY, [size], range(MEMBERS), [VAL, TEST], [])
        if pool is None:
            raise SystemExit(f"the store has no {missing[0]}")
        networks = Networks(pool, resamples)
        systems |= systems_of(size, networks)
        widths += widths_of(size, networks)
    rows = []
    for (size, policy, count, metric), system in systems.items():
        (lower, upper), seeds = _interval(system), 0 if count == MEMBERS else MEMBERS
        ends = {"lower": lower, "upper": upper, "seeds": seeds, "lineups": system.lineups}
        about = {"size": size, "policy": policy, "members": count, "metric": metric}
        rows.append({**about, "price": system.price, "value": system.value, **ends})
    tables = {
        "systems": pd.DataFrame(rows),
        "gains": table_of(gains_of(systems, sizes)),
        "larger": table_of(larger_of(systems, sizes)) if len(sizes) > 1 else pd.DataFrame(),
        "widths": table_of(widths),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "about.json").write_text(json.dumps({"members": known, "resamples": resamples}))


def _interval(system: Measured) -> tuple[float, float]:
    seed_error = jackknife([value for _, value in system.left_out.values()])
    if seed_error is None:
        return interval(system.draws)
    half = half_width(seed_error, MEMBERS, float(system.draws.std(ddof=1)))
    return system.value - half, system.value + half


@dataclass(frozen=True)
class Study:
    """The tables of a study.

    Attributes:
        tables: each table by its name.
        members: the members of each size in the store.
        resamples: the number of resamples.
    """

    tables: dict[str, pd.DataFrame]
    members: dict[str, list[int]]
    resamples: int

    @classmethod
    def read(cls, folder: Path) -> Study:
        """Read the tables that `study_of` has written into a folder."""
        about = json.loads((folder / "about.json").read_text())
        files = {name: folder / f"{name}.csv" for name in TABLES}
        tables = {name: pd.read_csv(file) for name, file in files.items() if file.stat().st_size > 1}
        return cls(tables, about["members"], about["resamples"])

    @property
    def sizes(self) -> list[str]:
        """The sizes with all members, ascending."""
        return [size for size, members in self.members.items() if len(members) >= MEMBERS]

    def system(self, size: str, policy: str, count: int, metric: str) -> pd.Series:
        """Return a row about a system."""
        rows = self.tables["systems"]
        policy = policy if count > 1 else "single"
        keys = (rows["size"] == size) & (rows.policy == policy) & (rows.members == count) & (rows.metric == metric)
        return rows[keys].iloc[0]

    def gains(self, **wanted: Any) -> pd.DataFrame:
        """Return the rows about gains with these values in their columns; those on average over sizes with size="mean"."""
        rows = self.tables["gains"]
        for name, value in wanted.items():
            rows = rows[rows[name] == value]
        return rows if "size" in wanted else rows[rows["size"] != "mean"]


def places(sweeps: Path) -> dict[str, str]:
    """Return every number, list and table of the page members.md, by name.

    Args:
        sweeps: the folder of sweeps; the tables of this study are in the folder `members` beside it.
    """
    study = Study.read(sweeps.parent / "members")
    gains, widths = study.tables["gains"], study.tables["widths"]
    numbers = {
        "which": which(study),
        "resamples": f"{study.resamples:,}",
        "gain_comparisons": str(gains.comparisons.max()),
        "width_comparisons": str(widths.comparisons.max()),
        "lineups": listed((f"{lineups} of {WORDS[count]} members" for count, lineups in _lineups(study)), "none"),
        "systems": "\n".join(system_lines(study)),
        "gains": "\n".join(gain_lines(study)),
        "widths": "\n".join(width_lines(study)),
        "larger": "\n".join(larger_lines(study)),
        "larger_verdict": larger_verdict(study),
        "staged_lineups": listed(
            (f"{int(rows.lineups.max())} of {WORDS[count]} members" for count, rows in widths.groupby("members")),
            "none",
        ),
        "grid": listed((f"{width:g}" for width in GRID), "none"),
    }
    for metric, (policy, name), count in product(METRICS, POLICIES.items(), range(2, MEMBERS + 1)):
        key = f"{metric.replace('@', '')}_{name}_{count}"
        rows = study.gains(metric=metric, policy=policy, members=count)
        numbers[key] = span(rows.difference, 2)
        numbers[f"{key}_extra"] = span(rows.extra, 2)
        for kind, prefix in (("own", ""), ("all", "simultaneous_")):
            numbers[f"{key}_{kind}"] = sizes_of(rows[rows[f"{prefix}lower"] > 0]["size"], study.sizes)
            numbers[f"{key}_{kind}_worse"] = sizes_of(rows[rows[f"{prefix}upper"] < 0]["size"], study.sizes)
        mean = study.gains(metric=metric, policy=policy, members=count, size="mean")
        numbers[f"{key}_mean"] = with_intervals(mean.iloc[0].difference, mean.iloc[0]) if len(mean) else "-"
    return numbers | _width_places(widths) | _shares(study)


def which(study: Study) -> str:
    """Return the sentences that say which sizes have how many members."""
    fewer = {size: members for size, members in study.members.items() if size not in study.sizes}
    if not fewer:
        return f"All {WORDS.get(len(study.sizes), len(study.sizes))} sizes have {WORDS[MEMBERS]} members and are on this page."
    rest = listed((f"{WORDS.get(len(members), 'none')} of {size}" for size, members in fewer.items()), "none")
    return (
        f"The store has {WORDS[MEMBERS]} members of {listed(study.sizes, NO_SIZE)}, which this page is about. It has only "
        f"{rest}; these sizes are left out until there are {WORDS[MEMBERS]}."
    )


def _lineups(study: Study) -> list[tuple[int, int]]:
    """The number of cascades of each number of members."""
    rows = study.tables["systems"]
    rows = rows[rows.policy == "window"]
    return [(int(count), int(of_count.lineups.max())) for count, of_count in rows.groupby("members")]


def _width_places(widths: pd.DataFrame) -> dict[str, str]:
    """What the comparison of widths says."""
    differ = widths[widths.simultaneous_lower.notna()]
    places = {"width_rows": str(len(widths)), "width_differ": str(len(differ))}
    places["width_span"] = span(differ.difference, 2) if len(differ) else "0"
    for kind, prefix in (("own", ""), ("all", "simultaneous_")):
        better, worse = differ[f"{prefix}lower"] > 0, differ[f"{prefix}upper"] < 0
        places[f"width_better_{kind}"] = str(int(better.sum())) if better.any() else "none"
        places[f"width_worse_{kind}"] = str(int(worse.sum())) if worse.any() else "none"
    wins, loses = places["width_better_all"] != "none", places["width_worse_all"] != "none"
    places["width_verdict"] = {
        (
            False,
            False,
        ): "One width for all stages is enough here: nothing shows that it matters which stage has the wider window.",
        (True, False): "Windows that differ from stage to stage are worth their choice in these cases.",
        (False, True): "The choice on validation does not carry over to the test set in these cases.",
        (True, True): "So they are better in some cases and worse in others.",
    }[wins, loses]
    first_wider = sum(float(text.split("+")[0]) > float(text.split("+")[-1]) for text in widths.chosen if "+" in text)
    places["width_first_wider"] = f"{first_wider} of {len(widths)}"
    return places


def _shares(study: Study) -> dict[str, str]:
    """The cascades' MACs, and their shares of the gain of the whole ensemble, by the number of members."""
    places = {}
    for count in range(2, MEMBERS + 1):
        prices, shares = [], []
        for size, metric in product(study.sizes, METRICS):
            single = study.system(size, "single", 1, metric)
            ensemble, window = (study.system(size, policy, count, metric) for policy in POLICIES)
            prices.append(window.price / single.price)
            if abs(ensemble.value - single.value) > NEGLIGIBLE:
                shares.append(100 * (window.value - single.value) / (ensemble.value - single.value))
        places[f"price_{count}"], places[f"share_{count}"] = span(prices, 2), span(shares, 0) if shares else "-"
    return places


def system_lines(study: Study) -> list[str]:
    """Return the table of all systems."""
    lines = header(["size", "members", "system"], ["MACs", *_arrows()])
    for size, count in product(study.sizes, range(1, MEMBERS + 1)):
        for policy, name in POLICIES.items() if count > 1 else [("single", "single model")]:
            systems = [study.system(size, policy, count, metric) for metric in METRICS]
            cells = [f"{system.value:.2f} [{system.lower:.2f}, {system.upper:.2f}]" for system in systems]
            prices = dict.fromkeys(si(system.price) for system in systems)
            lines.append(row([size, str(count), name, " / ".join(prices), *cells]))
    return lines


def _arrows() -> list[str]:
    return [f"{Metric.parse(metric).label} {'↑' if sign_of(metric) > 0 else '↓'}" for metric in METRICS]


def gain_lines(study: Study) -> list[str]:
    """Return the table of what each further member brings and costs."""
    labels = [Metric.parse(metric).label for metric in METRICS]
    lines = header(["system", "member", "size"], ["further MACs", *(f"gain in {label}" for label in labels)])
    words = {2: "second", 3: "third", 4: "fourth"}
    rows = study.tables["gains"]
    for (policy, count, size), of_system in rows.groupby(["policy", "members", "size"], sort=False):
        by_metric = of_system.set_index("metric")
        if policy == "ensemble":
            extra = [f"{of_system.extra.iloc[0]:.2f}"]
        else:
            extra = [f"{by_metric.extra[metric]:.2f}" for metric in METRICS]
        name = "mean over sizes" if size == "mean" else str(size)
        compared = [by_metric.loc[metric] for metric in METRICS]
        cells = [with_intervals(one.difference, one) for one in compared]
        lines.append(row([POLICIES[policy], words[count], name, " / ".join(extra), *cells]))
    return lines


def larger_lines(study: Study) -> list[str]:
    """Return the table of systems beside larger networks at equal MACs."""
    if "larger" not in study.tables:
        return ["With one size, there are no larger networks to compare with."]
    rows = study.tables["larger"]
    versus = {"single": "single models", "fewer": "cascades of one member fewer"}
    labels = [Metric.parse(metric).label for metric in METRICS]
    lines = header(["system", "members", "size", "against"], [f"gain in {label}" for label in labels])
    keys = ["policy", "members", "versus", "size"]
    for (policy, count, against, size), of_system in rows.groupby(keys, sort=False):
        by_metric = of_system.set_index("metric")
        compared = [by_metric.loc[metric] if metric in by_metric.index else None for metric in METRICS]
        cells = ["-" if one is None else with_intervals(one.difference, one) for one in compared]
        lines.append(row([POLICIES[policy], str(count), size, versus[against], *cells]))
    return lines


def larger_verdict(study: Study) -> str:
    """Return the sentences about further members beside larger networks."""
    if "larger" not in study.tables:
        return "With one size, there are no larger networks to compare with."
    rows = study.tables["larger"]
    rows, total, sentences = rows[rows.metric == "cov@5"], rows.comparisons.max(), []
    for count in range(3, MEMBERS + 1):
        compared = rows[(rows.versus == "fewer") & (rows.members == count)]
        names = list(compared["size"])
        better, worse, own_better, own_worse = (
            sizes_of(compared[selected]["size"], names)
            for prefix in ("simultaneous_", "")
            for selected in (compared[f"{prefix}lower"] > 0, compared[f"{prefix}upper"] < 0)
        )
        sentences.append(
            f"A cascade of {WORDS[count]} members differs in Cov@5 by {span(compared.difference, 2)} points from a cascade of "
            f"{WORDS[count - 1]} members at equal MACs (compared at {sizes_of(names, study.sizes)}; positive is better). By "
            f"the simultaneous intervals it is better at {better} and worse at {worse}, by its own interval better at "
            f"{own_better} and worse at {own_worse}."
        )
    return f"{' '.join(sentences)} The simultaneous intervals hold for all {total} comparisons of that table."


def width_lines(study: Study) -> list[str]:
    """Return the table of widths per stage beside one width."""
    lines = header(
        ["size", "members", "one width", "chosen widths"],
        ["MACs, one width", "MACs, chosen", "Cov@5, one width", "Cov@5, chosen", "gain at equal MACs"],
    )
    for one in study.tables["widths"].itertuples():
        same = pd.isna(one.simultaneous_lower)
        widths = str(one.chosen).replace("+", ", ") if "+" in str(one.chosen) else f"{one.chosen}"
        numbers = [si(one.one_price), si(one.price), f"{one.one_value:.2f}", f"{one.value:.2f}"]
        cell = "the same widths" if same else with_intervals(one.difference, one)
        lines.append(row([one.size, str(one.members), f"{one.budget:g}", widths, *numbers, cell]))
    return lines


def draw_figure(study: Study, file: Path) -> None:
    """Draw systems of one to four members over average MACs, and what each further member brings."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    from wee.figures.style import RC, look, shade_colour

    steps = range(2, MEMBERS + 1)
    with plt.rc_context(RC):
        figure, axes = plt.subplots(2, len(METRICS), figsize=(6.2, 5.2))
        for (above, below), metric in zip(axes.T, METRICS, strict=True):
            label = Metric.parse(metric).label
            for policy, dashes, size in (("ensemble", (0, (3, 2)), 3.0), ("window", "-", 3.6)):
                for count in range(1, MEMBERS + 1):
                    if count == 1 and policy == "ensemble":
                        continue
                    points = [study.system(size, policy, count, metric) for size in study.sizes]
                    colour = "#222222" if count == 1 else shade_colour((count - 2) / (MEMBERS - 2))
                    marker = look("single" if count == 1 else policy).marker
                    prices, values = [point.price / 1e6 for point in points], [point.value for point in points]
                    filled = colour if policy == "window" else "white"
                    above.plot(
                        prices, values, color=colour, ls=dashes, marker=marker, ms=size, mfc=filled, mew=0.8, lw=1.0
                    )
            above.set_xscale("log")
            above.set_xticks([3, 5, 10, 20, 50, 100, 200], ["3", "5", "10", "20", "50", "100", "200"])
            prices = study.tables["systems"].price / 1e6
            above.set_xlim(prices.min() / 1.12, prices.max() * 1.12)
            above.xaxis.set_minor_formatter("")
            above.set_xlabel("average MACs of a test image (millions)")
            above.set_ylabel(f"{label} on test (%)")
            below.axhline(0, color="#222222", lw=0.6)
            places = [*study.sizes, *(["mean"] if len(study.sizes) > 1 else [])]
            width = 0.8 / (2 * len(places))
            for (k, size), (offset, policy) in product(enumerate(places), enumerate(POLICIES)):
                rows = study.gains(size=size, metric=metric, policy=policy).sort_values("members")
                x = rows.members + (2 * k + offset + 0.5) * width - 0.4
                style = look(policy)
                filled = style.colour if size == "mean" else "white"
                below.vlines(x, rows.lower, rows.upper, color=style.colour, lw=0.8)
                below.plot(x, rows.difference, style.marker, color=style.colour, ms=3.2, mfc=filled, mew=0.8)
            below.set_xticks(list(steps), ["second member", "third", "fourth"])
            below.tick_params(axis="x", length=0)
            below.set_ylabel(f"gain in {label} (points)")
            below.grid(visible=False, axis="x")
        handles = [Line2D([], [], color="#222222", marker=look("single").marker, label="single models")]
        handles.append(Line2D([], [], ls="", label=""))  # so that each number of members has a column of its own
        for count in steps:
            for policy, name, dashes in (("window", "cascades", "-"), ("ensemble", "ensembles", (0, (3, 2)))):
                colour = shade_colour((count - 2) / (MEMBERS - 2))
                filled = colour if policy == "window" else "white"
                text = f"{name}, M = {count}"
                handles.append(
                    Line2D([], [], color=colour, ls=dashes, marker=look(policy).marker, mfc=filled, lw=1.0, label=text)
                )
        figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False, handlelength=2.6)
        marks = [
            Line2D([], [], ls="", marker=look(policy).marker, color=look(policy).colour, mfc="white", label=f"{name}s")
            for policy, name in POLICIES.items()
        ]
        order = f"left to right: {', '.join(study.sizes)}"
        if len(study.sizes) > 1:
            marks.append(Line2D([], [], ls="", marker="o", color="#222222", label="filled: mean over sizes"))
        axes[1, 0].legend(handles=marks, frameon=False, title=order, title_fontsize=6.5, alignment="left")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=200)
        plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path(__file__).with_name("store"), help="the store of the logits")
    parser.add_argument("--resamples", type=int, default=1000, help="the number of resamples of the test images")
    parser.add_argument("--folder", type=Path, default=Path("outputs/members"), help="where the tables are written")
    parser.add_argument("--file", type=Path, default=Path("outputs/figures", NAME.format(kind="members") + ".png"))
    arguments = parser.parse_args()
    study_of(LogitStore(arguments.store), arguments.folder, arguments.resamples)
    draw_figure(Study.read(arguments.folder), arguments.file)
