"""The numbers, the tables and the figure of the page about adjusted windows.

`python experiments/cifar10/adjustment.py` draws the figure, from the sweeps of `make adjustment DATASET=cifar10`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from words import NAME, header, listed, row, span, with_intervals

from wee.method import Metric
from wee.sweep.results import find_sweeps, read_about, read_table
from wee.units import si

SWEEPS = {"scod": "adjustment", "ood": "adjustment_ood"}
"""The sweep of each task: selective classification with OOD data, and OOD detection."""

CASE = ["ood", "ood_share", "scale"]
"""What names a case: the OOD set, its share of the stream, and the size."""

BETTER, WORSE = "lower", "upper"
"""The end of the interval of a gain that lies above zero for a better case, and below zero for a worse one."""


@dataclass(frozen=True)
class Adjustment:
    """A sweep of windows as validation places them and as they are adjusted to streams.

    Attributes:
        folder: the sweep's folder.
    """

    folder: Path

    @classmethod
    def read(cls, sweeps: Path, task: str) -> Adjustment:
        """Read the newest sweep of a task, "scod" or "ood", in the folder of sweeps."""
        (folder,) = find_sweeps(sweeps, [NAME.format(kind=SWEEPS[task])])
        return cls(folder)

    @cached_property
    def about(self) -> dict[str, object]:
        """The description of the sweep."""
        return read_about(self.folder)

    @cached_property
    def cases(self) -> pd.DataFrame:
        """What the adjustment changes: a row for each OOD set, share and size.

        `gain`, with its own interval and the simultaneous one, is by how much the metric improves; `extra` is the change of
        the average MACs in the stream, in per cent.
        """
        rows = pd.read_csv(self.folder / "adjustments.csv")
        rows = rows[rows.metric == rows.task]
        sign = 1 if Metric.parse(rows.metric.iloc[0]).higher_is_better else -1
        ends = {
            f"{prefix}{end}": sign * rows[f"{prefix}{end if sign > 0 else other}"]
            for prefix in ("", "simultaneous_")
            for end, other in (("lower", "upper"), ("upper", "lower"))
        }
        rows = rows.assign(gain=sign * rows.difference, extra=100 * (rows.macs / rows.baseline_macs - 1), **ends)
        return rows.sort_values("scale", kind="stable").merge(self._sent_on, on=CASE)

    @cached_property
    def _sent_on(self) -> pd.DataFrame:
        """The shares of ID and of OOD samples that go on, in per cent, and of the cascades whose window is clamped."""
        rows = read_table(self.folder)
        rows = rows[rows.ood.notna() & (rows.metric == rows.task)]
        price = {scale: cost for _, scale, _, _, cost in self.about["cost"]["values"]}  # type: ignore[index]
        single = rows.scale.map(price)
        rows = rows.assign(
            **{f"on_{data}": 100 * (rows[f"price_{data}"] / single - 1) for data in ("id", "ood")},
            clamped=100 * rows.clamped.astype(float),
        )
        means = rows.groupby([*CASE, "adjusted"])[["on_id", "on_ood", "clamped"]].mean().unstack("adjusted")
        means.columns = [f"{name}_{'adjusted' if adjusted else 'fixed'}" for name, adjusted in means.columns]
        return means.reset_index()

    @property
    def metric(self) -> str:
        """The task, as the page writes it."""
        return Metric.parse(str(self.cases.metric.iloc[0])).label

    @property
    def sets(self) -> list[str]:
        """The OOD sets, in the order of the sweep."""
        return list(dict.fromkeys(self.cases.ood))

    @property
    def shares(self) -> list[float]:
        """The shares of OOD data, ascending."""
        return sorted(self.cases.ood_share.unique())

    @property
    def sizes(self) -> list[str]:
        """The sizes, ascending."""
        return list(dict.fromkeys(self.cases.scale))


def better(cases: pd.DataFrame, prefix: str = "simultaneous_") -> pd.DataFrame:
    """Return the cases that the adjustment improves, by simultaneous intervals or, without the prefix, by their own."""
    return cases[cases[f"{prefix}{BETTER}"] > 0]


def worse(cases: pd.DataFrame, prefix: str = "simultaneous_") -> pd.DataFrame:
    """Return the cases that the adjustment makes worse, by simultaneous intervals or, without the prefix, by their own."""
    return cases[cases[f"{prefix}{WORSE}"] < 0]


def table(adjustment: Adjustment) -> list[str]:
    """Return the lines of a table of every case."""
    name = adjustment.metric
    heads = [f"{name}, unadjusted", f"{name}, adjusted", "gain", "MACs, unadjusted", "MACs, adjusted", "change"]
    heads += ["go on, unadjusted (ID / OOD)", "go on, adjusted (ID / OOD)"]
    lines = header(["OOD set", "share", "size"], heads)
    for ood in adjustment.sets:
        cases = adjustment.cases[adjustment.cases.ood == ood].sort_values("ood_share", kind="stable")
        for _, case in cases.iterrows():
            cells = [f"{case.baseline:.2f}", f"{case.value:.2f}", with_intervals(case.gain, case)]
            cells += [si(case.baseline_macs), si(case.macs), f"{case.extra:+.1f} %"]
            cells += [
                f"{case[f'on_id_{which}']:.0f} / {case[f'on_ood_{which}']:.0f} %" for which in ("fixed", "adjusted")
            ]
            lines.append(row([ood, f"{case.ood_share:.0%}", str(case.scale), *cells]))
    return lines


def overview(adjustment: Adjustment) -> list[str]:
    """Return the lines of a table of each OOD set and share: gains, MACs, and at how many sizes it is better or worse."""
    heads = ["gain (points)", "better at", "worse at", "change of MACs"]
    lines = header(["OOD set", "share"], heads)
    for ood in adjustment.sets:
        for share in adjustment.shares:
            cases = adjustment.cases
            cases = cases[(cases.ood == ood) & (cases.ood_share == share)]
            counts = [
                f"{len(pick(cases, ''))} (simultaneously {len(pick(cases))}) of {len(cases)} sizes"
                for pick in (better, worse)
            ]
            lines.append(row([ood, f"{share:.0%}", signed(cases.gain, 2), *counts, f"{signed(cases.extra, 1)} %"]))
    return lines


def signed(values: Sequence[float], places: int) -> str:
    """Return the least and the greatest of some numbers, with their signs."""
    ends = dict.fromkeys(f"{end:+.{places}f}" for end in (min(values), max(values)))
    return " to ".join(ends)


def named(cases: pd.DataFrame) -> str:
    """Return cases as a sentence lists them, grouped by OOD set and share: "noise32 at 25 % (w16 and w24)"."""
    parts = [
        f"{ood} at {share:.0%} ({listed(of_share.scale, '')})".replace("%", " %")
        for (ood, share), of_share in cases.groupby(["ood", "ood_share"], sort=False)
    ]
    return listed(parts, "no case")


def clamped(adjustment: Adjustment) -> str:
    """Return at which sizes the unadjusted window is clamped, and in which streams the adjusted one is."""
    cases = adjustment.cases
    fixed = cases.groupby("scale", sort=False).clamped_fixed.first()
    sizes = [f"{size} ({share:.0f} % of the cascades)" for size, share in fixed.items() if share > 0]
    unadjusted = f"The unadjusted window is clamped at {listed(sizes, 'no size')}."
    moved = cases[cases.clamped_adjusted > 0]
    if moved.empty:
        return f"{unadjusted} The adjusted window is clamped in no case."
    count = f"{len(moved)} of {len(cases)} cases"
    return f"{unadjusted} The adjusted window is clamped for at least one cascade in {count}: {named(moved)}."


def places(folder: Path) -> dict[str, str]:
    """Every number and table of the page adjustment.md, by name.

    Args:
        folder: the folder of sweeps.
    """
    sweeps = {task: Adjustment.read(folder, task) for task in SWEEPS}
    first = sweeps["scod"]
    bootstrap = first.about["bootstrap"]
    numbers = {
        "sizes": listed(first.sizes, "no size"),
        "size_count": str(len(first.sizes)),
        "sets": listed(first.sets, "no set"),
        "shares": listed((f"{100 * share:.0f}" for share in first.shares), "0"),
        "members": listed((str(member) for member in first.about["ensemble"]["members"]), "none"),  # type: ignore[index]
        "resamples": f"{bootstrap['resamples']:,}",  # type: ignore[index]
    }
    seeds = {adjustment.metric: _seeds(adjustment.cases) for adjustment in sweeps.values()}
    same = len(set(seeds.values())) == 1
    numbers["seeds"] = (
        seeds[first.metric] if same else listed((f"{text} for {name}" for name, text in seeds.items()), "")
    )
    for task, adjustment in sweeps.items():
        numbers |= {f"{task}_{name}": text for name, text in _of_task(adjustment).items()}
    return numbers


def _of_task(adjustment: Adjustment) -> dict[str, str]:
    cases = adjustment.cases
    cheaper, gains = cases.extra < 0, cases.gain > 0
    numbers = {
        "metric": adjustment.metric,
        "cases": str(len(cases)),
        "comparisons": f"{cases.comparisons.max():.0f}",
        "gain": signed(cases.gain, 2),
        "median": f"{cases.gain.median():+.2f}",
        "extra": signed(cases.extra, 1),
        "table": "\n".join(table(adjustment)),
        "overview": "\n".join(overview(adjustment)),
        "clamped": clamped(adjustment),
        "cheaper": str(cheaper.sum()),
        "cheaper_better": str((cheaper & gains).sum()),
        "cheaper_worse": str((cheaper & ~gains).sum()),
        "dearer_better": str((~cheaper & gains).sum()),
        "dearer_worse": str((~cheaper & ~gains).sum()),
        "verdict": _verdict(cases),
    }
    for data in ("id", "ood"):
        for which in ("fixed", "adjusted"):
            numbers[f"on_{data}_{which}"] = span(cases[f"on_{data}_{which}"], 0)
    for name, pick in (("better", better), ("worse", worse)):
        for kind, prefix in (("all", "simultaneous_"), ("own", "")):
            picked = pick(cases, prefix)
            numbers[f"{name}_{kind}"] = str(len(picked))
            numbers[f"{name}_{kind}_names"] = named(picked)
    return numbers


def _verdict(cases: pd.DataFrame) -> str:
    """Return in how many cases the adjustment improves the metric by simultaneous intervals, as a conclusion."""
    wins, losses = len(better(cases)), len(worse(cases))
    if not wins and not losses:
        return "no effect on the metric stands out from the noise"
    if wins and not losses:
        return f"it improves the metric in {wins} of {len(cases)} cases, and makes it worse in none"
    if losses and not wins:
        return f"it improves the metric in no case, and makes it worse in {losses} of {len(cases)}"
    return f"it improves the metric in {wins} of {len(cases)} cases, and makes it worse in {losses}"


def _seeds(cases: pd.DataFrame) -> str:
    return (
        f"include the seed noise of {cases.seeds.min():.0f} members" if cases.seeds.min() else "contain no seed noise"
    )


def draw(sweeps: Sequence[Adjustment], file: Path) -> None:
    """Draw the gain in the metric over the change of MACs: a row for each task, a column for each OOD set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    from wee.figures.style import RC, shade_colour

    sets = sweeps[0].sets
    with plt.rc_context(RC):
        shape = {"figsize": (1.75 * len(sets), 1.75 * len(sweeps) + 0.3), "sharex": "row"}
        figure, axes = plt.subplots(len(sweeps), len(sets), squeeze=False, **shape)
        for of_task, adjustment in zip(axes, sweeps, strict=True):
            for axis, ood in zip(of_task, sets, strict=True):
                axis.axhline(0, color="#888888", lw=0.6, zorder=1)
                axis.axvline(0, color="#888888", lw=0.6, zorder=1)
                for share, marker, shade in zip(adjustment.shares, ("o", "s", "D"), (0.25, 0.6, 1.0), strict=True):
                    cases = adjustment.cases
                    cases = cases[(cases.ood == ood) & (cases.ood_share == share)]
                    ends = [cases.gain - cases.lower, cases.upper - cases.gain]
                    colour = shade_colour(shade)
                    axis.errorbar(
                        cases.extra, cases.gain, yerr=ends, fmt=marker, color=colour, ms=3.2, mec="white", mew=0.3,
                        elinewidth=0.7, zorder=2 + shade, label=f"{share:.0%} OOD".replace("%", " %"),
                    )  # fmt: skip
                for one_axis in (axis.xaxis, axis.yaxis):
                    one_axis.set_major_locator(MaxNLocator(4))
                if adjustment is sweeps[0]:
                    axis.set_title(ood)
            of_task[0].set_ylabel(f"gain in {adjustment.metric}\n(points)")
        figure.supxlabel("change of average MACs in the stream by the adjustment (%)", fontsize=RC["axes.labelsize"])
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=200)
        plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=Path, default=Path("outputs/sweeps"), help="the folder of sweeps")
    parser.add_argument("--file", type=Path, default=Path("outputs/figures", NAME.format(kind="adjustment") + ".png"))
    arguments = parser.parse_args()
    draw([Adjustment.read(arguments.sweeps, task) for task in SWEEPS], arguments.file)
