"""The numbers, the tables and the figure of the page about cascades across sizes.

`python experiments/cifar10/across_sizes.py` draws the figure, from the sweep of `make across_sizes DATASET=cifar10`.
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
from wee.sweep.cells import SCALES
from wee.sweep.fronts import fronts
from wee.sweep.results import find_sweeps, read_about, read_table
from wee.units import si

TASK, WIDTH = "cov@5", 0.2
KINDS = {1: "within one size", 2: "pairs of sizes", 3: "triples of sizes"}
"""How the page calls cascades whose networks have so many sizes."""

MOVES = (
    "**The front moves**: some cascades across sizes are better than cascades within one size, by intervals that hold\n"
    "simultaneously."
)
STAYS = (
    "**The front does not move by more than the noise of the test set**: no cascade across sizes is better than the cascades\n"
    "within one size by intervals that hold simultaneously."
)
"""What the page concludes."""

POINT = ["scale", "policy", "width"]


@dataclass(frozen=True)
class Across:
    """The sweep of cascades within and across sizes.

    Attributes:
        folder: the sweep's folder.
    """

    folder: Path

    @classmethod
    def read(cls, sweeps: Path) -> Across:
        """The newest sweep of cascades across sizes in the folder of sweeps."""
        (folder,) = find_sweeps(sweeps, [NAME.format(kind="across_sizes")])
        return cls(folder)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows of the task, with the number of sizes of each lineup."""
        table = read_table(self.folder)
        table = table[(table.metric == TASK) & (table.task.isna() | (table.task == TASK))]
        return table.assign(sizes=[len(SCALES.read(scale)) for scale in table.scale])

    def means(self, split: str, sizes: Sequence[int] = tuple(KINDS)) -> pd.DataFrame:
        """Every setting's mean over members and orders on a split, ascending in MACs.

        Args:
            split: "val" or "test".
            sizes: the numbers of sizes of the lineups.
        """
        rows = self.table[(self.table.split == split) & self.table.sizes.isin(sizes)]
        keys = [*POINT, "sizes"]
        means = rows.groupby(keys, dropna=False, sort=False)[["macs", "value"]].mean().reset_index()
        return means.sort_values("macs", kind="stable")

    def front(self, sizes: Sequence[int], reference: pd.DataFrame) -> pd.DataFrame:
        """The front of the windows of cascades of some kinds, chosen on validation, with test values.

        Args:
            sizes: the numbers of sizes of the lineups.
            reference: the reference point of the hypervolume.
        """
        rows = fronts(self.table[self.table.sizes.isin(sizes)].drop(columns="sizes"), reference)
        rows = rows[rows.policy == "window"]
        return rows.assign(sizes=[len(SCALES.read(scale)) for scale in rows.scale])

    @cached_property
    def reference(self) -> pd.DataFrame:
        """The reference point of all hypervolumes: the most expensive and the worst validation point of the sweep."""
        val = self.means("val")
        return pd.DataFrame({"metric": [TASK], "ref_price": [val.macs.max()], "ref_value": [val.value.min()]})

    @cached_property
    def differences(self) -> pd.DataFrame:
        """How cascades across sizes differ from the curve of cascades within one size, on the test set."""
        rows = pd.read_csv(self.folder / "differences.csv")
        rows = rows[(rows.metric == TASK) & (rows.task == TASK) & (rows.versus == "within") & (rows.split == "test")]
        return rows.assign(sizes=[len(SCALES.read(scale)) for scale in rows.scale])


def name_of(scale: str) -> str:
    """A lineup as the page writes it: "w16, w40"."""
    return ", ".join(SCALES.read(scale))


def lineups(across: Across) -> list[str]:
    """Every lineup across sizes at one width, with its difference from the curve of cascades within one size."""
    means = across.means("test", [2, 3])
    compared = across.differences.set_index(["scale", "width"])
    lines = header(["cascade of"], ["MACs", "Cov@5 ↑", "against cascades within one size at equal MACs"])
    for point in means[(means.policy == "window") & (means.width == WIDTH)].itertuples():
        one = compared.loc[point.scale, WIDTH] if (point.scale, WIDTH) in compared.index else None
        cell = "-" if one is None else with_intervals(one.difference, one)
        lines.append(row([name_of(str(point.scale)), si(point.macs), f"{point.value:.2f}", cell]))
    return lines


def front_points(across: Across) -> list[str]:
    """The points of the front of all cascades, chosen on validation."""
    lines = header(
        ["cascade of", "width"], ["MACs on validation", "Cov@5 on validation", "MACs on test", "Cov@5 on test"]
    )
    for point in across.front(list(KINDS), across.reference).itertuples():
        numbers = [si(point.macs_val), f"{point.value_val:.2f}", si(point.macs), f"{point.value:.2f}"]
        lines.append(row([name_of(str(point.scale)), f"{point.width:g}", *numbers]))
    return lines


def volumes(across: Across) -> list[str]:
    """The fronts of cascades of growing kinds: points, how many are across sizes, and hypervolumes on the test set."""
    lines = header(
        ["windows of"], ["lineups of sizes", "points of the front", "of them across sizes", "hypervolume on test"]
    )
    for most in KINDS:
        kinds = [kind for kind in KINDS if kind <= most]
        front = across.front(kinds, across.reference)
        count = across.means("val", kinds).query("policy == 'window'").scale.nunique()
        cells = [str(count), str(len(front)), str(int((front.sizes > 1).sum())), f"{front.hypervolume.iloc[0]:.2f}"]
        lines.append(row([", ".join(KINDS[kind] for kind in kinds), *cells]))
    return lines


def places(folder: Path) -> dict[str, str]:
    """Every number and table of the page across_sizes.md, by name.

    Args:
        folder: the folder of sweeps.
    """
    across = Across.read(folder)
    compared = across.differences
    at_width = compared[compared.width == WIDTH]
    within, everything = (across.front(kinds, across.reference) for kinds in ([1], list(KINDS)))
    gain = everything.hypervolume.iloc[0] / within.hypervolume.iloc[0] - 1
    numbers = {
        "lineups": "\n".join(lineups(across)),
        "front": "\n".join(front_points(across)),
        "volumes": "\n".join(volumes(across)),
        "resamples": f"{read_about(across.folder)['bootstrap']['resamples']:,}",
        "count": str(across.means("val", [2, 3]).query("policy == 'window'").scale.nunique()),
        "compared": str(len(at_width)),
        "comparisons": f"{compared.comparisons.max():,.0f}",
        "span": span(at_width.difference, 2),
        "median": f"{at_width.difference.median():+.2f}",
        "gain": f"{100 * gain:+.1f}",
        "front_across": f"{(everything.sizes > 1).sum()} of {len(everything)}",
    }
    for kind, prefix in (("own", ""), ("all", "simultaneous_")):
        for name, rows in (
            ("better", at_width[at_width[f"{prefix}lower"] > 0]),
            ("worse", at_width[at_width[f"{prefix}upper"] < 0]),
        ):
            numbers[f"{name}_{kind}"] = str(len(rows)) if len(rows) else "none"
            numbers[f"{name}_{kind}_names"] = listed((f"({name_of(scale)})" for scale in rows.scale), "none")
    moves = numbers["better_all"] != "none"
    return numbers | {"verdict": MOVES if moves else STAYS}


def draw(across: Across, file: Path) -> None:
    """Draw Cov@5 on the test set over average MACs, of every kind of lineup, and both fronts that validation chooses."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from wee.figures.style import RC, look

    with plt.rc_context(RC):
        figure, axis = plt.subplots(figsize=(4.2, 2.9))
        means = across.means("test")
        for policy, name in (
            ("single", "single models"),
            ("ensemble", "ensembles, one size"),
            ("window", "cascades, one size"),
        ):
            rows = means[(means.policy == policy) & (means.sizes == 1) & (means.width.isna() | (means.width == WIDTH))]
            style = look(policy)
            axis.plot(rows.macs / 1e6, rows.value, color=style.colour, marker=style.marker, label=name, zorder=3)
        for sizes, marker, colour in ((2, "s", "#CC79A7"), (3, "D", "#E69F00")):
            rows = means[(means.policy == "window") & (means.sizes == sizes) & (means.width == WIDTH)]
            axis.plot(
                rows.macs / 1e6, rows.value, marker, color=colour, ms=2.8, label=f"cascades, {KINDS[sizes]}", zorder=4
            )
        front = across.front(list(KINDS), across.reference)
        axis.plot(
            front.macs / 1e6,
            front.value,
            color="#222222",
            lw=0.7,
            ls=":",
            label="front of all, chosen on validation",
            zorder=2,
        )
        axis.set_xscale("log")
        axis.set_xticks([3, 5, 10, 20, 50, 100], ["3", "5", "10", "20", "50", "100"])
        axis.xaxis.set_minor_formatter("")
        axis.set_xlabel("average MACs of a test image (millions)")
        axis.set_ylabel(f"{Metric.parse(TASK).label} on test (%)")
        axis.legend(frameon=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=200)
        plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=Path, default=Path("outputs/sweeps"), help="the folder of sweeps")
    parser.add_argument("--file", type=Path, default=Path("outputs/figures", NAME.format(kind="across_sizes") + ".png"))
    arguments = parser.parse_args()
    draw(Across.read(arguments.sweeps), arguments.file)
