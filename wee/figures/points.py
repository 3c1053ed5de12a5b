"""What a figure draws, as numbers: lines of points, means over members and orders on the test set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from wee.errors import WeeError, unknown
from wee.figures.config import FigureConfig
from wee.figures.style import LOOKS
from wee.method import Metric
from wee.sweep.config import POLICIES
from wee.sweep.fronts import fronts


@dataclass(frozen=True)
class Panel:
    """One panel: a metric, on ID data or with an OOD set."""

    metric: Metric
    ood: str | None

    @property
    def name(self) -> str:
        """In the numbers of a figure."""
        return self.metric.name if self.ood is None else f"{self.metric.name} {self.ood}"


def panels(table: pd.DataFrame, config: FigureConfig) -> list[Panel]:
    """The panels of a figure, those of one OOD set in a row.

    Raises:
        WeeError: a metric or OOD set does not exist.
    """
    metrics = [Metric.parse(name) for name in config.panels]
    if config.ood is None:
        return [Panel(metric, None) for metric in metrics]
    existing = [str(name) for name in table.ood.dropna().unique()]
    wanted = existing if config.ood == "all" else [config.ood] if isinstance(config.ood, str) else list(config.ood)
    for name in wanted:
        if name not in existing:
            raise unknown("OOD set in these sweeps", name, existing)
    if not wanted:
        raise WeeError("these sweeps have no OOD set; sweep with one, for instance ood=[photos]")
    return [Panel(metric, ood) for ood in wanted for metric in metrics]


def points(table: pd.DataFrame, config: FigureConfig) -> pd.DataFrame:
    """The points that a figure draws.

    Args:
        table: tidy, of one or several sweeps.
        config: what is drawn.

    Returns:
        One row per panel, line and point: `panel`, `metric`, `ood`; `line`, its name, `look`, the policy it is drawn as, and
        `shade`, its place in a sequence of lines, in [0, 1]; `dataset`, `family`; `macs` and `value`, means over members and
        orders on the test set; `low` and `high`, the least and the greatest of the values averaged, `count`, how many
        there were; `note`, what is written beside it.

    Raises:
        WeeError: the table lacks something that is to be drawn; the message says what to sweep.
    """
    if config.kind == "hypervolume" and config.split != "test":
        raise WeeError("fronts are of the test set: figure.split is for other kinds of figures")
    if config.split not in set(table.split):
        raise unknown("split in these sweeps", config.split, [str(name) for name in table.split.unique()])
    rows = table[table.split == config.split]
    builders = {"curves": _curves, "tradeoff": _tradeoff, "widths": _widths, "sizes": _sizes}
    if config.kind == "hypervolume":
        return _hypervolumes(table, config)
    for policy in config.policies:
        if policy not in POLICIES:
            raise unknown("policy", policy, POLICIES)
    found = []
    for panel in panels(table, config):
        own = rows[(rows.metric == panel.metric.name) & _same(rows.ood, panel.ood)]
        if panel.metric.ranks:
            own = own[own.eval_score == config.score]
        for line in builders[config.kind](own, panel, config):
            found.append(line.assign(panel=panel.name, metric=panel.metric.name, ood=panel.ood))
    return pd.concat(found, ignore_index=True)


def _curves(rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> Iterator[pd.DataFrame]:
    for policy in config.policies:
        own = _need(_policy(rows, policy, panel, config), policy, panel, config)
        sizes = sorted(int(size) for size in own["size"].unique())
        if len(sizes) > 1:
            raise WeeError(f"these sweeps have cascades of {sizes} networks; choose with figure.size={sizes[0]}")
        notes = policy == "single"
        yield _line(own, LOOKS[policy].label, policy, ["scale"], notes=notes)
        if policy == "window" and config.adjusted and panel.ood is not None:
            moved = _need(_policy(rows, policy, panel, config, adjusted=True), policy, panel, config)
            yield _line(moved, "adjusted windows", "adjusted", ["scale"])


def _widths(rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> Iterator[pd.DataFrame]:
    yield _line(
        _need(_policy(rows, "single", panel, config), "single", panel, config),
        "single models",
        "single",
        ["scale"],
        notes=True,
    )
    for k, width in enumerate(config.width):
        own = _need(_policy(rows, "window", panel, config, width=width), "window", panel, config, width)
        yield _line(own, f"width {width}", "window", ["scale"], shade=(k + 1) / len(config.width))


def _sizes(rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> Iterator[pd.DataFrame]:
    largest = max(config.size)
    for size in config.size:
        policy = "single" if size == 1 else "window"
        own = _policy(rows, policy, panel, config, size=size)
        if own.empty:
            raise WeeError(f"these sweeps have no {panel.name} of {size} members; sweep with ensemble.size={size}")
        own = own[own.scale.isin(_scales_of(rows, largest))]
        yield _line(own, f"M = {size}", policy, ["scale"], notes=size == 1, shade=(size - 1) / max(largest - 1, 1))


def _scales_of(rows: pd.DataFrame, size: int) -> list[str]:
    """The scales that have cascades of so many members: comparisons are between the same scales."""
    return list(rows[rows["size"] == size].scale.unique())


def _tradeoff(rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> Iterator[pd.DataFrame]:
    scale = one_scale(rows, config)
    rows = rows[rows.scale == scale]
    exits = rows.exits.notna().any()
    for policy in config.policies:
        own = _policy(rows, policy, panel, config, any_parameter=True)
        own = _need(own, policy, panel, config)
        if policy in ("single", "ensemble", "last"):
            yield _line(own, LOOKS[policy].label, policy, ["exits"], notes=True)
            continue
        for stages, line in own.groupby("exits", dropna=False, sort=True):
            several = exits and policy == "window" and line.width.map(lambda w: "+" in str(w)).any()
            label = LOOKS[policy].label
            if exits:
                label += f" {{{str(stages).replace('+', ', ')}}}"
            if several:
                line = line[line.width.map(lambda w: "+" in str(w))]
            elif exits:
                line = line[~line.width.map(lambda w: "+" in str(w)) & (line["size"] == 2)]
            if len(line):
                shade = 1.0 if several else None
                yield _line(line, label, policy, ["width", "fraction"], shade=shade)


def _hypervolumes(table: pd.DataFrame, config: FigureConfig) -> pd.DataFrame:
    """One row per metric and policy."""
    found = fronts(table)
    found = found[(found.eval_score == config.score) | found.eval_score.isna()]
    found = found[found.score.isna() | (found.score == config.exit_score)]
    rows = []
    for panel in panels(table, config):
        own = found[found.metric == panel.metric.name]
        for policy in config.policies:
            line = own[own.policy == policy]
            if line.empty:
                raise WeeError(
                    f"these sweeps have no front of {panel.name} for policy {policy}; sweep it: wee sweep policy=all"
                )
            for family, part in line.groupby("family", sort=False):
                first = part.iloc[0]
                place = {"panel": panel.name, "metric": panel.metric.name, "ood": None, "family": family}
                rows.append(
                    {**place, "line": LOOKS[policy].label, "look": policy, "value": first.hypervolume, "note": ""}
                )
                rows[-1] |= {"ref_macs": first.ref_macs, "ref_value": first.ref_value, "dataset": first.dataset}
    return pd.DataFrame(rows)


def _policy(
    rows: pd.DataFrame,
    policy: str,
    panel: Panel,
    config: FigureConfig,
    adjusted: bool = False,
    width: object = None,
    size: int | None = None,
    any_parameter: bool = False,
) -> pd.DataFrame:
    """The rows of one policy at the parameters that are drawn."""
    rows = rows[(rows.policy == policy) & (rows.adjusted.astype(bool) == adjusted)]
    if policy in ("window", "threshold"):
        rows = rows[rows.score == config.exit_score]
    wanted = size if size is not None else config.size if not isinstance(config.size, list) else None
    if wanted is not None and policy != "single":
        rows = rows[rows["size"] == wanted]
    if policy == "window":
        rows = rows[rows.task == _task(rows, panel, config)]
        if not any_parameter:
            rows = rows[rows.width == (config.width if width is None else width)]
    elif policy in ("threshold", "random") and not any_parameter:
        rows = rows[rows.fraction == config.fraction]
    return rows


def _task(rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> str | None:
    """The task whose windows a panel shows: its own; of a metric that is none, the figure's or the table's first."""
    if panel.metric.task is not None:
        return panel.metric.name
    tasks = [str(task) for task in rows.task.dropna().unique()]
    figures = [metric.name for metric in map(Metric.parse, config.panels) if metric.task is not None]
    return next((task for task in [*figures, *tasks] if task in tasks), None)


def one_scale(rows: pd.DataFrame, config: FigureConfig) -> str:
    """The scale that a figure of one scale shows.

    Args:
        rows: with columns `scale`, `policy` and `macs`.
        config: of the figure.

    Raises:
        WeeError: the scale does not exist, or there are no single models.
    """
    costs = rows[rows.policy == "single"].groupby("scale").macs.max().sort_values()
    if costs.empty:
        raise WeeError(
            "a figure of one scale needs that scale's single models, and these sweeps have none (cascades across scales have "
            "none of their own); draw curves of them: figure=sc 'figure.policies=[ensemble,window]'"
        )
    if config.scale == "middle":
        return str(costs.index[(len(costs) - 1) // 2])
    if config.scale not in costs.index:
        raise unknown("scale in these sweeps", config.scale, costs.index)
    return config.scale


def _line(
    rows: pd.DataFrame, line: str, look: str, along: list[str], notes: bool = False, shade: float | None = None
) -> pd.DataFrame:
    """A line's points, by dataset and family."""
    rows = rows.assign(**{key: rows[key].astype(object).where(rows[key].notna(), "") for key in along})
    keys = ["dataset", "family", *along]
    aggregates = {
        "macs": ("macs", "mean"),
        "value": ("value", "mean"),
        "low": ("value", "min"),
        "high": ("value", "max"),
    }
    found = rows.groupby(keys, sort=False, dropna=False).agg(**aggregates, count=("value", "size")).reset_index()
    words = [str(word) if notes else "" for word in found[along[0]]]
    if notes and along == ["exits"]:
        words = [f"exit {exits}" if exits else line.rstrip("s") for exits in words]
    found = found.assign(line=line, look=look, note=words, shade=np.nan if shade is None else shade)
    return found.sort_values(["dataset", "family", "macs"], kind="stable")


def _same(column: pd.Series, value: str | None) -> pd.Series:
    return column.isna() if value is None else column == value


def _need(rows: pd.DataFrame, policy: str, panel: Panel, config: FigureConfig, width: object = None) -> pd.DataFrame:
    if not rows.empty:
        return rows
    width = config.width if width is None else width
    parts = {"window": f" at width {width}", "threshold": f" at {config.fraction}", "random": f" at {config.fraction}"}
    task = f" task.names=[{panel.metric.name}]" if panel.metric.task is not None else ""
    needed = f" window.width={width}" if policy == "window" else ""
    ood = f" ood=[{panel.ood}]" if panel.ood else ""
    raise WeeError(
        f"these sweeps have no {panel.name} of policy {policy}{parts.get(policy, '')}, ranked by {config.score}; "
        f"sweep it (wee sweep score={config.score}{task}{needed}{ood} name=NAME, then sweeps=NAME), or draw what is there "
        "(figure.width, figure.score, figure.fraction, figure.panels choose)"
    )
