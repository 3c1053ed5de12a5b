"""The pages about CIFAR-10, from the sweeps of `make figures DATASET=cifar10`.

`python experiments/cifar10/tables.py` fills `page.md`, the text with places for numbers and tables, with what is in the
sweeps, and prints the page. `README.md` beside it is what it prints, and a test compares the two.
`python experiments/cifar10/tables.py validation_size` prints the tables of validation_size.md.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from wee.method import Metric, Task
from wee.sweep.results import find_sweeps, read_table, read_validation
from wee.sweep.validation import spreads
from wee.units import si

NAME = "{kind}-cifar10-cifar_resnet"
PANELS = {
    "sc": ["cov@2", "cov@5", "risk@80", "risk@95"],
    "scod": ["risk@50", "risk@80"],
    "ood": ["fpr@80", "fpr@95"],
}
BASELINES = {
    "single": "single models",
    "ensemble": "ensembles",
    "threshold": "single threshold",
    "full": "full ensemble",
}


@dataclass(frozen=True)
class Sweep:
    """The tables of one sweep.

    Attributes:
        folder: the sweep's folder.
        metrics: the tasks that the page shows.
    """

    folder: Path
    metrics: list[str]

    @classmethod
    def read(cls, sweeps: Path, kind: str) -> Sweep:
        """The newest sweep of a kind in the folder of sweeps."""
        (folder,) = find_sweeps(sweeps, [NAME.format(kind=kind)])
        return cls(folder, PANELS[kind])

    @cached_property
    def test(self) -> pd.DataFrame:
        """The rows on the test set; with OOD data, if the sweep has any."""
        table = read_table(self.folder)
        rows = table[table.split == "test"]
        return rows[rows.ood.notna()] if rows.ood.notna().any() else rows

    @cached_property
    def scales(self) -> list[str]:
        """The sizes, ascending."""
        return [str(scale) for scale in self.test.scale.unique()]

    def windows(self, name: str) -> pd.DataFrame:
        """The rows about windows, each for its own task, of "differences" or "equal_quality"."""
        rows = pd.read_csv(self.folder / f"{name}.csv")
        rows = rows[(rows.policy == "window") & (rows.task == rows.metric) & (rows.split == "test")]
        return rows[rows.ood.notna()] if rows.ood.notna().any() else rows

    @cached_property
    def differences(self) -> pd.DataFrame:
        """How windows differ from the baselines."""
        return self.windows("differences")

    def averages(self, metric: str) -> pd.DataFrame:
        """The means and intervals of a metric."""
        rows = pd.read_csv(self.folder / "averages.csv")
        rows = rows[(rows.metric == metric) & (rows.split == "test")]
        return rows[rows.ood.notna()] if rows.ood.notna().any() else rows


def arrow(metric: str) -> str:
    """A metric, and which way is better."""
    return f"{metric} {'↑' if Metric.parse(metric).higher_is_better else '↓'}"


def row(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def header(left: list[str], numbers: list[str]) -> list[str]:
    """The head of a table: columns of words, then columns of numbers."""
    return [row([*left, *numbers]), row(["---"] * len(left) + ["---:"] * len(numbers))]


def accuracies(sweep: Sweep) -> list[str]:
    """Accuracy of every member, ensemble and cascade."""
    rows = sweep.test[sweep.test.metric == "accuracy"]
    lines = header(["size"], ["MACs", "member 0", "member 1", "ensemble", "cascade (for cov@5)"])
    for scale, at_scale in rows.groupby("scale", sort=False):
        single = at_scale[at_scale.policy == "single"].set_index("members")
        ensemble = at_scale[at_scale.policy == "ensemble"]
        cascade = at_scale[(at_scale.policy == "window") & (at_scale.task == "cov@5")]
        members = [f"{single.value[member]:.2f}" for member in ("0", "1")]
        means = [f"{rows.value.mean():.2f}" for rows in (ensemble, cascade)]
        lines.append(row([str(scale), si(single.macs.iloc[0]), *members, *means]))
    return lines


def _policies(sweep: Sweep) -> list[tuple[str, str, bool]]:
    """Policy, its name on the page, and whether its windows are adjusted."""
    policies = [("single", "single", False), ("ensemble", "ensemble", False), ("window", "window 0.20", False)]
    return policies + ([("window", "window 0.20, adjusted", True)] if sweep.test.adjusted.any() else [])


def policies(sweep: Sweep) -> list[str]:
    """Every policy of every size: means over members and orders."""
    rows = sweep.test[sweep.test.task.isna() | (sweep.test.task == sweep.test.metric)]
    lines = header(["size", "policy"], ["MACs", *map(arrow, sweep.metrics)])
    for scale, at_scale in rows.groupby("scale", sort=False):
        for policy, name, adjusted in _policies(sweep):
            picked = at_scale[(at_scale.policy == policy) & (at_scale.adjusted == adjusted)]
            values = [f"{picked[picked.metric == metric].value.mean():.2f}" for metric in sweep.metrics]
            macs = picked.groupby("task", dropna=False).macs.mean()
            price = dict.fromkeys(si(macs) for macs in (macs.min(), macs.max()))
            lines.append(row([str(scale), name, " to ".join(price), *values]))
    return lines


def deployed(sweep: Sweep) -> list[str]:
    """What each policy does at an acceptance threshold that was fixed on the validation set."""
    pairs = {name: [metric.name for metric in Metric.deployed_for(Task.parse(name))] for name in sweep.metrics}
    words = {"cov": "coverage / risk", "risk": "coverage / risk", "fpr": "TPR / FPR"}
    lines = header(["size", "policy"], [f"{name}: {words[name.partition('@')[0]]}" for name in sweep.metrics])
    for scale, at_scale in sweep.test.groupby("scale", sort=False):
        for policy, label, adjusted in _policies(sweep):
            picked = at_scale[(at_scale.policy == policy) & (at_scale.adjusted == adjusted)]
            cells = [
                " / ".join(f"{picked[picked.metric == metric].value.mean():.2f}" for metric in pair)
                for pair in pairs.values()
            ]
            lines.append(row([str(scale), label, *cells]))
    return lines


def kept(sweep: Sweep) -> list[str]:
    """How much of the ensemble's gain the cascade has, and at how many times the MACs of a single model."""
    rows = sweep.test[~sweep.test.adjusted.astype(bool)]
    lines = header(["size"], sweep.metrics)
    for scale, at_scale in rows.groupby("scale", sort=False):
        cells = [str(scale)]
        for metric in sweep.metrics:
            measured = at_scale[at_scale.metric == metric]
            single, ensemble = (measured[measured.policy == name].value.mean() for name in ("single", "ensemble"))
            cascade = measured[(measured.policy == "window") & (measured.task == metric)]
            times = cascade.macs.mean() / measured[measured.policy == "single"].macs.mean()
            cells.append(f"{(cascade.value.mean() - single) / (ensemble - single):.0%} at {times:.2f}")
        lines.append(row(cells))
    return lines


def differences(sweep: Sweep) -> list[str]:
    """Cascades against the curves of single models and ensembles, and against the single threshold."""
    lines = header(["cascade of", "against"], [arrow(metric) for metric in sweep.metrics])
    for (versus, label), adjusted in itertools.product(BASELINES.items(), (False, True)):
        rows = sweep.differences[(sweep.differences.versus == versus) & (sweep.differences.adjusted == adjusted)]
        for scale, points in rows.groupby("scale", sort=False):
            by_metric = points.set_index("metric")
            cells = [_difference(by_metric.loc[name]) if name in by_metric.index else "-" for name in sweep.metrics]
            lines.append(row([f"{scale}, adjusted" if adjusted else str(scale), label, *cells]))
    return lines


def _difference(one: pd.Series) -> str:
    own = f"{one.difference:+.2f} [{one.lower:+.2f}, {one.upper:+.2f}]"
    if pd.isna(one.simultaneous_lower):
        return own
    return f"{own} {{{one.simultaneous_lower:+.2f}, {one.simultaneous_upper:+.2f}}}"


def equal_quality(sweep: Sweep) -> list[str]:
    """The cascade's MACs as a share of those that a single model needs for the same value."""
    rows = sweep.windows("equal_quality")
    rows = rows[~rows.adjusted.astype(bool)]
    lines = header(["cascade of"], sweep.metrics)
    for scale, points in rows.groupby("scale", sort=False):
        by_metric = points.set_index("metric")
        lines.append(row([str(scale), *(_share(by_metric.loc[name]) for name in sweep.metrics)]))
    return lines


def _share(one: pd.Series) -> str:
    bound = {"<": "< ", ">": "> "}.get(str(one.bound), "")
    ends = ["0" if end == 0 else "∞" if end == float("inf") else f"{end:.2f}" for end in (one.lower, one.upper)]
    return f"{bound}{one.share:.2f} [{ends[0]}, {ends[1]}]"


TABLES: dict[str, Callable[[Sweep], list[str]]] = {
    "policies": policies,
    "deployed": deployed,
    "kept": kept,
    "differences": differences,
    "equal_quality": equal_quality,
}


def listed(names: Iterable[str]) -> str:
    """Sizes as a sentence lists them."""
    names = list(names)
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "no size"


def sided(
    sweep: Sweep, metric: str, versus: str, adjusted: bool = False, ends: str = "simultaneous", better: bool = True
) -> list[str]:
    """The sizes at which the interval of a difference lies on one side of zero.

    Args:
        sweep: the sweep.
        metric: the task.
        versus: the baseline.
        adjusted: of adjusted windows.
        ends: "simultaneous" for the interval that holds for all comparisons at once, "" for its own.
        better: whether on the side on which the cascade is better, or on the other.
    """
    rows = sweep.differences
    rows = rows[(rows.metric == metric) & (rows.versus == versus) & (rows.adjusted == adjusted)]
    prefix = "simultaneous_" if ends else ""
    positive = Metric.parse(metric).higher_is_better == better
    beyond = rows[f"{prefix}lower"] > 0 if positive else rows[f"{prefix}upper"] < 0
    return [str(scale) for scale in rows[beyond].scale]


def span(values: Iterable[float], places: int = 1) -> str:
    """The least and the greatest of some sizes of a difference, "1.4 to 2.3"."""
    sizes = sorted(abs(value) for value in values)
    low, high = f"{sizes[0]:.{places}f}", f"{sizes[-1]:.{places}f}"
    return low if low == high else f"{low} to {high}"


def facts(sweeps: dict[str, Sweep]) -> dict[str, str]:
    """Every number and every list of sizes that the text of the page has, by name."""
    places: dict[str, str] = {}
    for kind, sweep in sweeps.items():
        rows = sweep.differences
        places[f"{kind}_comparisons"] = str(int(rows.comparisons.max()))
        for metric, versus, adjusted in itertools.product(sweep.metrics, BASELINES, (False, True)):
            points = rows[(rows.metric == metric) & (rows.versus == versus) & (rows.adjusted == adjusted)]
            if points.empty:
                continue
            key = f"{kind}_{metric.replace('@', '')}_{versus}" + ("_adjusted" if adjusted else "")
            every = [str(scale) for scale in points.scale]
            places[f"{key}_span"] = span(points.difference)
            for ends, name in (("simultaneous", "all"), ("", "own")):
                better = sided(sweep, metric, versus, adjusted, ends)
                places[f"{key}_{name}_worse"] = listed(sided(sweep, metric, versus, adjusted, ends, better=False))
                places[f"{key}_{name}"] = "every size" if better == every else listed(better)
                places[f"{key}_{name}_not"] = listed(scale for scale in every if scale not in better)
            for point in points.itertuples():
                places[f"{key}_{point.scale}"] = _difference(pd.Series(point._asdict()))
        places[f"{kind}_price"] = _price(sweep, sweep.metrics)
    sc = sweeps["sc"]
    single = sc.test[(sc.test.policy == "single") & (sc.test.metric == "cov@5")].groupby("scale").value
    places["seed_difference"] = f"{(single.max() - single.min()).max():.1f}"
    places["fpr95_price"] = _price(sweeps["ood"], ["fpr@95"])
    full = sc.differences[(sc.differences.versus == "full") & (sc.differences.metric == "cov@5")]
    places["full_price"] = span(full.baseline_macs / full.macs)
    accuracy = sc.test[(sc.test.metric == "accuracy") & (sc.test.policy == "single") & (sc.test.scale == sc.scales[-1])]
    places["largest_accuracies"] = listed(f"{value:.1f}" for value in accuracy.value)
    shares = [float(cell.split("%")[0]) for line in kept(sc)[2:] for cell in line.split("|")[2:-1]]
    places["kept_span"] = f"{min(shares):.0f} to {max(shares):.0f} %"
    cov5 = [float(line.split("|")[3].split("%")[0]) for line in kept(sc)[2:]]
    places["kept_cov5_span"] = f"{min(cov5):.0f} to {max(cov5):.0f} %"
    for metric in ("deployed_risk@5", "deployed_cov@5"):
        means = sc.averages(metric)
        for policy in ("single", "ensemble", "window"):
            places[f"{metric.replace('@', '')}_{policy}"] = span(means[means.policy == policy].value)
        places[f"{metric.replace('@', '')}_span"] = span(means.value)
    quality = sc.windows("equal_quality")
    for metric in sc.metrics:
        points = quality[(quality.metric == metric)].set_index("scale")
        for scale, point in points.iterrows():
            places[f"quality_{metric.replace('@', '')}_{scale}"] = _share(point)
        reached = points[points.bound.isna()]
        places[f"quality_{metric.replace('@', '')}_least"] = f"{100 * reached.share.min():.0f} %"
    return places


def _price(sweep: Sweep, metrics: list[str]) -> str:
    """The MACs of the cascades as multiples of a single model's."""
    rows = sweep.test[~sweep.test.adjusted.astype(bool)]
    windows = rows[(rows.policy == "window") & (rows.task == rows.metric) & rows.metric.isin(metrics)]
    single = rows[rows.policy == "single"].groupby("scale").macs.mean()
    return span((windows.groupby(["scale", "metric"]).macs.mean() / single).dropna())


def page(folder: Path) -> str:
    """The page.

    Args:
        folder: the folder of sweeps.
    """
    sweeps = {kind: Sweep.read(folder, kind) for kind in PANELS}
    places = facts(sweeps)
    places["accuracies"] = "\n".join(accuracies(sweeps["sc"]))
    for (kind, sweep), (name, table) in itertools.product(sweeps.items(), TABLES.items()):
        places[f"{kind}_{name}"] = "\n".join(table(sweep))
    text = Path(__file__).with_name("page.md").read_text()
    return text.format_map(places)


def validation_sizes(table: pd.DataFrame, task: Task) -> list[str]:
    """What is realised on the test set, for each size of the validation set: mean and standard deviation over the draws."""
    study = table[table.task == str(task)]
    found = spreads(study).set_index(["scale", "val_size", "policy", "quantity"]).sort_index()[["mean", "sd"]]
    # A risk task asks for a coverage of at least so much, a coverage task for a risk of at most so much.
    asked, other, missed = {
        "cov": ("deployed_risk", "deployed_cov", f"above {task.at:g} %"),
        "risk": ("deployed_cov", "deployed_risk", f"below {task.at:g} %"),
    }[task.kind.name]
    drawn = study[study.draw.notna() & (study.policy == "window")]
    misses = drawn[asked] > task.at if task.higher_is_better else drawn[asked] < task.at
    shares = misses.groupby([drawn.scale, drawn.val_size], sort=False).mean()
    words = {"deployed_risk": "risk", "deployed_cov": "coverage"}
    policies = {"single": "single model", "ensemble": "ensemble", "window": "cascade"}
    columns = [f"{words[asked]}, {name}" for name in policies.values()]
    columns += [missed, f"{words[other]}, cascade", f"{task}, cascade", "MACs, cascade / single model"]
    lines = header(["size"], ["validation samples", *columns])
    for scale, val_size in shares.index:
        own = found.loc[scale, val_size]
        cells = [_spread(own.loc[policy, asked], 2) for policy in policies]
        macs = own.loc["window", "macs"] / own.loc["single", "macs"]["mean"]
        cells += [f"{shares[scale, val_size]:.0%}", _spread(own.loc["window", other], 2)]
        cells += [_spread(own.loc["window", "value"], 2), _spread(macs, 3)]
        lines.append(row([str(scale), f"{val_size:,}", *cells]))
    return lines


def _spread(numbers: pd.Series, digits: int) -> str:
    return f"{numbers['mean']:.{digits}f} ± {numbers['sd']:.{digits}f}"


def validation_page(sweeps: Path) -> str:
    """The tables of validation_size.md, as Markdown."""
    table = read_validation(find_sweeps(sweeps, [NAME.format(kind="validation_size")]))
    parts = []
    for task in map(Task.parse, table.task.unique()):
        parts += [f"### Thresholds and windows for {task}", "", *validation_sizes(table, task), ""]
    return "\n".join(parts)


if __name__ == "__main__":
    pages = {"README": page, "validation_size": validation_page}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="?", choices=list(pages), default="README")
    parser.add_argument("--sweeps", type=Path, default=Path("outputs/sweeps"), help="where the sweeps lie")
    arguments = parser.parse_args()
    sys.stdout.write(pages[arguments.page](arguments.sweeps))
