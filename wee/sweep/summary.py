"""The short tables that a sweep prints: the main results of each scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from wee.costs import COSTS
from wee.data.splits import TEST, SplitName
from wee.method import OOD_SHARE, POLICIES, Convention, Metric, Policy, SingleThreshold, Task
from wee.method.policies import Role
from wee.sweep.differences import FULL, SCORE, WITHIN
from wee.sweep.floor import AT_FLOOR, READ_AT_FLOOR, mark_floor
from wee.sweep.rows import KEYS
from wee.units import si

_WIDEST = 6  # columns of numbers
_MOST_WIDTHS = 3
_MOST_SPLITS = 3
_MOST_SCORES = 3

_POOLED = (
    "pooled over sets, members and orders: coverage is the share of all samples that are accepted, risk the share of errors "
    "among everything that is accepted"
)

_FLOOR_MARK = "*"
"""What follows a mean that contains a value of Cov@r at the smallest coverage of the paper's convention."""

_MetricColumn = tuple[Metric, str | None]
"""A metric, and the OOD set that it is measured with; None for ID data alone."""


@dataclass(frozen=True)
class _Column:
    """A column of a printed table.

    Attributes:
        head: the head, without the name of the OOD set.
        metrics: the metrics that it shows.
        ood: the OOD set that they are measured with; None for ID data alone.
        cell: makes a cell from the rows of a line.
    """

    head: str
    metrics: Sequence[Metric]
    ood: str | None
    cell: Callable[[pd.DataFrame], str]


def summary(
    table: pd.DataFrame,
    tasks: Sequence[Metric],
    splits: Sequence[SplitName] = (TEST,),
    metrics: Sequence[Metric] = (),
    convention: Convention | None = None,
) -> Table:
    """Return a table of the policies of each scale, with their average cost and their value of every task.

    Args:
        table: the table of a sweep.
        tasks: the metrics of the columns; a task of OOD data has a column for each OOD set, beside the cost of its stream.
        splits: the splits over which means are taken.
        metrics: further metrics, which have columns too if the table does not become too wide, and are named below it if not.
        convention: the convention of the sweep, which tells values of Cov@r at the smallest coverage, to mark them; None for no
            marks.
    """
    shown = _Shown(table if convention is None else mark_floor(table, convention), splits)
    wanted = columns = _all_columns(shown, [*tasks, *metrics])
    if len(columns) > _WIDEST:
        columns = _columns(shown, tasks)
    over = "members and orders" if len(splits) == 1 else "members, orders and sets"
    names = {metric.name for metric, _ in columns}
    hidden = [metric.name for metric in [*tasks, *metrics] if metric.name not in names]
    heads = [f"{metric.name} {_arrow(metric)}" for metric, _ in columns]
    display = shown.table(
        f"{shown.title}; means over {over}",
        [
            _Column(head, [metric], ood, partial(_mean, metric=metric, ood=ood))
            for head, (metric, ood) in zip(heads, columns, strict=True)
        ],
    )
    hidden = [*shown.hidden, *hidden, *_hidden_oods(shown, wanted, columns)]
    caption = [shown.cost_caption(columns)]
    caption += [f"also in table.csv: {', '.join(hidden)}"] if hidden else []
    if any(str(cell).endswith(_FLOOR_MARK) for column in display.columns for cell in column.cells):
        caption.append(f"{_FLOOR_MARK} contains values {READ_AT_FLOOR}")
    display.caption = "\n".join(caption)
    return display


def deployed_summary(table: pd.DataFrame, tasks: Sequence[Task], splits: Sequence[SplitName] = (TEST,)) -> Table:
    """Return a table of the same policies as deployed systems, with acceptance thresholds fixed on the validation set.

    Args:
        table: the table of a sweep.
        tasks: the tasks of the columns, each with coverage and risk (or true and false positive rate) at its threshold.
        splits: the splits that are shown; several sets are pooled, see `_pooled`.
    """
    shown = _Shown(table, splits)
    columns = _columns(shown, [task.metric for task in tasks])
    pairs = {str(task): Metric.deployed_for(task) for task in tasks}
    quantities = {str(task): " / ".join(kind.quantity for kind in task.kind.deployed) for task in tasks}
    heads = [f"{metric.name}: {quantities[metric.name]}" for metric, _ in columns]
    display = shown.table(
        f"deployed: acceptance thresholds fixed on validation; {shown.title}",
        [
            _operated_column(head, pairs[metric.name], ood, len(splits) > 1)
            for head, (metric, ood) in zip(heads, columns, strict=True)
        ],
    )
    display.caption = "per cent; the previous table reads its thresholds off the test labels, this one does not"
    if len(splits) > 1:
        display.caption += f"\n{_POOLED}; table.csv has each set"
    return display


def certified_summary(
    table: pd.DataFrame, metrics: Sequence[Metric], delta: float, splits: Sequence[SplitName] = (TEST,)
) -> Table:
    """Return a table of the same policies as certified systems, each with coverage and realised risk.

    Args:
        table: the table of a sweep with certified metrics.
        metrics: the certified metrics of the sweep.
        delta: the probability that the guarantee of a row fails.
        splits: the splits that are shown; several sets are pooled, see `_pooled`. The guarantee is about new data like the test
            set alone.
    """
    pairs: dict[Task, list[Metric]] = {}
    for metric in metrics:
        if metric.operated_for is not None:
            pairs.setdefault(metric.operated_for, []).append(metric)
    shown = _Shown(table[table.metric.isin([metric.name for metric in metrics])], splits)
    promise = f"with probability {1 - delta:g}" if splits == (TEST,) else "realised on shifted data, without guarantee"
    heads = [f"risk <= {task.at:g} %: {' / '.join(_quantity(m) for m in found)}" for task, found in pairs.items()]
    pooled = len(splits) > 1
    display = shown.table(
        f"certified {promise}; {shown.title}",
        [_operated_column(head, found, None, pooled) for head, found in zip(heads, pairs.values(), strict=True)],
    )
    over = (
        f"{_POOLED}. Rules"
        if pooled
        else ("means over members and orders; a cascade of which nothing is certified counts as 0. Rules")
    )
    display.caption = (
        f"per cent, {over} are fitted on the tuning part of validation.\n"
        f"{shown.cost.label}: mean over tasks. A guarantee is about one row that was fixed beforehand: choosing among rows "
        "by these values voids it."
    )
    return display


def differences_summary(compared: pd.DataFrame, tasks: Sequence[Metric], level: float, width: int) -> Table | None:
    """Return a table of the differences between cascades and their baselines on the test set, with their intervals.

    It has a line for each scale, policy and task, at one width of windows, and a column for each baseline.

    Args:
        compared: the table of `wee.sweep.differences.differences`.
        tasks: the tasks.
        level: the coverage of the intervals, in (0, 1).
        width: the number of characters of a line of output. If the table is wider, each interval is in a line of its own.

    Returns:
        The table; None if no cascade has been compared on the test set.
    """
    cascades = [name for name in compared.policy.unique() if POLICIES.find(str(name)).role is Role.CASCADE]
    rows = compared[compared.policy.isin(cascades) & (compared.split == str(TEST)) & ~compared.adjusted.astype(bool)]
    if rows.empty:
        return None
    shown = _Shown(rows, (TEST,), most_widths=1)
    display = Table(
        title=f"differences on {shown.title}: cascade minus baseline",
        title_justify="left",
        caption_justify="left",
        header_style="bold",
    )
    baselines = [str(name) for name in shown.rows.versus.unique()]
    heads = [
        "scale",
        "policy",
        *(["score"] if shown.several_scores else []),
        "task",
        *(f"against {b}" for b in baselines),
    ]
    for head in heads:
        display.add_column(head, no_wrap=True)
    lines = list(_compared_lines(shown, tasks, baselines))
    wide = sum(max(map(len, column)) + len(" │ ") for column in zip(heads, *lines, strict=True)) + 1 > width
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        cells = [cell.replace(" [", "\n[").replace(" {", "\n{") if wide else cell for cell in line]
        display.add_row(*map(escape, cells), end_section=following is None or following[0] != line[0])
    count = int(compared.comparisons.max())
    holds = f"holds simultaneously for all N = {count:,} comparisons"
    caption = (
        "better: above 0 for a task with ↑, below 0 for one with ↓; points of a value in per cent",
        f"difference [its own {100 * level:g} % interval] {{interval that {holds}}}",
        "N counts every comparison of the sweep: each task, metric and policy adds to it, and widens the intervals in braces",
        _explained(baselines, shown.cost.label),
        "equal: the same by construction; -: not compared, for instance because no curve reaches that cost",
        "differences.csv has all comparisons",
    )
    display.caption = escape("\n".join(caption))
    return display


def _compared_lines(shown: _Shown, tasks: Sequence[Metric], baselines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the cells of each line of a table of differences: what is compared, and its difference from each baseline."""
    for scale, policies in shown.scales():
        for names, of_policy in policies:
            for metric, ood in _all_columns(shown, tasks):
                of_task = _on(of_policy[of_policy.metric == metric.name], ood)
                several = of_task["size"].nunique() > 1
                for size, rows in of_task.groupby("size", sort=False):
                    policy, *score = names
                    task = f"{metric.name} {_arrow(metric)}" + (f" {ood}" if ood else "")
                    cells = [_difference(rows[rows.versus == versus]) for versus in baselines]
                    yield [scale, f"{policy} of {size}" if several else policy, *score, task, *cells]


def _explained(baselines: Sequence[str], cost: str) -> str:
    """Return the words that say what the baselines of a table of differences are."""
    special = {
        SingleThreshold.name: "the single threshold that sends on as many validation samples",
        FULL: "all networks on every sample",
        WITHIN: f"the cascades within single scales, at equal {cost}",
    }
    scores = [name for name in baselines if name.startswith(SCORE)]
    curves = [name for name in baselines if name not in special and name not in scores]
    parts = [f"{', '.join(curves)}: the curve through the scales, at equal {cost}"] if curves else []
    parts += [f"{name}: {words}" for name, words in special.items() if name in baselines]
    parts += [f"{', '.join(scores)}: the same system with that score, at a cost of its own"] if scores else []
    return "; ".join(parts)


def _difference(rows: pd.DataFrame) -> str:
    """Return the words for the difference of a setting from a baseline."""
    if rows.empty:
        return "-"
    row = rows.iloc[0]
    if pd.isna(row.simultaneous_lower):
        return "equal"
    ends = (row.lower, row.upper, row.simultaneous_lower, row.simultaneous_upper)
    lower, upper, lowest, highest = (f"{end:+{_digits(row.metric)}}" for end in ends)
    return f"{row.difference:+{_digits(row.metric)}} [{lower}, {upper}] {{{lowest}, {highest}}}"


def _digits(metric: str) -> str:
    return ".2f" if Metric.parse(metric).percent else ".4g"


def _arrow(metric: Metric) -> str:
    return "↑" if metric.higher_is_better else "↓"


def _quantity(metric: Metric) -> str:
    return "" if metric.certified is None else metric.certified.quantity


class _Shown:
    """The rows of a table that are shown: those of a few scores, each as evaluation and exit score, and of a few widths.

    Args:
        table: the table of a sweep.
        splits: the splits over which means are taken.
        most_widths: how many widths of windows are shown; only one if there are more.
    """

    def __init__(self, table: pd.DataFrame, splits: Sequence[SplitName], most_widths: int = _MOST_WIDTHS) -> None:
        sets = [str(split) for split in splits]
        chosen = table.split.isin(sets)
        rows = table.loc[chosen, ["eval_score", "score", "task", "cost", "ood", "ood_share", "width"]]
        scores = [str(name) for name in rows.eval_score.dropna().unique()]
        deciding = [str(name) for name in rows.score.dropna().unique()]
        decides = {name: name if name in deciding or not deciding else deciding[0] for name in scores}
        self._scores = {name: decides[name] for name in scores[:_MOST_SCORES]}
        pairs = set(rows[["eval_score", "score"]].drop_duplicates().dropna().itertuples(index=False, name=None))
        tasks = rows.task.dropna().unique()
        self.cost = COSTS.find(str(rows.cost.iloc[0]))
        chosen &= table.task.isna() | (table.task == table.metric) | ~table.metric.isin(tasks)
        shares = list(rows.ood_share.dropna().unique())
        shown_share = OOD_SHARE if OOD_SHARE in shares or not shares else shares[0]
        chosen &= table.ood.isna() | (table.ood_share == shown_share)
        self.adjusts = bool(table.adjusted[chosen].astype(bool).any())
        self.oods = [str(ood) for ood in rows.ood.dropna().unique()]
        widths = list(rows.width.dropna().unique())
        self._widths = widths if len(widths) <= most_widths else [0.2 if 0.2 in widths else widths[0]]
        present = table.policy.unique()
        names = [*(name for name in POLICIES if name in present), *(name for name in present if name not in POLICIES)]
        self._policies = [POLICIES.find(str(name)) for name in names]
        # Many rows are of widths and scores that have no line; dropping them first makes what follows faster.
        with_widths = [policy.name for policy in self._policies if policy.column == "width"]
        chosen &= ~table.policy.isin(with_widths) | table.width.isin(self._widths)
        chosen &= table.eval_score.isna() | table.eval_score.isin(list(self._scores))
        chosen &= table.score.isna() | table.score.isin(list(self._scores.values()))
        self.rows = _with_plain_strings(table[chosen])
        where = ", ".join(sets) if len(sets) <= _MOST_SPLITS else f"{len(sets)} shifted test sets"
        by = [] if self.several_scores else [_by(*next(iter(self._scores.items())))]
        self.title = ", ".join([where, *by]) + (
            f", {shown_share:g} of the stream OOD" if shown_share != OOD_SHARE else ""
        )
        more = len(widths) - len(self._widths)
        self.hidden = [f"{more} other widths"] if more else []
        self.hidden += [f"a share of OOD data of {share:g}" for share in shares if share != shown_share]
        self.hidden += [f"score {name}" for name in scores[_MOST_SCORES:]]
        self.hidden += [
            f"exit score {name}" for name in deciding if name not in scores and name not in decides.values()
        ]
        if any(exit_score != decides[score] and exit_score in scores for score, exit_score in pairs):
            self.hidden += ["results ranked by another score than that of the exits"]
        self.hidden += sorted(policy.name for policy in self._policies if not policy.summarised)

    @property
    def several_scores(self) -> bool:
        """Whether lines of several scores are shown, which the title does not name then."""
        return len(self._scores) > 1

    def table(self, title: str, columns: Sequence[_Column]) -> Table:
        """Return a table for the terminal, with a line for each policy and its average cost beside the results.

        Args:
            title: the title.
            columns: the columns after those that name a line. Those of ID data, and those of each OOD set, follow a column with
                their average cost.
        """
        display = Table(title=title, title_justify="left", caption_justify="left", header_style="bold")
        for name in ("scale", "policy", *(["score"] if self.several_scores else [])):
            display.add_column(name, no_wrap=True)
        oods = dict.fromkeys(column.ood for column in columns)
        priced: list[_Column] = []
        for ood in oods:
            alike = [column for column in columns if column.ood == ood]
            metrics = [metric for column in alike for metric in column.metrics]
            priced += [_Column(self.cost.heading, metrics, ood, partial(_price, metrics=metrics, ood=ood)), *alike]
        for column in priced:
            display.add_column(column.head + (f"\n{column.ood}" if column.ood else ""), justify="right", no_wrap=True)
        for scale, lines in self.scales(adjusted=any(oods)):
            for names, rows in lines:
                display.add_row(scale, *names, *(column.cell(rows) for column in priced))
            display.add_section()
        return display

    def cost_caption(self, columns: Sequence[_MetricColumn]) -> str:
        """Return the words that say what the average costs in a table with some columns are of."""
        on_id = any(ood is None for _, ood in columns)
        if not any(ood for _, ood in columns):
            return f"{self.cost.label}: of an ID sample, mean over tasks"
        of_stream = "with the name of an OOD set, of a sample of the stream with it"
        return f"{self.cost.label}: {'of an ID sample; ' if on_id else ''}{of_stream}; means over tasks"

    def scales(self, adjusted: bool = False) -> Iterator[tuple[str, list[tuple[list[str], pd.DataFrame]]]]:
        """Yield each scale, or exit of a scale, with its lines: the first cells of each line, and its rows.

        Args:
            adjusted: whether windows that are adjusted to the stream have lines of their own.
        """
        groups: Any = self.rows.groupby(["scale", "exits"], dropna=False, sort=False)
        for (scale, exits), rows in groups:
            lines = []
            for policy in self._policies:
                for name, by, line_rows in self._lines(policy, rows):
                    moved = line_rows.adjusted.astype(bool)
                    parts = [(name, line_rows[~moved])]
                    parts += [(f"{name} adjusted", line_rows[moved])] if adjusted and moved.any() else []
                    lines += [([part, *([by] if self.several_scores else [])], of_part) for part, of_part in parts]
            if lines:
                yield str(scale) if pd.isna(exits) else f"{scale} exit {exits}", lines

    def _lines(self, policy: type[Policy], rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
        """Yield the name, the score and the rows of each line of a policy: one line for each parameter and score."""
        for name, of_value in self._settings(policy, rows):
            for score, decides in self._scores.items():
                of_score = of_value[
                    (of_value.eval_score.isna() | (of_value.eval_score == score))
                    & (of_value.score.isna() | (of_value.score == decides))
                ]
                if of_score.eval_score.notna().any():
                    yield name, _by(score, decides) if of_score.score.notna().any() else score, of_score

    def _settings(self, policy: type[Policy], rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield the name and the rows of each value of a policy's parameter."""
        rows = rows[rows.policy == policy.name]
        if not policy.summarised or rows.empty:
            return
        if policy.column is None:
            yield policy.name, rows
            return
        values = self._widths if policy.column == "width" else rows[policy.column].unique()[:_MOST_WIDTHS]
        for value in values:
            of_value = rows[rows[policy.column] == value]
            if len(of_value):
                yield f"{policy.name} {value}", of_value


def _with_plain_strings(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose strings are objects: then rows are selected from all columns of strings at once, not one by one."""
    return table.astype(dict.fromkeys(table.select_dtypes(["string"]).columns, "object"))


def _by(score: str, decides: str) -> str:
    """Return the words for an evaluation score and the exit score."""
    return score if decides == score else f"{score} (exits on {decides})"


def _all_columns(shown: _Shown, metrics: Sequence[Metric]) -> list[_MetricColumn]:
    """Return the columns of metrics: each on ID data, then with each OOD set."""
    columns: list[_MetricColumn] = [(metric, None) for metric in metrics if metric.on_id]
    return columns + [(metric, ood) for ood in shown.oods for metric in metrics if metric.on_ood]


def _columns(shown: _Shown, tasks: Sequence[Metric]) -> list[_MetricColumn]:
    """Return the columns of tasks: on ID data, then with each OOD set unless there are too many columns."""
    columns = _all_columns(shown, tasks)
    if len(columns) <= _WIDEST:
        return columns
    return [column for column in columns if column[1] is None] or columns[:_WIDEST]


def _hidden_oods(shown: _Shown, wanted: Sequence[_MetricColumn], columns: Sequence[_MetricColumn]) -> list[str]:
    """Return words for the results with OOD data that have no column."""
    names = {metric.name for metric, _ in columns}
    missing = [
        (metric.name, ood) for metric, ood in wanted if ood and metric.name in names and (metric, ood) not in columns
    ]
    hidden = [f"{metric} with {ood}" for metric, ood in missing]
    hidden = hidden if len(hidden) <= _WIDEST else ["results with OOD data"]
    return hidden + (["adjusted windows"] if shown.adjusts and not any(ood for _, ood in columns) else [])


def _operated_column(head: str, metrics: Sequence[Metric], ood: str | None, pooled: bool) -> _Column:
    """Return a column of deployed metrics of the same acceptance threshold: of means, or of all sets together."""

    def cell(rows: pd.DataFrame) -> str:
        if pooled:
            of_ood = _on(rows, ood)
            values = [_pooled(of_ood, metric, metrics) for metric in metrics]
        else:
            values = [_mean(rows, metric, ood) for metric in metrics]
        return "-" if set(values) == {"-"} else " / ".join(values)

    return _Column(head, metrics, ood, cell)


def _on(rows: pd.DataFrame, ood: str | None) -> pd.DataFrame:
    """Return the rows of ID data alone (None), or those with an OOD set."""
    return rows[_is_on(rows, ood)]


def _is_on(rows: pd.DataFrame, ood: str | None) -> pd.Series[bool]:
    """Return whether each row is of ID data alone (None), or of an OOD set."""
    return rows.ood.isna() if ood is None else rows.ood == ood


def _price(rows: pd.DataFrame, metrics: Sequence[Metric], ood: str | None) -> str:
    """Return the average cost of a sample where metrics are measured. Each setting counts once: its metrics share a price."""
    measured = rows.metric.isin([metric.name for metric in metrics]) & _is_on(rows, ood)
    setting = ["members", "task", "split"]
    prices = rows.loc[measured, [*setting, "price"]].drop_duplicates(setting).price
    return "-" if prices.empty else si(prices.mean())


def _mean(rows: pd.DataFrame, metric: Metric, ood: str | None) -> str:
    measured = (rows.metric == metric.name) & _is_on(rows, ood)
    if not measured.any():
        return "-"
    mean = rows.value[measured].mean()
    mark = _FLOOR_MARK if AT_FLOOR in rows and rows[AT_FLOOR][measured].any() else ""
    return (f"{mean:.2f}" if metric.percent or abs(mean) >= 100 else f"{mean:.4g}") + mark


def _pooled(rows: pd.DataFrame, metric: Metric, metrics: Sequence[Metric]) -> str:
    """Return a deployed metric of the samples of all sets together: the share of all samples, or of all that are accepted.

    A mean of risks over sets would give a set of which almost nothing is accepted the weight of any other, and its risk is
    100 %, or 0 by definition. What is pooled follows exactly from the rows, because each has its number of samples.

    Args:
        rows: the rows of a line, on ID data alone.
        metric: the metric.
        metrics: the metrics with the same acceptance threshold, with the coverage among them.

    Returns:
        The value in per cent; "-" if nothing is accepted, or if the rows have no coverage to weigh risks by.
    """
    keys = [key for key in KEYS if key != "metric"]
    values = rows[rows.metric == metric.name]
    weights = values.samples
    if metric.deployed is not None and metric.deployed.of_accepted:
        names = [other.name for other in metrics if other.deployed is not None and not other.deployed.of_accepted]
        coverage = rows[rows.metric.isin(names)][[*keys, "value"]]
        values = values.merge(coverage, on=keys, suffixes=("", "_accepted"), validate="one_to_one")
        weights = values.samples * values.value_accepted
    return f"{(weights * values.value).sum() / weights.sum():.2f}" if weights.sum() else "-"
