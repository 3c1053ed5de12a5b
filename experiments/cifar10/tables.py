"""The tables of these pages, from the sweeps of `make figures DATASET=cifar10`.

`python experiments/cifar10/tables.py` prints those of README.md, and `python experiments/cifar10/tables.py validation_size`
those of validation_size.md.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable
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
TITLES = {
    "sc": "Selective classification (ranked by maximum softmax probability)",
    "scod": "Selective classification with as many OOD samples in the stream (objects32)",
    "ood": "OOD detection (objects32, ranked by energy)",
}


def arrow(metric: str) -> str:
    """A metric, and which way is better."""
    return f"{metric} {'↑' if Metric.parse(metric).higher_is_better else '↓'}"


def row(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def header(left: list[str], numbers: list[str]) -> list[str]:
    """The head of a table: columns of words, then columns of numbers."""
    return [row([*left, *numbers]), row(["---"] * len(left) + ["---:"] * len(numbers))]


def members(table: pd.DataFrame) -> list[str]:
    """Accuracy of every member, ensemble and cascade on the test set."""
    test = table[(table.split == "test") & (table.metric == "accuracy")]
    lines = header(["size"], ["MACs", "member 0", "member 1", "ensemble", "cascade (for cov@5)"])
    for scale, own in test.groupby("scale", sort=False):
        single = own[own.policy == "single"].set_index("members")
        both = [own[own.policy == "ensemble"], own[(own.policy == "window") & (own.task == "cov@5")]]
        accuracies = [f"{single.value[one]:.2f}" for one in ("0", "1")]
        lines.append(
            row([str(scale), si(single.macs.iloc[0]), *accuracies, *(f"{one.value.mean():.2f}" for one in both)])
        )
    return lines


def policies(table: pd.DataFrame, metrics: list[str]) -> list[str]:
    """Every policy of every size: means over members and orders on the test set."""
    rows = table[table.split == "test"]
    ood = rows.ood.notna().any()
    rows = rows[rows.ood.notna()] if ood else rows
    rows = rows[rows.task.isna() | (rows.task == rows.metric)]
    lines = header(["size", "policy"], ["MACs", *map(arrow, metrics)])
    kinds = [("single", "single", False), ("ensemble", "ensemble", False), ("window", "window 0.20", False)]
    kinds += [("window", "window 0.20, adjusted", True)] if rows.adjusted.any() else []
    for scale, own in rows.groupby("scale", sort=False):
        for policy, name, adjusted in kinds:
            picked = own[(own.policy == policy) & (own.adjusted == adjusted)]
            values = [f"{picked[picked.metric == metric].value.mean():.2f}" for metric in metrics]
            macs = picked.groupby("task", dropna=False).macs.mean()
            price = dict.fromkeys(si(one) for one in (macs.min(), macs.max()))
            lines.append(row([str(scale), name, " to ".join(price), *values]))
    return lines


def kept(table: pd.DataFrame, metrics: list[str]) -> list[str]:
    """How much of the ensemble's gain over a single model the cascade has, and at how many times a single model's MACs."""
    rows = table[(table.split == "test") & ~table.adjusted.astype(bool)]
    rows = rows[rows.ood.notna()] if rows.ood.notna().any() else rows
    lines = header(["size"], metrics)
    for scale, own in rows.groupby("scale", sort=False):
        cells = [str(scale)]
        for metric in metrics:
            found = own[own.metric == metric]
            single, ensemble = (found[found.policy == one].value.mean() for one in ("single", "ensemble"))
            cascade = found[(found.policy == "window") & (found.task == metric)]
            times = cascade.macs.mean() / found[found.policy == "single"].macs.mean()
            cells.append(f"{(cascade.value.mean() - single) / (ensemble - single):.0%} at {times:.2f}")
        lines.append(row(cells))
    return lines


def differences(folder: Path, metrics: list[str]) -> list[str]:
    """Cascades against the curves of single models and of ensembles, at the cascades' own MACs."""
    found = pd.read_csv(folder / "differences.csv")
    found = found[(found.policy == "window") & (found.task == found.metric) & (found.split == "test")]
    found = found[found.ood.notna()] if found.ood.notna().any() else found
    lines = header(["cascade of", "against, at its MACs"], [arrow(metric) for metric in metrics])
    curves = {"single": "single models", "ensemble": "ensembles"}
    for (versus, curve), adjusted in itertools.product(curves.items(), (False, True)):
        own = found[(found.versus == versus) & (found.adjusted == adjusted)]
        for scale, points in own.groupby("scale", sort=False):
            by_metric = points.set_index("metric")
            cells = [_difference(by_metric.loc[one]) if one in by_metric.index else "-" for one in metrics]
            name = f"{scale}, adjusted" if adjusted else str(scale)
            lines.append(row([name, curve, *cells]))
    return lines


def _difference(one: pd.Series) -> str:
    return f"{one.difference:+.2f} [{one.lower:+.2f}, {one.upper:+.2f}]"


def validation_sizes(table: pd.DataFrame, task: Task) -> list[str]:
    """What is realised on the test set, for each size of the validation set: mean and standard deviation over the draws."""
    study = table[table.task == str(task)]
    found = spreads(study).set_index(["scale", "val_size", "policy", "quantity"]).sort_index()[["mean", "sd"]]
    # A risk task asks for a coverage of at least so much, a coverage task for a risk of at most so much.
    asked, other, missed = {
        "cov": ("deployed_risk", "deployed_cov", f"above {task.at:g} %"),
        "risk": ("deployed_cov", "deployed_risk", f"below {task.at:g} %"),
    }[task.kind]
    drawn = study[study.draw.notna() & (study.policy == "window")]
    misses = drawn[asked] > task.at if task.kind == "cov" else drawn[asked] < task.at
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


def page(sweeps: Path) -> str:
    """The tables of README.md, as Markdown."""
    parts = []
    for kind, metrics in PANELS.items():
        (folder,) = find_sweeps(sweeps, [NAME.format(kind=kind)])
        table = read_table(folder)
        if kind == "sc":
            parts += ["### Accuracy of every member on the test set", "", *members(table), ""]
        parts += [f"### {TITLES[kind]}", "", *policies(table, metrics), ""]
        parts += [
            "The cascade's share of the ensemble's gain, at how many times the MACs of a single model:",
            "",
            *kept(table, metrics),
            "",
        ]
        parts += ["Differences at equal MACs, with 95 % intervals:", "", *differences(folder, metrics), ""]
    return "\n".join(parts)


if __name__ == "__main__":
    pages = {"README": page, "validation_size": validation_page}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="?", choices=list(pages), default="README")
    parser.add_argument("--sweeps", type=Path, default=Path("outputs/sweeps"), help="where the sweeps lie")
    arguments = parser.parse_args()
    sys.stdout.write(pages[arguments.page](arguments.sweeps))
