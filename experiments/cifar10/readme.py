"""The numbers and tables of the page README.md, from the sweeps for its three tasks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import training
from words import NAME, NO_SIZE, header, listed, row, sizes_of, span, with_intervals

from wee.method import Metric, Task
from wee.sweep.results import find_sweeps, read_table
from wee.units import si

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
    def resamples(self) -> int:
        """How many bootstrap resamples its intervals come from."""
        return int(json.loads((self.folder / "sweep.json").read_text())["bootstrap"]["resamples"])

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
    columns = [gains_kept(sweep, metric) for metric in sweep.metrics]
    lines = header(["size"], sweep.metrics)
    for scale in sweep.scales:
        shares = [column[scale] for column in columns]
        lines.append(row([scale, *(f"{share:.0%} at {times:.2f}" for share, times in shares)]))
    return lines


def gains_kept(sweep: Sweep, metric: str) -> dict[str, tuple[float, float]]:
    """For each size, the cascade's share of the ensemble's gain, and its MACs as a multiple of a single model's."""
    rows = sweep.test[(sweep.test.metric == metric) & ~sweep.test.adjusted.astype(bool)]
    rows = rows[rows.task.isna() | (rows.task == metric)]
    means = rows.groupby(["scale", "policy"])[["value", "macs"]].mean()
    shares = {}
    for scale in sweep.scales:
        single, ensemble, cascade = (means.loc[scale, policy] for policy in ("single", "ensemble", "window"))
        share = (cascade.value - single.value) / (ensemble.value - single.value)
        shares[scale] = share, cascade.macs / single.macs
    return shares


def differences(sweep: Sweep) -> list[str]:
    """Cascades against every baseline."""
    lines = header(["cascade of", "against"], [arrow(metric) for metric in sweep.metrics])
    for (versus, label), adjusted in itertools.product(BASELINES.items(), (False, True)):
        rows = sweep.differences[(sweep.differences.versus == versus) & (sweep.differences.adjusted == adjusted)]
        for scale, points in rows.groupby("scale", sort=False):
            by_metric = points.set_index("metric")
            compared = [by_metric.loc[name] if name in by_metric.index else None for name in sweep.metrics]
            cells = ["-" if one is None else with_intervals(one.difference, one) for one in compared]
            lines.append(row([f"{scale}, adjusted" if adjusted else str(scale), label, *cells]))
    return lines


def thresholds(sweep: Sweep) -> list[str]:
    """Average MACs on the test set of each window, and of the single threshold that it is compared with."""
    lines = header(["cascade of"], sweep.metrics)
    rows = sweep.differences[sweep.differences.versus == "threshold"]
    for (adjusted, scale), points in rows.groupby(["adjusted", "scale"], sort=False):
        by_metric = points.set_index("metric")
        prices = [by_metric.loc[name, ["price", "baseline_price"]] for name in sweep.metrics]
        cells = [f"{si(window)} / {si(threshold)}" for window, threshold in prices]
        lines.append(row([f"{scale}, adjusted" if adjusted else str(scale), *cells]))
    return lines


def equal_quality(sweep: Sweep) -> list[str]:
    """The cascade's MACs as a share of those that a single model needs for the same value."""
    rows = sweep.windows("equal_quality")
    rows = rows[~rows.adjusted.astype(bool)]
    lines = header(["cascade of"], sweep.metrics)
    for scale, points in rows.groupby("scale", sort=False):
        by_metric = points.set_index("metric")
        lines.append(row([str(scale), *(_share(by_metric.loc[name]) for name in sweep.metrics)]))
    return lines


def _share(share: pd.Series) -> str:
    bound = {"<": "< ", ">": "> "}.get(str(share.bound), "")
    ends = ["0" if end == 0 else "∞" if end == float("inf") else f"{end:.2f}" for end in (share.lower, share.upper)]
    return f"{bound}{share.share:.2f} [{ends[0]}, {ends[1]}]"


TABLES: dict[str, Callable[[Sweep], list[str]]] = {
    "policies": policies,
    "deployed": deployed,
    "kept": kept,
    "thresholds": thresholds,
    "differences": differences,
    "equal_quality": equal_quality,
}


def places(folder: Path) -> dict[str, str]:
    """Every number, list of sizes and table of the page README.md, by name.

    Args:
        folder: the folder of sweeps.
    """
    sweeps = {kind: Sweep.read(folder, kind) for kind in PANELS}
    sc, ood = sweeps["sc"], sweeps["ood"]
    places = {"accuracies": "\n".join(accuracies(sc)), "resamples": f"{sc.resamples:,}"}
    places["members"] = "\n".join(training.lines())
    for kind, sweep in sweeps.items():
        places |= {f"{kind}_{name}": "\n".join(table(sweep)) for name, table in TABLES.items()}
        places |= {f"{kind}_{name}": text for name, text in _compared(sweep).items()}
    return places | _models(sc) | _prices(sc, sweeps["scod"], ood) | _kept(sc) | _deployed(sc) | _quality(sc)


def _compared(sweep: Sweep) -> dict[str, str]:
    """What the differences say.

    For each task and baseline: `gain`, the span of the differences over the sizes, only if the cascade is better at every
    size, or `loss`, only if it is worse at every size; `most`, the largest difference in either direction; the sizes at
    which the interval excludes zero with the cascade better, simultaneously (`all`) or by itself (`own`), and those with the
    cascade `worse`; and the difference at each size. `full_all` and the like list the tasks and sizes for the full ensemble.
    """
    places = {"comparisons": f"{sweep.differences.comparisons.max():.0f}"}
    for metric, versus, adjusted in itertools.product(sweep.metrics, BASELINES, (False, True)):
        rows = sweep.differences
        rows = rows[(rows.metric == metric) & (rows.versus == versus) & (rows.adjusted == adjusted)]
        if rows.empty:
            continue
        key = f"{metric.replace('@', '')}_{versus}" + ("_adjusted" if adjusted else "")
        higher = Metric.parse(metric).higher_is_better
        gains = rows.difference if higher else -rows.difference
        if (gains > 0).all():
            places[f"{key}_gain"] = span(gains)
        if (gains < 0).all():
            places[f"{key}_loss"] = span(-gains)
        places[f"{key}_most"] = f"{gains.abs().max():.2f}"
        every = [str(scale) for scale in rows.scale]
        for name, prefix in (("all", "simultaneous_"), ("own", "")):
            above, below = rows[rows[f"{prefix}lower"] > 0], rows[rows[f"{prefix}upper"] < 0]
            better, worse = (above, below) if higher else (below, above)
            places[f"{key}_{name}"] = sizes_of(better.scale, every)
            places[f"{key}_{name}_worse"] = sizes_of(worse.scale, every)
        places |= {
            f"{key}_{scale}": with_intervals(one.difference, one) for scale, one in rows.set_index("scale").iterrows()
        }
    for name in ("all", "all_worse", "own", "own_worse"):
        sizes = {metric: places[f"{metric.replace('@', '')}_full_{name}"] for metric in sweep.metrics}
        phrases = [f"in {metric.capitalize()} at {at}" for metric, at in sizes.items() if at != NO_SIZE]
        places[f"full_{name}"] = listed(phrases, "in no task")
    return places


def _models(sc: Sweep) -> dict[str, str]:
    """What the single models are like."""
    single = sc.test[sc.test.policy == "single"]
    cov5 = single[single.metric == "cov@5"].groupby("scale").value
    largest = single[(single.metric == "accuracy") & (single.scale == sc.scales[-1])]
    least, most = single.macs.min(), single.macs.max()
    return {
        "seed_difference": f"{(cov5.max() - cov5.min()).max():.1f}",
        "largest_accuracies": listed((f"{value:.1f}" for value in largest.value), "none"),
        "macs_least": f"{least / 1e6:.1f}",
        "macs_most": f"{most / 1e6:.1f}",
        "macs_times": f"{most / least:.0f}",
    }


def _prices(sc: Sweep, scod: Sweep, ood: Sweep) -> dict[str, str]:
    """What cascades cost, and for FPR@95 the shares of ID and of OOD samples that go on, in per cent."""
    full = sc.differences[(sc.differences.versus == "full") & sc.differences.metric.isin(sc.metrics)]
    places = {"sc_price": span(_times(sc, sc.metrics)), "full_price": span(full.baseline_price / full.macs)}
    places["fpr95_price"] = span(_times(ood, ["fpr@95"]))
    places["sc_threshold_extra"] = f"{100 * (_threshold_times(sc, sc.metrics) - 1).abs().max():.1f}"
    places["scod_threshold_extra"] = span(100 * (_threshold_times(scod, scod.metrics) - 1), 0)
    places["fpr80_threshold_extra"] = span(100 * (_threshold_times(ood, ["fpr@80"]) - 1), 0)
    for data in ("id", "ood"):
        places[f"fpr95_{data}"] = span(100 * (_times(ood, ["fpr@95"], f"macs_{data}") - 1), 0)
    for sweep, metric in ((sc, "risk@95"), (ood, "fpr@95")):
        clamped = _windows(sweep, [metric]).groupby("scale", sort=False).clamped.all()
        places[f"{metric.replace('@', '')}_clamped"] = sizes_of(clamped[clamped].index, sweep.scales)
    return places


def _threshold_times(sweep: Sweep, metrics: list[str]) -> pd.Series:
    """The MACs of single thresholds on the test set as multiples of those of the windows that they are compared with."""
    rows = sweep.differences[(sweep.differences.versus == "threshold") & ~sweep.differences.adjusted.astype(bool)]
    rows = rows[rows.metric.isin(metrics)]
    return rows.baseline_price / rows.price


def _windows(sweep: Sweep, metrics: list[str]) -> pd.DataFrame:
    """The rows about windows that are not adjusted, each for its own task."""
    rows = sweep.test[(sweep.test.policy == "window") & ~sweep.test.adjusted.astype(bool)]
    return rows[(rows.task == rows.metric) & rows.metric.isin(metrics)]


def _times(sweep: Sweep, metrics: list[str], column: str = "macs") -> pd.Series:
    """The MACs of the cascades, by scale and task, as multiples of a single model's."""
    single = sweep.test[sweep.test.policy == "single"].groupby("scale")[column].mean()
    return _windows(sweep, metrics).groupby(["scale", "metric"])[column].mean() / single


def _kept(sc: Sweep) -> dict[str, str]:
    """The cascades' shares of the ensembles' gain."""
    shares = {metric: [100 * share for share, _ in gains_kept(sc, metric).values()] for metric in sc.metrics}
    return {"kept": span(itertools.chain(*shares.values()), 0), "kept_cov5": span(shares["cov@5"], 0)}


def _deployed(sc: Sweep) -> dict[str, str]:
    """What thresholds set for a risk of 5 % give on the test set.

    For each policy, the spans of `risk` and `coverage`, and the sizes at which the interval of the risk lies `above` 5 %;
    the span of the risk over all policies, only if it exceeds 5 % everywhere.
    """
    risks, coverages = (sc.averages(name) for name in ("deployed_risk@5", "deployed_cov@5"))
    places = {"deployed_risk_above_5": span(risks.value)} if (risks.value > 5).all() else {}
    for policy in ("single", "ensemble", "window"):
        risk, coverage = (rows[rows.policy == policy] for rows in (risks, coverages))
        places[f"deployed_risk_{policy}"] = span(risk.value)
        places[f"deployed_risk_{policy}_above"] = sizes_of(risk[risk.lower > 5].scale, sc.scales)
        places[f"deployed_coverage_{policy}"] = span(coverage.value)
    return places


def _quality(sc: Sweep) -> dict[str, str]:
    """The MACs of the cascades as shares of those that a single model needs, by task and size, and the least of those that
    can be read off.
    """
    rows = sc.windows("equal_quality")
    places = {}
    for metric in sc.metrics:
        shares = rows[rows.metric == metric].set_index("scale")
        key = f"quality_{metric.replace('@', '')}"
        places |= {f"{key}_{scale}": _share(share) for scale, share in shares.iterrows()}
        places[f"{key}_least"] = f"{shares[shares.bound.isna()].share.min():.2f}"
    return places
