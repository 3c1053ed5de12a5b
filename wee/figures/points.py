"""The numbers of a figure of lines: its points, each of them a mean over members and orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from wee.errors import WeeError, unknown
from wee.method import POLICIES, Metric, Single
from wee.method.policies import PARAMETERS, Role
from wee.sweep.cells import NUMBERS, SCALES
from wee.sweep.floor import AT_FLOOR
from wee.sweep.prices import with_macs
from wee.sweep.rows import POINT

if TYPE_CHECKING:
    from wee.figures.config import FigureConfig

ACROSS = "across scales"
"""The end of the name of the points of lineups across scales, beside a line of those within scales."""

INTERVAL, INTERVAL_WITH_SEEDS, SPREAD, NO_BAR = "interval", "interval with seeds", "spread", ""
"""The kinds of bars that a point can have; see `line_points`."""


@dataclass(frozen=True)
class Panel:
    """One panel of a figure: a metric, on ID data alone (`ood` is None) or with an OOD set."""

    metric: Metric
    ood: str | None

    @property
    def name(self) -> str:
        """The name of the panel in the column `panel` of a figure's points."""
        return self.metric.name if self.ood is None else f"{self.metric.name} {self.ood}"


def panels(table: pd.DataFrame, config: FigureConfig) -> list[Panel]:
    """Return the panels of a figure; the panels of an OOD set follow each other.

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
    shares = sorted(table.ood_share.dropna().unique())
    if config.ood_share not in shares:
        raise unknown("share of OOD data in these sweeps", config.ood_share, [f"{share:g}" for share in shares])
    return [Panel(metric, ood) for ood in wanted for metric in metrics]


def check_split(table: pd.DataFrame, config: FigureConfig) -> None:
    """Check that a table has the split that a figure shows.

    Raises:
        WeeError: the table lacks the split; the message lists the splits that it has.
    """
    if config.split not in set(table.split):
        raise unknown("split in these sweeps", config.split, [str(name) for name in table.split.unique()])


def line_points(
    table: pd.DataFrame,
    config: FigureConfig,
    lines: Callable[[pd.DataFrame, Panel, FigureConfig], Iterable[pd.DataFrame]],
    averages: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Compute the points of a figure of lines.

    Args:
        table: The tidy table of one or several sweeps.
        config: The config of the figure.
        lines: Returns the lines of a panel, each as returned by `line`, from the panel's rows of the table.
        averages: The intervals of the means of points, as returned by `wee.sweep.results.read_averages`; None for none.

    Returns:
        One row for each point. `panel`, `metric` and `ood` say where it is drawn. `line` is the name of its line, `look` the
        policy in whose style it is drawn, `joined` whether the points of the line are joined, `shade` the place of the line in
        a sequence of lines, in [0, 1], and `note` the text beside the point. The columns of `wee.sweep.rows.POINT` name the
        setting, with "" for missing values. `price` and `value` are means over members and orders, `count` is the number of
        averaged values, and `at_floor` how many of them are values of Cov@r at the smallest coverage of their convention.
        `low` and `high` are the ends of the point's bar, and `bars` is the kind of bar: "interval", a bootstrap interval of the
        mean with `level`, a share in (0, 1); "interval with seeds", which includes the seed noise of `seeds` members as well;
        "spread", the lowest and the highest of the averaged values; "" for a single value without an interval.

    Raises:
        WeeError: the table lacks data for the figure, and the message says what to sweep; or it has several costs.
    """
    one_cost(table)
    check_split(table, config)
    of_split = table[table.split == config.split]
    parts = []
    for panel in panels(table, config):
        rows = of_split[(of_split.metric == panel.metric.name) & _same(of_split.ood, panel.ood)]
        rows = rows if panel.ood is None else rows[rows.ood_share == config.ood_share]
        if panel.metric.ranks:
            rows = rows[rows.eval_score == config.score]
        parts += [part.assign(panel=panel.name) for part in lines(rows, panel, config)]
    return with_macs(_with_bars(pd.concat(parts, ignore_index=True), averages))


def one_cost(table: pd.DataFrame) -> str:
    """Return the name of the cost that a table is priced by.

    Raises:
        WeeError: the table has several costs.
    """
    costs = [str(name) for name in table.cost.unique()]
    if len(costs) > 1:
        raise WeeError(
            f"these sweeps are priced by {' and '.join(costs)}, and a figure shows one cost: choose sweeps of the same cost "
            "with sweeps=NAME (wee sweep name=NAME names a sweep)"
        )
    return costs[0]


def curve(
    rows: pd.DataFrame, policy: str, panel: Panel, config: FigureConfig, adjusted: bool = False, width: object = None
) -> pd.DataFrame:
    """Return the rows of one policy at one width and one number of members.

    Raises:
        WeeError: there are no such rows, or they have several numbers of members.
    """
    return one_size(
        need(of_policy(rows, policy, panel, config, adjusted=adjusted, width=width), policy, panel, config, width)
    )


def one_size(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows after checking that all cascades have the same number of members.

    Raises:
        WeeError: the cascades have several numbers of members.
    """
    sizes = sorted(int(size) for size in rows["size"].unique())
    if len(sizes) > 1:
        raise WeeError(f"these sweeps have cascades of {sizes} networks; choose with figure.size={sizes[0]}")
    return rows


def of_policy(
    rows: pd.DataFrame,
    policy: str,
    panel: Panel,
    config: FigureConfig,
    adjusted: bool = False,
    width: object = None,
    size: int | None = None,
    any_parameter: bool = False,
) -> pd.DataFrame:
    """Return the rows of one policy with the parameters that are drawn.

    Args:
        rows: Rows of the table.
        policy: Name of the policy.
        panel: The panel, which decides the task of windows.
        config: The config of the figure.
        adjusted: Whether to return rows of rules that are adjusted to the unlabelled stream.
        width: Width of the window; None for that of the config.
        size: Number of members; None for that of the config.
        any_parameter: Whether to return rows with any width, fraction or other parameter.
    """
    kind = POLICIES.find(policy)
    rows = rows[(rows.policy == policy) & (rows.adjusted.astype(bool) == adjusted)]
    if kind.by_score():
        rows = rows[rows.score == config.exit_score]
    wanted = size if size is not None else config.size if not isinstance(config.size, list) else None
    if wanted is not None and kind.role is not Role.ALONE:
        rows = rows[rows["size"] == wanted]
    if kind.by_task():
        rows = rows[rows.task == _task(rows, panel, config)]
    if any_parameter or kind.column is None:
        return rows
    if kind.column == PARAMETERS:
        return _parameters(rows, policy, config)
    return rows[rows[kind.column] == (getattr(config, kind.column) if width is None else width)]


def _parameters(rows: pd.DataFrame, policy: str, config: FigureConfig) -> pd.DataFrame:
    """Return the rows of one setting of a policy whose parameters are in the column `parameters`.

    Raises:
        WeeError: the rows have several settings.
    """
    if config.parameters is not None:
        rows = rows[rows.parameters.isin(config.parameters)]
    settings = [str(text) for text in rows.parameters.unique()]
    if len(settings) > 1:
        raise WeeError(
            f"these sweeps have several settings of policy {policy} ({'; '.join(settings)}), and a figure shows one: choose "
            f"with 'figure.parameters=\"{settings[0]}\"'"
        )
    return rows


def _task(rows: pd.DataFrame, panel: Panel, config: FigureConfig) -> str | None:
    """Return the task whose windows a panel shows; None if there is none.

    If the panel's metric is a task, it is that task. Otherwise it is the first task of the figure, or else of the table, for
    which there are rows of the panel's metric.
    """
    if panel.metric.task is not None:
        return panel.metric.name
    table_tasks = [str(task) for task in rows.task.dropna().unique()]
    figure_tasks = [metric.name for metric in map(Metric.parse, config.panels) if metric.task is not None]
    return next((task for task in [*figure_tasks, *table_tasks] if task in table_tasks), None)


def one_scale(rows: pd.DataFrame, config: FigureConfig) -> str:
    """Return the scale that a figure of one scale shows.

    Args:
        rows: Rows with the columns `scale`, `policy` and `price`.
        config: The config of the figure.

    Raises:
        WeeError: the scale does not exist, or there are no single models.
    """
    costs = rows[rows.policy == Single.name].groupby("scale").price.max().sort_values()
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


def lines_through_scales(
    rows: pd.DataFrame, name: str, look: str, note: bool = False, shade: float | None = None
) -> Iterator[pd.DataFrame]:
    """Yield a line through the scales of a family, and the points of its lineups across scales, which no line joins.

    The cost of a lineup across scales lies between those of its scales, and its quality may lie anywhere, so a line through
    both kinds would be a zigzag, and several lineups across scales have no order among themselves. If a family has no lineup
    within a scale, those across scales are joined as a line.

    Args:
        rows, name, look, note, shade: as in `line`. The name of the points across scales has `ACROSS` at its end.
    """
    across = rows.scale.map(lambda scale: len(set(SCALES.read(scale))) > 1)
    across &= rows.family.isin(rows.family[~across].unique())
    yield line(rows[~across], name, look, note, shade)
    if across.any():
        yield line(rows[across], f"{name}, {ACROSS}", look, note, shade, joined=False)


def line(
    rows: pd.DataFrame, name: str, look: str, note: bool = False, shade: float | None = None, joined: bool = True
) -> pd.DataFrame:
    """Return the points of a line, sorted by data set, family and price.

    Args:
        rows: Rows of the table.
        name: The name of the line.
        look: The policy in whose style the line is drawn.
        note: Whether points have a note with their scale or exit.
        shade: The place of the line in a sequence of lines, in [0, 1]; None if it is in no sequence.
        joined: Whether its points are joined.
    """
    aggregates = {
        "price": ("price", "mean"),
        "value": ("value", "mean"),
        "low": ("value", "min"),
        "high": ("value", "max"),
        "count": ("value", "size"),
    }
    if AT_FLOOR in rows:
        aggregates[AT_FLOOR] = (AT_FLOOR, "sum")
    means = _keyed(rows).groupby(POINT, sort=False).agg(**aggregates).reset_index()
    notes = [_exit_name(exits) if exits else scale for scale, exits in zip(means.scale, means.exits, strict=True)]
    means = means.assign(
        line=name, look=look, joined=joined, note=notes if note else "", shade=np.nan if shade is None else shade
    )
    return means.sort_values(["dataset", "family", "price"], kind="stable")


def _exit_name(exits: str) -> str:
    numbers = NUMBERS.read(exits)
    return f"exit{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _with_bars(points: pd.DataFrame, averages: pd.DataFrame | None) -> pd.DataFrame:
    """Add the kinds of bars to points, and replace spreads by the intervals of the means that are known.

    An interval is used only if its mean is that of the point, because sweeps of other members have other means of the same
    setting.
    """
    interval = ["lower", "upper", "level", "seeds"]
    if averages is None or averages.empty:
        points = points.assign(**dict.fromkeys(interval, np.nan))
    else:
        candidates = _keyed(averages.dropna(subset=["lower", "upper"]))[[*POINT, "count", "value", *interval]]
        points = points.astype(
            dict.fromkeys(POINT, object)
        )  # grouping has made numbers of columns without a missing value
        means = points[[*POINT, "count", "value"]].drop_duplicates()
        matched = means.merge(candidates, on=[*POINT, "count"], suffixes=("", "_averaged"))
        matched = matched[np.isclose(matched.value, matched.value_averaged, rtol=1e-6)].drop_duplicates(POINT)
        points = points.merge(matched[[*POINT, *interval]], on=POINT, how="left")
    known = points.lower.notna()
    kinds = [known & (points.seeds > 0), known, points["count"] > 1]
    return points.assign(
        low=points.lower.where(known, points.low),
        high=points.upper.where(known, points.high),
        bars=np.select(kinds, [INTERVAL_WITH_SEEDS, INTERVAL, SPREAD], NO_BAR),
    ).drop(columns=["lower", "upper"])


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Replace missing values in the columns `POINT` by "", so that settings can be compared."""
    return rows.assign(**{key: rows[key].astype(object).where(rows[key].notna(), "") for key in POINT})


def _same(column: pd.Series, value: str | None) -> pd.Series:
    return column.isna() if value is None else column == value


def need(rows: pd.DataFrame, policy: str, panel: Panel, config: FigureConfig, width: object = None) -> pd.DataFrame:
    """Return rows after checking that there are any.

    Raises:
        WeeError: there are no rows; the message says what to sweep.
    """
    if not rows.empty:
        return rows
    width = config.width if width is None else width
    column = POLICIES.find(policy).column
    parts = {"width": f" at width {width}", "fraction": f" at {config.fraction}"}
    if config.parameters is not None:
        parts[PARAMETERS] = f" with {' or '.join(config.parameters)}"
    metric = panel.metric.name
    # A deployed metric is measured for a task, but its name does not say of which kind the task is.
    task = f"TASK@{metric.partition('@')[2]}" if panel.metric.deployed else metric if panel.metric.task else None
    needed = f" task.metrics=[{metric}]" if task is None else f" task.names=[{task}]"
    if panel.metric.certified is not None:
        needed = f" task.names=[{panel.metric.operated_for}] task.metrics=[{metric}]"
    needed += f" window.width={width}" if column == "width" else ""
    needed += f" ood=[{panel.ood}]" if panel.ood else ""
    raise WeeError(
        f"these sweeps have no {panel.name} of policy {policy}{parts.get(column or '', '')}, ranked by {config.score}; "
        f"sweep it (wee sweep score={config.score}{needed} name=NAME, then sweeps=NAME), or draw what is there "
        "(figure.width, figure.score, figure.fraction, figure.panels choose)"
    )
