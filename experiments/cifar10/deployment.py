"""The numbers and tables of the page about systems in use: certified coverage, live cascades, latency and throughput."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from words import NAME, header, row, span, spread

from wee.cascade.calibrate import calibrate
from wee.cascade.config import GuaranteeConfig
from wee.data.splits import TEST, VAL
from wee.method import Stages, Task, Window, summarise
from wee.method.arrays import Ints
from wee.method.scores import DEFAULT_SCORE
from wee.store import Address, LogitStore
from wee.sweep.results import find_sweeps, read_averages, read_table
from wee.sweep.times import SETTING, machine_of, read_times
from wee.units import si

HERE = Path(__file__).parent
POLICIES = {"single": "single model", "ensemble": "ensemble", "window": "cascade"}
RISKS = (1, 2, 5)


@dataclass(frozen=True)
class Certified:
    """The systems that are certified for a risk.

    Attributes:
        risk: the risk, in per cent.
        averages: the means over members or orders on the test set, with their intervals, by scale, policy and metric.
        systems: the rows of single systems on the test set.
        splits: the rows of single systems on the test set for each split of the validation set (column `split_seed`).
    """

    risk: int
    averages: pd.DataFrame
    systems: pd.DataFrame
    splits: pd.DataFrame

    @cached_property
    def scales(self) -> list[str]:
        """The sizes of the networks, ascending."""
        return [str(scale) for scale in self.systems.scale.unique()]

    def mean(self, scale: str, policy: str, metric: str) -> pd.Series:
        """`value`, `lower`, `upper` and `price` of a metric without its parameter, averaged over members or orders."""
        return self.averages.loc[(scale, policy, f"{metric}@{self.risk}")]

    def of_splits(self, scale: str, policy: str, metric: str) -> pd.Series:
        """The values of a metric for each split of the validation set, averaged over members or orders."""
        rows = self.splits[(self.splits.scale == scale) & (self.splits.policy == policy)]
        return rows[rows.metric == f"{metric}@{self.risk}"].groupby("split_seed").value.mean()

    def lines(self) -> list[str]:
        """The table of this risk."""
        columns = [f"Cov@{self.risk}", "deployed coverage", "deployed risk", "certified coverage", "realised risk"]
        lines = header(["size", "system"], ["MACs", *columns, "certified coverage, 10 splits"])
        metrics = ("cov", "deployed_cov", "deployed_risk", "certified", "certified_risk")
        for scale, (policy, word) in itertools.product(self.scales, POLICIES.items()):
            numbers = [self.mean(scale, policy, metric) for metric in metrics]
            splits = self.of_splits(scale, policy, "certified")
            cells = [f"{number.value:.1f} [{number.lower:.1f}, {number.upper:.1f}]" for number in numbers]
            cells[2], cells[4] = (
                f"{number.value:.2f} [{number.lower:.2f}, {number.upper:.2f}]" for number in (numbers[2], numbers[4])
            )
            price = si(numbers[3].price)
            lines.append(row([scale, word, price, *cells, spread(splits.mean(), splits.std(), 1)]))
        return lines

    def places(self) -> dict[str, str]:
        """The numbers about this risk, by name."""
        limit = self.risk
        certified = self.systems[self.systems.metric == f"certified_risk@{limit}"]
        accepted = np.isfinite(certified.acceptance)
        realised, above = certified.value[accepted], certified.value > limit
        every = self.splits[self.splits.metric == f"certified_risk@{limit}"]
        nothing = ~np.isfinite(every.acceptance)
        costs = [
            self.mean(scale, policy, "cov").value - self.mean(scale, policy, "certified").value
            for scale, policy in itertools.product(self.scales, POLICIES)
        ]
        costs_of_splits = [
            self.mean(scale, policy, "cov").value - self.of_splits(scale, policy, "certified").mean()
            for scale, policy in itertools.product(self.scales, POLICIES)
        ]
        deviations = [
            self.of_splits(scale, policy, "certified").std()
            for scale, policy in itertools.product(self.scales, POLICIES)
        ]
        gains = [
            (self.of_splits(scale, "window", "certified") - self.of_splits(scale, "single", "certified"))
            for scale in self.scales
        ]
        deployed = self.systems[self.systems.metric == f"deployed_risk@{limit}"].value
        prices = [
            self.mean(scale, "window", "certified").price / self.mean(scale, "single", "certified").price
            for scale in self.scales
        ]
        places = {
            "deployed_systems_above": str(int((deployed > limit).sum())),
            "price_ratio": span(prices),
            "systems": f"{len(certified)}",
            "nothing": f"{int((~accepted).sum())}",
            "realised": span(realised, 2),
            "above": f"{int(above.sum())}",
            "cost": span(costs),
            "cost_splits": span(costs_of_splits),
            "deviation": span(deviations),
            "above_splits": f"{100 * (every.value > limit).mean():.0f}",
            "nothing_splits": f"{100 * nothing.mean():.1f}",
            "gain_mean": span(gain.mean() for gain in gains),
            "gain_positive": span((100 * (gain > 0).mean() for gain in gains), 0),
            "coverage_window": span(self.of_splits(scale, "window", "certified").mean() for scale in self.scales),
            "coverage_single": span(self.of_splits(scale, "single", "certified").mean() for scale in self.scales),
        }
        return {f"{name}_{limit}": text for name, text in places.items()}


def _systems(folder: Path) -> pd.DataFrame:
    table = read_table(folder)
    return table[(table.split == "test") & table.ood.isna()]


def places(sweeps: Path) -> dict[str, str]:
    """Every number and table of the page, by name.

    Args:
        sweeps: the folder of sweeps.
    """
    (folder,) = find_sweeps(sweeps, [NAME.format(kind="certified")])
    averages = read_averages([folder])
    averages = averages[averages.split == "test"]
    # A row with a task of its own has the metrics of that task only; networks without windows have those of all tasks.
    averages = averages.drop_duplicates(["scale", "policy", "metric", "task"])
    splits = [
        _systems(path).assign(split_seed=path.name)
        for path in find_sweeps(sweeps, [str(sweeps / NAME.format(kind="certified_splits") / "*")])
    ]
    filled = {"splits": str(len(splits))}
    filled["rows"] = str(len(POLICIES) * _systems(folder).scale.nunique())
    tables = []
    for risk in RISKS:
        kept = averages[averages.task.isna() | (averages.task == f"cov@{risk}")]
        certified = Certified(
            risk, kept.set_index(["scale", "policy", "metric"]).sort_index(), _of(_systems(folder), risk),
            _of(pd.concat(splits, ignore_index=True), risk),
        )  # fmt: skip
        filled |= certified.places()
        tables.append("\n".join([f"### A risk of {risk} %", "", *certified.lines()]))
    filled["certified"] = "\n\n".join(tables)
    return filled | _live() | _resplits() | _times()


def _of(systems: pd.DataFrame, risk: int) -> pd.DataFrame:
    """The rows of systems that are set for a risk."""
    return systems[systems.task.isna() | (systems.task == f"cov@{risk}")]


def _live() -> dict[str, str]:
    """The numbers in what `live.py` printed: the last line about live cascades, and the lines about exported ones."""
    last = (HERE / "live.txt").read_text(encoding="utf-8").splitlines()[-1]
    pattern = r"in all: ([\d,]+) of ([\d,]+) decisions differ, ([\d,]+) of them further than \S+ from every edge; ([\d,]+) are"
    found = re.match(pattern, last)
    assert found is not None, last
    live = dict(zip(("live_differ", "live_decisions", "live_far", "live_near"), found.groups(), strict=True))
    exported = (HERE / "live_onnx.txt").read_text(encoding="utf-8")
    counts = [
        (int(differ), int(total.replace(",", "")))
        for differ, total in re.findall(r"; (\d+) of ([\d,]+) decisions differ", exported)
    ]
    return live | {
        "exported": str(len(counts)),
        "exported_differ": str(sum(differ for differ, _ in counts)),
        "exported_decisions": f"{sum(total for _, total in counts):,}",
    }


LARGE, SMALL = 256, 1
"""The batch sizes of throughput and latency."""


def _times() -> dict[str, str]:
    """The table of times, and what it says about how close cascades come to the ideal."""
    times = read_times(HERE / "latency.csv")
    settings = times[times.subject == SETTING].set_index(["scale", "policy", "batch"]).sort_index()
    scales = list(times.scale.unique())
    lines = header(
        ["size", "system"],
        ["latency (ms): mean", "median [quartiles]", "of the ideal", "images/s, batch 256", "of the ideal"],
    )
    for scale, (policy, word) in itertools.product(scales, POLICIES.items()):
        single, batch = settings.loc[(scale, policy, SMALL)], settings.loc[(scale, policy, LARGE)]
        quartiles = " ".join([f"{1e3 * single['median']:.2f}", f"[{1e3 * single.lower:.2f}, {1e3 * single.upper:.2f}]"])
        shares = [f"{100 * number.efficiency_median:.0f} %" for number in (single, batch)]
        lines.append(
            row(
                [
                    scale,
                    word,
                    f"{1e3 * single['mean']:.2f}",
                    quartiles,
                    shares[0],
                    f"{batch.throughput:,.0f}",
                    shares[1],
                ]
            )
        )
    cascades = settings.xs("window", level="policy")

    def ratio(batch: int, policy: str, column: str = "mean") -> str:
        """The time of cascades as a multiple of that of another policy."""
        return span(
            (cascades.loc[(scale, batch), column] / settings.loc[(scale, policy, batch), column] for scale in scales), 2
        )

    def shares(batch: int, column: str) -> list[float]:
        """A share of the cascades, in per cent, by size."""
        return [100 * float(cascades.loc[(scale, batch), column]) for scale in scales]

    def by_size(values: Iterable[float]) -> str:
        return ", ".join(f"{scale}: {value:.0f} %" for scale, value in zip(scales, values, strict=True))

    latency, passes = shares(SMALL, "efficiency_median"), shares(SMALL, "passes_share")
    throughput = shares(LARGE, "efficiency_median")
    alone = [100 * float(settings.loc[(scale, "single", LARGE), "efficiency_median"]) for scale in scales]
    return {
        "latency": "\n".join(lines),
        "machine": machine_of(times),
        "timed_images": f"{times.images.min():,}",
        "latency_single": ratio(SMALL, "single"),
        "latency_ensemble": ratio(SMALL, "ensemble"),
        "throughput_single": ratio(LARGE, "single"),
        "throughput_ensemble": ratio(LARGE, "ensemble"),
        "latency_shares": span(latency, 0),
        "latency_sizes": by_size(latency),
        "latency_reached": str(sum(share >= 90 for share in latency)),
        "passes_shares": span(passes, 0),
        "passes_sizes": by_size(passes),
        "throughput_shares": span(throughput, 0),
        "throughput_sizes": by_size(throughput),
        "throughput_noise": span(alone, 0),
        "sizes": str(len(scales)),
    }


RESPLITS = 400


def _resplits() -> dict[str, str]:
    """How often a certified risk is exceeded if validation and test images are drawn at random from their union.

    Each draw takes 2,500 images to tune, 2,500 to certify and 10,000 to test, for the cascade of w40 in one order.
    """
    store = LogitStore(HERE / "store")
    entries = [
        [store.find(Address("cifar10", "cifar_resnet", "w40", member, split))[0] for split in (VAL, TEST)]
        for member in (0, 1)
    ]
    logits = [np.concatenate([np.asarray(entry.logits) for entry in parts]) for parts in entries]
    labels = np.concatenate([entry.labels for entry in entries[0]])
    sets = [(0,), (0, 1)]
    summaries = summarise(logits, labels, sets, [DEFAULT_SCORE])
    ids = np.arange(len(labels)).astype(np.bytes_)

    def stages(samples: Ints) -> Stages:
        return Stages([summaries[members].take(samples) for members in sets], [1.0, 2.0], ids[samples])

    rng, half = np.random.default_rng(0), len(entries[0][0].labels) // 2
    risks: dict[int, list[float]] = {risk: [] for risk in RISKS}
    for _ in range(RESPLITS):
        order = rng.permutation(len(labels))
        tuning, certification, test = (stages(part) for part in np.split(order, [half, 2 * half]))
        for risk in RISKS:
            task, guarantee = Task.parse(f"cov@{risk}"), GuaranteeConfig(risk=risk / 100)
            rule = Window(task, 0.2).fit(tuning)
            calibrated = calibrate(tuning, certification, rule, DEFAULT_SCORE, task, guarantee)
            outcome = test.at(rule(test))
            accepted = outcome.score(DEFAULT_SCORE) >= calibrated.threshold
            risks[risk].append(100 * (~outcome.correct[accepted]).mean() if accepted.any() else 0.0)
    above = {risk: (np.array(values) > risk).mean() for risk, values in risks.items()}
    error = max(np.sqrt(share * (1 - share) / RESPLITS) for share in above.values())
    return {
        "resplits": str(RESPLITS),
        "resplits_error": f"{100 * error:.1f}",
        **{f"resplits_above_{risk}": f"{100 * share:.1f}" for risk, share in above.items()},
    }
