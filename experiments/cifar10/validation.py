"""The numbers and tables of the page about the size of the validation set.

Every number is of the study's draws: for each member, ensemble or cascade in one order, the mean and the standard deviation
over the validation sets of a size, averaged over members or orders.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from words import NAME, header, listed, row, span, spread

from wee.method import Task
from wee.method.arrays import Floats
from wee.sweep.results import find_sweeps, read_table, read_validation
from wee.sweep.validation import spreads

POLICIES = {"single": "single model", "ensemble": "ensemble", "window": "cascade"}
WORDS = {"deployed_risk": "risk", "deployed_cov": "coverage"}


@dataclass(frozen=True)
class Study:
    """What validation sets of several sizes give on the test set, with thresholds and windows for one task.

    Attributes:
        table: the study's rows for the task, one for each system and validation set.
        task: a coverage at a risk, or a risk at a coverage.
    """

    table: pd.DataFrame
    task: Task

    @cached_property
    def scales(self) -> list[str]:
        """The sizes of the networks, ascending."""
        return [str(scale) for scale in self.table.scale.unique()]

    @cached_property
    def sizes(self) -> list[int]:
        """The sizes of the drawn validation sets, ascending."""
        return sorted(self.table[self.table.draw.notna()].val_size.unique())

    @property
    def asked(self) -> str:
        """What the acceptance threshold keeps: a coverage task keeps a risk, a risk task a coverage."""
        return {"cov": "deployed_risk", "risk": "deployed_cov"}[self.task.kind.name]

    @property
    def other(self) -> str:
        """What the acceptance threshold leaves open."""
        return {"deployed_risk": "deployed_cov", "deployed_cov": "deployed_risk"}[self.asked]

    @property
    def missed(self) -> str:
        """When the acceptance threshold misses what was asked for, in words."""
        return f"{'above' if self.task.higher_is_better else 'below'} {self.task.at:g} %"

    @cached_property
    def statistics(self) -> pd.DataFrame:
        """`mean`, `sd` and `whole`, by scale, size of the validation set, policy and quantity."""
        index = ["scale", "val_size", "policy", "quantity"]
        return spreads(self.table).set_index(index).sort_index()[["mean", "sd", "whole"]]

    def of(self, scale: str, size: int, policy: str, quantity: str) -> pd.Series:
        """`mean`, `sd` and `whole` of one quantity."""
        return self.statistics.loc[(scale, size, policy, quantity)]

    def price(self, scale: str, size: int) -> pd.Series:
        """The MACs of the cascade as a multiple of a single model's: `mean`, `sd` and `whole`."""
        return self.of(scale, size, "window", "price") / self.of(scale, size, "single", "price")["mean"]

    def misses(self, scale: str, size: int) -> float:
        """The share of the draws in which the cascade misses what was asked for, in [0, 1]."""
        rows = self.table[(self.table.policy == "window") & self.table.draw.notna()]
        values = rows[(rows.scale == scale) & (rows.val_size == size)][self.asked]
        return float((values > self.task.at if self.task.higher_is_better else values < self.task.at).mean())

    def lines(self) -> list[str]:
        """The table of the study."""
        columns = [f"{WORDS[self.asked]}, {name}" for name in POLICIES.values()]
        columns += [self.missed, f"{WORDS[self.other]}, cascade", f"{self.task}, cascade"]
        lines = header(["size"], ["validation samples", *columns, "MACs, cascade / single model"])
        for scale, size in itertools.product(self.scales, self.sizes):
            cells = [_spread(self.of(scale, size, policy, self.asked)) for policy in POLICIES]
            cells.append(f"{self.misses(scale, size):.0%}")
            cells += [_spread(self.of(scale, size, "window", quantity)) for quantity in (self.other, "value")]
            lines.append(row([scale, f"{size:,}", *cells, _spread(self.price(scale, size), 3)]))
        return lines

    def places(self) -> dict[str, str]:
        """The numbers about this task, by name: what is asked for, missed, and lost, at each size of the validation set."""
        first, last = self.sizes[0], self.sizes[-1]
        places = {}
        for size in self.sizes:
            for scale, policy in itertools.product(self.scales, POLICIES):
                for quantity, word in WORDS.items():
                    numbers = self.of(scale, size, policy, quantity)
                    places[f"{word}_{policy}_{scale}_{size}"] = _spread(numbers, 1)
            places[f"misses_{size}"] = span((100 * self.misses(scale, size) for scale in self.scales), 0)
            prices = [self.price(scale, size) for scale in self.scales]
            places[f"price_deviation_{size}"] = span(100 * price["sd"] / price["mean"] for price in prices)
            losses = self.losses(size)
            places[f"loss_{size}"], places[f"loss_{size}_most"] = span(losses), f"{max(losses):.1f}"
            places[f"change_{size}_larger"] = f"{np.abs(losses[-3:]).max():.2f}"
        every = itertools.product(self.scales, self.sizes)
        places["price"] = span((self.price(scale, size)["mean"] for scale, size in every), 2)
        deviations = [
            [self.of(scale, size, "window", self.asked)["sd"] for size in (first, last)] for scale in self.scales
        ]
        places["narrower"] = span(before / after for before, after in deviations)
        places["root"] = f"{np.sqrt(last / first):.1f}"
        places["change"] = f"{max(np.abs(self.losses(size)).max() for size in self.sizes):.2f}"
        wholes = [self.of(scale, last, policy, self.asked)["whole"] for scale in self.scales for policy in POLICIES]
        places["whole"] = span(wholes)
        gains = self._sign * (self._values("ensemble", last) - self._values("single", last))
        places["ensemble_gain"] = span(gains)
        prefix = str(self.task).replace("@", "")
        return {f"{prefix}_{name}": text for name, text in places.items()}

    def losses(self, size: int) -> Floats:
        """By how much each cascade is better with the largest validation sets than with those of a size [scales]."""
        return self._sign * (self._values("window", self.sizes[-1]) - self._values("window", size))

    def _values(self, policy: str, size: int) -> Floats:
        """The metric that is the task, on average over the draws [scales]."""
        return np.array([self.of(scale, size, policy, "value")["mean"] for scale in self.scales])

    @property
    def _sign(self) -> int:
        return 1 if self.task.higher_is_better else -1


def _spread(numbers: pd.Series, places: int = 2) -> str:
    return spread(numbers["mean"], numbers["sd"], places)


def places(sweeps: Path) -> dict[str, str]:
    """Every number and table of the page, by name.

    Args:
        sweeps: the folder of sweeps.
    """
    table = read_validation(find_sweeps(sweeps, [NAME.format(kind="validation_size")]))
    studies = {name: Study(table[table.task == name], Task.parse(name)) for name in table.task.unique()}
    places = {"draws": f"{table.draw.nunique()}"}
    for study in studies.values():
        places |= study.places()
    places["studies"] = "\n\n".join(
        "\n".join([f"### Thresholds and windows for {name}", "", *study.lines()]) for name, study in studies.items()
    )
    return places | _four(sweeps, studies["cov@5"]) | _comparison(sweeps, studies["cov@5"])


def _four(sweeps: Path, pairs: Study) -> dict[str, str]:
    """The study of cascades of four members, and its numbers beside those of two members of the same sizes."""
    task = pairs.task
    table = read_validation(find_sweeps(sweeps, [NAME.format(kind="validation_size_four")]))
    four = Study(table[table.task == str(task)], task)
    two = Study(pairs.table[pairs.table.scale.isin(four.scales)], task)
    places = {"four_scales": listed(four.scales, "no size"), "four_list": ",".join(four.scales)}
    places["four_studies"] = "\n".join(four.lines())
    for name, study in (("four", four), ("two", two)):
        for size in study.sizes:
            rows = [study.of(scale, size, "window", "deployed_risk") for scale in study.scales]
            places[f"{name}_loss_{size}"] = span(study.losses(size), 2)
            places[f"{name}_risk_sd_{size}"] = span((numbers["sd"] for numbers in rows), 2)
            prices = [study.price(scale, size) for scale in study.scales]
            places[f"{name}_price_deviation_{size}"] = span(100 * price["sd"] / price["mean"] for price in prices)
    return places


def _comparison(sweeps: Path, study: Study) -> dict[str, str]:
    """How the validation set differs from the test set, and the sampling errors of both."""
    table = read_table(*find_sweeps(sweeps, [NAME.format(kind="sc")]))
    members = table[(table.policy == "single") & (table.metric == "accuracy")]
    accuracy = members.pivot(index=["scale", "members"], columns="split", values="value")
    easier = accuracy.val - accuracy.test
    samples = table.groupby("split").samples.first()
    mean = accuracy.val.mean()
    accepted = round(study.of("w40", study.sizes[-1], "window", "deployed_cov")["whole"] / 100 * samples["test"], -3)
    return {
        "members": str(len(easier)),
        "easier_members": str(int((easier > 0).sum())),
        "easier_mean": f"{easier.mean():.1f}",
        "accuracy_error": f"{np.sqrt(mean * (100 - mean) / samples['val']):.1f}",
        "accepted": f"{accepted:,.0f}",
        "risk_error": f"{np.sqrt(study.task.at * (100 - study.task.at) / accepted):.2f}",
    }
