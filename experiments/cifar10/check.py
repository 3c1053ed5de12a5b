"""Numbers on the pages about CIFAR-10, recomputed by another route: from the files in the store, without `wee`.

    python experiments/cifar10/check.py                            # the pages alone
    python experiments/cifar10/check.py --sweeps outputs/sweeps    # also a number that only a sweep's table has

Logits are read with numpy from the `.npy` files of the store, and everything is computed here with numpy, scipy and
scikit-learn: no module of `wee` is imported. (`words` reads tables off pages, and imports nothing.) The numbers that they are
compared with are read off the tables on the pages. The command prints every number beside its page's, and fails if one
differs by more than its printed digits.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score
from words import tables

HERE = Path(__file__).parent
Array = NDArray[Any]
UNITS = {"": 1.0, " k": 1e3, " M": 1e6, " G": 1e9}


# The pages


@dataclass(frozen=True)
class Printed:
    """A number as a page prints it.

    Attributes:
        page, what: where it stands, and what it is.
        text: the digits, such as "5.10" or "22.3".
        factor: what the digits are multiplied by.
    """

    page: str
    what: str
    text: str
    factor: float

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text) * self.factor

    @property
    def tolerance(self) -> float:
        """Half a unit of its last digit."""
        decimals = len(self.text.partition(".")[2])
        return 0.5001 * self.factor * 10.0**-decimals


def printed(page: str, heading: str, row: dict[str, str], column: str, place: int = 0, table: int = 0) -> Printed:
    """Return a number in a table of a page.

    Args:
        page: the name of the page.
        heading: how the heading of the table begins.
        row: the cells that name the row, by column.
        column: the column.
        place: which of the numbers in the cell, counted from 0.
        table: which of the tables under the heading that have such a row and column, counted from 0.

    Raises:
        SystemExit: the page has no such number.
    """
    found = [
        cells
        for title, rows in tables(HERE / f"{page}.md")
        if title.startswith(heading)
        for cells in rows
        if column in cells and all(cells.get(name) == value for name, value in row.items())
    ]
    numbers = re.findall(r"([+-]?\d[\d,]*(?:\.\d+)?)( [kMG]\b)?", found[table][column]) if len(found) > table else []
    what = f"{', '.join(row.values())}: {column}" + (f", number {place + 1}" if place else "")
    if len(numbers) <= place:
        raise SystemExit(f"{page}.md has no number under {heading!r} for {what}")
    digits, unit = numbers[place]
    return Printed(f"{page}.md", what, digits.replace(",", ""), UNITS[unit])


# The store


class Store:
    """Logits, labels and groups, read from the files of the store.

    Args:
        root: the folder of the store.
    """

    def __init__(self, root: Path) -> None:
        self._family = root / "cifar10" / "cifar_resnet"
        self._shared = {path: path.read_bytes() for path in (root / ".samples").glob("*.npy")}
        self.logits = cache(self._logits)
        self.labels = cache(lambda size, split: self._samples(size, split, "labels"))
        self.groups = cache(self._groups)

    def _entry(self, size: str, member: int, split: str) -> tuple[Path, dict[str, Any]]:
        (folder,) = (self._family / size / str(member)).glob(f"{split}-*")
        return folder, json.loads((folder / "manifest.json").read_text())

    def _logits(self, size: str, member: int, split: str) -> Array:
        folder, _ = self._entry(size, member, split)
        return np.load(folder / "logits.npy", allow_pickle=False).astype(np.float64)

    def _samples(self, size: str, split: str, name: str) -> Array:
        """Return an array that all members share; its file is found by its size and its checksum."""
        _, manifest = self._entry(size, 0, split)
        known = manifest["files"][f"{name}.npy"]
        for path, content in self._shared.items():
            if len(content) == known["bytes"] and [zlib.crc32(content)] == known["crc32"]:
                return np.load(path, allow_pickle=False)
        raise SystemExit(f"the store has no {name} of {size} {split}")

    def macs(self, size: str) -> float:
        """Return the MACs of a network, from the widths that the store names."""
        widths = self._entry(size, 0, "test")[1]["identity"]["architecture"]["kwargs"]
        return macs_of(widths["width"], widths["stem"])

    def _groups(self, size: str, split: str) -> Array:
        """Return the number of each sample's group, in the order of the groups' names."""
        files = self._entry(size, 0, split)[1]["files"]
        names = self._samples(size, split, "groups" if "groups.npy" in files else "ids")
        return np.unique(names, return_inverse=True)[1]


# The method


def probabilities(logits: Array) -> Array:
    """Return the softmax."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def energy(logits: Array) -> Array:
    """Return the logarithm of the sum of the exponentials."""
    most = logits.max(axis=1)
    return most + np.log(np.exp(logits - most[:, None]).sum(axis=1))


@dataclass(frozen=True)
class System:
    """Final confidences of a system, whether it errs, and its average MACs."""

    scores: Array
    wrong: Array
    macs: float


def coverage_at(wrong: Array, risk: float) -> tuple[float, int]:
    """Return the coverage whose risk is nearest, and its point, from errors by descending confidence."""
    count = len(wrong)
    risks = np.cumsum(wrong) / np.arange(1, count + 1)
    first = min(500, count // 2)
    point = first + int(np.argmin(np.abs(risks[first - 1 :] - risk)))
    return 100 * point / count, point


def risk_at(wrong: Array, coverage: float) -> float:
    """Return the risk at the nearest coverage, from errors by descending confidence."""
    point = int(np.argmin(np.abs(np.arange(len(wrong) + 1) / len(wrong) - coverage)))
    return 100 * float(wrong[:point].mean())


def by_confidence(system: System) -> Array:
    """Return the errors by descending confidence."""
    return system.wrong[np.argsort(-system.scores, kind="stable")]


def cov5(system: System) -> float:
    """Return Cov@5."""
    return coverage_at(by_confidence(system), 0.05)[0]


def macs_of(width: int, stem: int, resolution: int = 32) -> float:
    """Return the MACs of a network, from the shapes of its layers.

    A 3x3 convolution as a stem; three stages of one block at half the resolution and twice the channels, of two 3x3
    convolutions and a 1x1 shortcut after a pooling; a mean over the last 4x4 pixels and a linear layer of ten classes. As
    fvcore counts, every convolution has a batch norm of two operations a value, and the mean has one a value; other poolings
    are free.
    """
    total = resolution**2 * stem * (9 * 3 + 2)
    channels = stem
    for out in (width, 2 * width, 4 * width):
        resolution //= 2
        total += resolution**2 * out * (9 * channels + 9 * out + channels + 3 * 2)
        channels = out
    return total + resolution**2 * channels + 10 * channels


class Method:
    """Systems of members, computed from a store.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def ensemble(self, lineup: Sequence[tuple[str, int]], split: str = "test") -> System:
        """Return the mean of the softmax outputs of some members, each a size and a number."""
        mean = np.mean([probabilities(self.store.logits(*member, split)) for member in lineup], axis=0)
        labels = self.store.labels(lineup[0][0], split)
        return System(mean.max(axis=1), mean.argmax(axis=1) != labels, self.costs(lineup)[-1])

    def costs(self, lineup: Sequence[tuple[str, int]]) -> Array:
        """Return the MACs up to each stage."""
        return np.cumsum([self.store.macs(size) for size, _ in lineup])

    def cascade(self, lineup: Sequence[tuple[str, int]], split: str = "test", width: float = 0.2) -> System:
        """Return a cascade with windows around the threshold of Cov@5, both set on the validation set."""
        final, costs = self.ensemble(lineup[:1], split), self.costs(lineup)
        scores, wrong = final.scores.copy(), final.wrong.copy()
        price, here = np.full(len(scores), costs[0]), np.ones(len(scores), dtype=bool)
        for stage in range(1, len(lineup)):
            val = self.ensemble(lineup[:stage], "val")
            ordered = np.sort(val.scores)[::-1]
            tau = ordered[min(coverage_at(by_confidence(val), 0.05)[1], len(ordered) - 1)]
            rank = stats.percentileofscore(val.scores, tau, kind="rank") / 100
            low, high = np.quantile(val.scores, np.clip([rank - width / 2, rank + width / 2], 0, 1))
            before, after = self.ensemble(lineup[:stage], split), self.ensemble(lineup[: stage + 1], split)
            here &= (low <= before.scores) & (before.scores <= high)
            scores[here], wrong[here], price[here] = after.scores[here], after.wrong[here], costs[stage]
        return System(scores, wrong, float(price.mean()))

    def energies(self, members: Sequence[tuple[str, int]], split: str) -> list[Array]:
        """Return the energies of each member."""
        return [energy(self.store.logits(*member, split)) for member in members]

    def resampled(self, system: System, count: int, size: str, seed: int = 0) -> Array:
        """Return Cov@5 on resamples of the test images: resample k draws from the stream (seed, (0, k))."""
        groups = self.store.groups(size, "test")
        order, total = np.argsort(-system.scores, kind="stable"), int(groups.max()) + 1
        values = np.empty(count)
        for k in range(count):
            rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(0, k))))
            times = np.bincount(rng.integers(total, size=total), minlength=total)[groups]
            values[k] = coverage_at(np.repeat(system.wrong[order], times[order]), 0.05)[0]
        return values

    def deployed(self, system: System, validation: System) -> tuple[float, float]:
        """Return coverage and risk at the laxest threshold whose risk on validation is at most 5 %."""
        scores = np.sort(validation.scores)[::-1]
        errors = np.cumsum(by_confidence(validation))
        ends = np.append(scores[1:] < scores[:-1], True)
        allowed = np.flatnonzero(ends & (100 * errors <= 5 * np.arange(1, len(scores) + 1)))
        accepted = system.scores >= scores[allowed[-1]]
        return 100 * accepted.mean(), 100 * system.wrong[accepted].mean()

    def certified(self, lineup: Sequence[tuple[str, int]], risk: float, delta: float = 0.1) -> float:
        """Return the coverage of an ensemble at the threshold that is certified for a risk, in per cent.

        Half of the validation images (seed 0) fix 200 candidates and where the tests start. On the other half, the upper
        limit of Clopper and Pearson (a quantile of a beta distribution) has to stay below the risk.
        """
        val, test = self.ensemble(lineup, "val"), self.ensemble(lineup)
        groups = self.store.groups(lineup[0][0], "val")
        total = int(groups.max()) + 1
        chosen = np.zeros(total, dtype=bool)
        chosen[np.random.default_rng([0, 0]).permutation(total)[: round(total / 2)]] = True
        certifies = chosen[groups]
        quantiles = np.quantile(val.scores[~certifies], np.linspace(0, 1, 200), method="lower")
        candidates = np.unique(quantiles)[::-1]
        counts = np.array([[(val.scores[part] >= t).sum() for t in candidates] for part in (~certifies, certifies)])
        losses = np.array(
            [[val.wrong[part & (val.scores >= t)].sum() for t in candidates] for part in (~certifies, certifies)]
        )
        on_tuning = np.where(counts[0] > 0, stats.binom.cdf(losses[0], counts[0], risk), 1.0)
        start = int(np.flatnonzero(on_tuning == on_tuning.min())[-1])
        bounds = stats.beta.ppf(1 - delta, losses[1] + 1, counts[1] - losses[1])
        fails = np.flatnonzero(~(bounds[start:] <= risk))
        last = start + (int(fails[0]) if len(fails) else len(candidates) - start) - 1
        return 100 * float((test.scores >= candidates[last]).mean()) if last >= start else 0.0


def fpr95(id_scores: Array, ood_scores: Array) -> float:
    """Return the share of OOD scores at the threshold whose share of ID scores is nearest to 95 %, the least of equals."""
    every = np.unique(np.concatenate([id_scores, ood_scores]))
    recall = 1 - np.searchsorted(np.sort(id_scores), every, "left") / len(id_scores)
    threshold = every[np.argmin(np.abs(recall - 0.95))]
    return 100 * float((ood_scores >= threshold).mean())


def scod_risk80(system: System, ood_scores: Array) -> float:
    """Return Risk@80 in a stream with as much OOD data as ID data, where an accepted OOD sample is an error."""
    ordered = np.sort(system.scores)[::-1]
    threshold = ordered[min(round(0.8 * len(ordered)), len(ordered) - 1)]
    accepted, intruders = system.scores > threshold, ood_scores > threshold
    errors = system.wrong[accepted].sum() / len(system.scores) + intruders.mean()
    return 100 * float(errors / (accepted.mean() + intruders.mean()))


# What is checked


Check = tuple[Printed, Callable[[], float]]


def mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return float(np.mean(values))


def checks(method: Method) -> Iterator[Check]:
    """Yield numbers on the pages, each with a function that recomputes it."""
    store, selective = method.store, "Selective classification (ranked"
    orders = {size: [[(size, a), (size, b)] for a, b in ((0, 1), (1, 0))] for size in ("w16", "w40")}
    cascades = cache(lambda: [method.cascade(lineup) for lineup in orders["w40"]])

    yield (
        printed("README", "Accuracy of", {"size": "w40"}, "member 1"),
        lambda: 100 * (1 - method.ensemble([("w40", 1)]).wrong.mean()),
    )
    for size in ("w16", "w80"):
        yield (
            printed("README", "Accuracy of", {"size": size}, "MACs"),
            lambda size=size: store.macs(size),  # type: ignore[misc]
        )
    row = {"size": "w16", "policy": "ensemble"}
    yield (printed("README", selective, row, "cov@5 ↑"), lambda: cov5(method.ensemble([("w16", 0), ("w16", 1)])))
    row = {"size": "w80", "policy": "single"}
    yield (
        printed("README", selective, row, "risk@80 ↓"),
        lambda: mean([risk_at(by_confidence(method.ensemble([("w80", m)])), 0.8) for m in (0, 1)]),
    )
    row = {"size": "w40", "policy": "window 0.20"}
    yield printed("README", selective, row, "cov@5 ↑"), lambda: mean([cov5(one) for one in cascades()])
    column = "cov@5: coverage / risk"
    deployed = cache(lambda: [method.deployed(method.cascade(o), method.cascade(o, "val")) for o in orders["w40"]])
    yield printed("README", selective, row, column), lambda: mean([coverage for coverage, _ in deployed()])
    yield printed("README", selective, row, column, place=1), lambda: mean([risk for _, risk in deployed()])
    row = {"cascade of": "w40"}
    yield printed("README", selective, {**row}, "cov@5"), lambda: mean([one.macs for one in cascades()])

    def at_equal_macs() -> float:
        sizes = ("w40", "w56")
        prices = np.log([store.macs(size) for size in sizes])
        singles = [mean([cov5(method.ensemble([(size, m)])) for m in (0, 1)]) for size in sizes]
        price = mean([one.macs for one in cascades()])
        return mean([cov5(one) for one in cascades()]) - float(np.interp(np.log(price), prices, singles))

    row = {"cascade of": "w40", "against": "single models"}
    yield printed("README", selective, row, "cov@5 ↑"), at_equal_macs

    row = {"size": "w24", "policy": "ensemble"}
    pair = [("w24", 0), ("w24", 1)]
    yield (
        printed("README", "Selective classification with as many", row, "risk@80 ↓"),
        lambda: scod_risk80(
            method.ensemble(pair),
            np.mean([probabilities(store.logits(*member, "ood-objects32")) for member in pair], axis=0).max(axis=1),
        ),
    )
    row, pair56 = {"size": "w56", "policy": "single"}, [("w56", 0), ("w56", 1)]
    yield (
        printed("README", "OOD detection", row, "fpr@95 ↓"),
        lambda: mean(list(map(fpr95, method.energies(pair56, "test"), method.energies(pair56, "ood-objects32")))),
    )

    row, both = {"size": "w40", "system": "ensemble"}, [("w40", 0), ("w40", 1)]
    draws = cache(lambda: method.resampled(method.ensemble(both), 5000, "w40"))
    for place, share in ((1, 0.025), (2, 0.975)):
        yield (
            printed("deployment", "A risk of 5 %", row, "Cov@5", place),
            lambda share=share: float(np.quantile(draws(), share)),  # type: ignore[misc]
        )
    for risk in (2, 5):
        yield (
            printed("deployment", f"A risk of {risk} %", row, "certified coverage"),
            lambda risk=risk: method.certified(both, risk / 100),  # type: ignore[misc]
        )

    across = [[("w16", a), ("w40", b)] for a in (0, 1) for b in (0, 1)]
    row = {"cascade of": "w16, w40"}
    systems = cache(lambda: [method.cascade(lineup) for lineup in across])
    yield printed("across_sizes", "All lineups", row, "MACs"), lambda: mean([one.macs for one in systems()])
    yield printed("across_sizes", "All lineups", row, "Cov@5 ↑"), lambda: mean([cov5(one) for one in systems()])

    row = {"size": "w16", "members": "4", "system": "cascade"}
    four = cache(lambda: [method.cascade([("w16", m) for m in order]) for order in permutations(range(4))])
    yield printed("members", "All systems", row, "Cov@5 ↑"), lambda: mean([cov5(one) for one in four()])
    yield printed("members", "All systems", row, "MACs"), lambda: mean([one.macs for one in four()])
    yield from third_member(method)


def third_member(method: Method) -> Iterator[Check]:
    """Yield what the third member of the ensembles of w16 adds, and the ends of its interval with seed noise."""
    row = {"system": "ensemble", "member": "third", "size": "w16"}
    sets = {count: list(combinations(range(4), count)) for count in (2, 3)}
    systems = {chosen: method.ensemble([("w16", m) for m in chosen]) for count in sets for chosen in sets[count]}

    @cache
    def gain() -> tuple[float, float]:
        values = {chosen: cov5(system) for chosen, system in systems.items()}

        def without(member: int | None) -> float:
            trios, pairs = (mean([values[s] for s in sets[count] if member not in s]) for count in (3, 2))
            return trios - pairs

        left_out = np.array([without(member) for member in range(4)])
        seeds = np.sqrt(3 / 4 * np.square(left_out - left_out.mean()).sum())
        draws = {chosen: method.resampled(system, 1000, "w16") for chosen, system in systems.items()}
        resampled = np.mean([draws[s] for s in sets[3]], axis=0) - np.mean([draws[s] for s in sets[2]], axis=0)
        half = np.hypot(stats.t.ppf(0.975, 3) * seeds, stats.norm.ppf(0.975) * resampled.std(ddof=1))
        return without(None), float(half)

    for place, sign in enumerate((0, -1, 1)):
        yield (
            printed("members", "What a further member brings", row, "gain in Cov@5", place),
            lambda sign=sign: gain()[0] + sign * gain()[1],  # type: ignore[misc]
        )


def auroc_of_sweep(method: Method, sweeps: Path) -> Check:
    """Return the AUROC of single models of w24 in the table of the newest sweep about OOD detection, and its recomputation."""
    files = sorted((sweeps / "ood-cifar10-cifar_resnet").glob("*/averages.csv"), key=lambda path: path.stat().st_mtime)
    if not files:
        raise SystemExit(f"there is no sweep ood-cifar10-cifar_resnet in {sweeps}: make ood DATASET=cifar10")
    wanted = {"metric": "auroc", "policy": "single", "scale": "w24", "split": "test", "ood": "objects32"}
    with files[-1].open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if all(row[name] == value for name, value in wanted.items())]
    pair = [("w24", 0), ("w24", 1)]

    def auroc() -> float:
        values = []
        for id_scores, ood_scores in zip(
            method.energies(pair, "test"), method.energies(pair, "ood-objects32"), strict=True
        ):
            is_id = np.repeat([1, 0], [len(id_scores), len(ood_scores)])
            values.append(100 * roc_auc_score(is_id, np.concatenate([id_scores, ood_scores])))
        return mean(values)

    return Printed("sweep ood", "w24, single: AUROC", f"{float(rows[0]['value']):.4f}", 1.0), auroc


def report(everything: Sequence[Check], write: Callable[[str], object]) -> int:
    """Write every number beside the recomputed one; return how many differ by more than their printed digits."""
    differ = 0
    write(
        "| page | what | on the page | recomputed | difference | agrees |\n| --- | --- | ---: | ---: | ---: | --- |\n"
    )
    for number, recompute in everything:
        value = recompute() / number.factor
        difference = value - float(number.text)
        agrees = abs(difference) * number.factor <= number.tolerance
        differ += not agrees
        unit = next(name for name, factor in UNITS.items() if factor == number.factor)
        cells = [number.page, number.what, f"{number.text}{unit}", f"{value:.4f}{unit}", f"{difference:+.4f}"]
        write(f"| {' | '.join([*cells, 'yes' if agrees else '**no**'])} |\n")
    write(f"\n{len(everything) - differ} of {len(everything)} numbers agree\n")
    return differ


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=HERE / "store", help="the store of the logits")
    parser.add_argument("--sweeps", type=Path, help="the folder of sweeps, for a number that no page has")
    arguments = parser.parse_args()
    the_method = Method(Store(arguments.store))
    numbers = list(checks(the_method)) + ([auroc_of_sweep(the_method, arguments.sweeps)] if arguments.sweeps else [])
    sys.exit(1 if report(numbers, sys.stdout.write) else 0)
