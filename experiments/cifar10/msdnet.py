"""The numbers, the tables and the claims of the page about cascades of the exits of one network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import training
from words import header, listed, row, span, with_intervals

from wee.data.splits import TEST
from wee.method.bootstrap import at_macs
from wee.sweep.results import find_sweeps, read_about
from wee.units import si

FAMILY = "msdnet_cifar"
NAME = f"msdnet-cifar10-{FAMILY}"
TASK, WIDTH = "cov@5", "0.2"
BASELINES = {"threshold": "single threshold", "single": "single exits at equal MACs"}


@dataclass(frozen=True)
class Exits:
    """The sweep of cascades of exits, on the test set.

    Attributes:
        folder: the sweep's folder.
    """

    folder: Path

    @classmethod
    def read(cls, sweeps: Path) -> Exits:
        """The newest sweep of cascades of exits in the folder of sweeps."""
        (folder,) = find_sweeps(sweeps, [NAME])
        return cls(folder)

    def _rows(self, name: str) -> pd.DataFrame:
        """Return the rows of a table, without lists of equal widths: that width alone is the same window."""
        rows = pd.read_csv(self.folder / f"{name}.csv", dtype={"exits": str, "width": str, "members": str})
        widths = rows.width.fillna("").str.split("+")
        return rows[(rows.split == str(TEST)) & ((widths.str.len() == 1) | (widths.map(set).str.len() > 1))]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The row of every member."""
        return self._rows("table")

    @cached_property
    def averages(self) -> pd.DataFrame:
        """The means over members, with intervals."""
        return self._rows("averages")

    @cached_property
    def differences(self) -> pd.DataFrame:
        """How windows differ from the baselines."""
        rows = self._rows("differences")
        return rows[(rows.policy == "window") & rows.versus.isin(list(BASELINES))]

    @cached_property
    def equal_quality(self) -> pd.DataFrame:
        """The MACs of windows as shares of those of single exits of the same Cov@5."""
        rows = self._rows("equal_quality")
        return rows[(rows.policy == "window") & (rows.metric == TASK)]

    @cached_property
    def cascades(self) -> list[str]:
        """The exits of every cascade, as in tables: "3+5"."""
        return [str(exits) for exits in self.averages[self.averages.policy == "window"].exits.unique()]

    def windows(self, metric: str, exits: str) -> pd.DataFrame:
        """The means of a metric over the windows of a cascade, by width, ascending in MACs."""
        rows = self.averages[(self.averages.policy == "window") & (self.averages.exits == exits)]
        return rows[rows.metric == metric].set_index("width").sort_values("macs")

    def compared(self, metric: str, versus: str) -> pd.DataFrame:
        """The differences of all windows from a baseline, without those that are zero by construction."""
        rows = self.differences[(self.differences.metric == metric) & (self.differences.versus == versus)]
        return rows[rows.simultaneous_lower.notna()]


def name_of(exits: str) -> str:
    """The exits of a cascade as the page writes them: "2, 3, 5"."""
    return ", ".join(exits.split("+"))


def width_of(width: str) -> str:
    """A width as the page writes it: "0.7, then 0.2"."""
    return ", then ".join(width.split("+"))


def exit_lines(exits: Exits) -> list[str]:
    """The table of single exits."""
    single = exits.table[exits.table.policy == "single"]
    means = exits.averages[(exits.averages.policy == "single") & (exits.averages.metric == TASK)].set_index("exits")
    members = sorted(single.members.unique())
    lines = header(["exit"], ["MACs", *(f"accuracy, member {member}" for member in members), "Cov@5"])
    for number, of_exit in single.groupby("exits"):
        accuracy = of_exit[of_exit.metric == "accuracy"].set_index("members").value
        mean = means.loc[number]
        cells = [f"{accuracy[member]:.2f}" for member in members]
        lines.append(
            row([str(number), si(mean.macs), *cells, f"{mean.value:.2f} [{mean.lower:.2f}, {mean.upper:.2f}]"])
        )
    return lines


def window_lines(exits: Exits) -> list[str]:
    """The table of windows, with their differences in Cov@5 from the baselines."""
    lines = header(
        ["exits", "width"], ["MACs", "accuracy", "Cov@5", *(f"against {name}" for name in BASELINES.values())]
    )
    compared = exits.differences[exits.differences.metric == TASK].set_index(["exits", "width", "versus"])
    for cascade in exits.cascades:
        accuracy = exits.windows("accuracy", cascade)
        for width, mean in exits.windows(TASK, cascade).iterrows():
            cells = []
            for versus in BASELINES:
                one = compared.loc[cascade, width, versus]
                cells.append("equal" if np.isnan(one.simultaneous_lower) else with_intervals(one.difference, one))
            numbers = [si(mean.macs), f"{accuracy.value[width]:.2f}", f"{mean.value:.2f}"]
            lines.append(row([name_of(cascade), width_of(str(width)), *numbers, *cells]))
    return lines


def _headlines(exits: Exits, versus: str) -> Iterator[str]:
    """Yield what the windows of width 0.20 differ by from a baseline in Cov@5."""
    rows = exits.differences[(exits.differences.metric == TASK) & (exits.differences.width == WIDTH)]
    for one in rows[rows.versus == versus].itertuples():
        yield f"{with_intervals(one.difference, one)} points for exits {name_of(str(one.exits))}"


def _counts(rows: pd.DataFrame) -> dict[str, str]:
    """How many differences exclude zero, by their own intervals and simultaneously."""
    counts = {}
    for kind, prefix in (("own", ""), ("all", "simultaneous_")):
        better, worse = (rows[f"{prefix}lower"] > 0).sum(), (rows[f"{prefix}upper"] < 0).sum()
        counts |= {f"better_{kind}": str(better or "none"), f"worse_{kind}": str(worse or "none")}
    return counts


def _shares(exits: Exits) -> Iterator[str]:
    """Yield the MACs of the windows of width 0.20 as shares of those of a single exit with the same Cov@5."""
    for one in exits.equal_quality[exits.equal_quality.width == WIDTH].itertuples():
        bound = f"{one.bound} " if isinstance(one.bound, str) else ""
        upper = "∞" if np.isinf(one.upper) else f"{one.upper:.2f}"
        yield f"{bound}{one.share:.2f} [{one.lower:.2f}, {upper}] for exits {name_of(str(one.exits))}"


def _widening(exits: Exits) -> list[float]:
    """By how many points of Cov@5 windows with a wider first stage lie above the curve of windows of one width."""
    gains = []
    for cascade in exits.cascades:
        windows = exits.windows(TASK, cascade)
        widening = windows.index.str.contains("+", regex=False)
        curve = windows[~widening]
        prices, values = curve.macs.to_numpy(), curve.value.to_numpy()
        gains += [one.value - float(at_macs(prices, values, one.macs)) for one in windows[widening].itertuples()]
    return gains


def places(folder: Path) -> dict[str, str]:
    """Every number and table of the page msdnet.md, by name.

    Args:
        folder: the folder of sweeps.
    """
    exits = Exits.read(folder)
    single = exits.averages[(exits.averages.policy == "single") & (exits.averages.metric == "accuracy")]
    values, widening = single.set_index("exits").value, _widening(exits)
    numbers = {
        "exits": "\n".join(exit_lines(exits)),
        "windows": "\n".join(window_lines(exits)),
        "members": "\n".join(training.lines(family=FAMILY)),
        "resamples": f"{read_about(exits.folder)['bootstrap']['resamples']:,}",
        "comparisons": f"{exits.differences.comparisons.max():,.0f}",
        "first_accuracy": f"{values.iloc[0]:.1f}",
        "last_accuracy": f"{values.iloc[-1]:.1f}",
        "macs": si(single.macs.max()),
        "width": f"{float(WIDTH):.2f}",
        "shares": listed(_shares(exits), "nothing"),
        "widening": span(widening, 2),
    }
    for versus in BASELINES:
        rows = exits.compared(TASK, versus)
        numbers[f"{versus}_headline"] = listed(_headlines(exits, versus), "nothing")
        numbers[f"{versus}_count"] = str(len(rows))
        numbers[f"{versus}_span"] = span(rows.difference, 2)
        numbers |= {f"{versus}_{name}": count for name, count in _counts(rows).items()}
    accuracy = exits.compared("accuracy", "threshold")
    numbers |= {"accuracy_count": str(len(accuracy)), "accuracy_span": span(accuracy.difference, 2)}
    return numbers | {f"accuracy_{name}": count for name, count in _counts(accuracy).items()}
