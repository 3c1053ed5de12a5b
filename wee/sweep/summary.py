"""The short tables that a sweep prints: the main results of each scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from rich.table import Table

from wee.costs import COSTS
from wee.data.splits import TEST, SplitName
from wee.method import OOD_SHARE, POLICIES, Metric, Policy, Task
from wee.units import si

_WIDEST = 6  # columns of numbers
_MOST_WIDTHS = 3
_MOST_SPLITS = 3
_MOST_SCORES = 3


def summary(
    table: pd.DataFrame,
    tasks: Sequence[Metric],
    splits: Sequence[SplitName] = (TEST,),
    metrics: Sequence[Metric] = (),
) -> Table:
    """Return a table of the policies of each scale, with their average cost and their value of every task.

    Args:
        table: the table of a sweep.
        tasks: the metrics of the columns; a task of OOD data has a column for each OOD set.
        splits: the splits over which means are taken.
        metrics: further metrics, which have columns too if the table does not become too wide, and are named below it if not.
    """
    shown = _Shown(table, splits)
    columns = _all_columns(shown, [*tasks, *metrics])
    if len(columns) > _WIDEST:
        columns = _columns(shown, tasks)
    present = {metric.name for metric, _ in columns}
    hidden = [*shown.hidden, *(metric.name for metric in [*tasks, *metrics] if metric.name not in present)]
    display = Table(title=f"{shown.title}; means over members and orders", title_justify="left", header_style="bold")
    _head(
        display, shown, [f"{metric.name} {'↑' if metric.higher_is_better else '↓'}" for metric, _ in columns], columns
    )
    for scale, lines in shown.scales():
        for names, rows in lines:
            display.add_row(scale, *names, *(_mean(rows, metric, ood) for metric, ood in columns))
        display.add_section()
    caption = [f"{shown.cost.label}: of an ID sample, mean over tasks"]
    caption += ["with OOD data in the stream, each task's own are in table.csv"] if shown.oods else []
    caption += [f"also in table.csv: {', '.join(hidden)}"] if hidden else []
    display.caption = "\n".join(caption)
    display.caption_justify = "left"
    return display


def deployed_summary(table: pd.DataFrame, tasks: Sequence[Task], splits: Sequence[SplitName] = (TEST,)) -> Table:
    """Return a table of the same policies as deployed systems, with acceptance thresholds fixed on the validation set.

    Args:
        table: the table of a sweep.
        tasks: the tasks of the columns, each with coverage and risk (or true and false positive rate) at its threshold.
        splits: the splits over which means are taken.
    """
    shown = _Shown(table, splits)
    columns = _columns(shown, [task.metric for task in tasks])
    pairs = {str(task): Metric.deployed_for(task) for task in tasks}
    display = Table(
        title=f"deployed: acceptance thresholds fixed on validation; {shown.title}",
        title_justify="left",
        header_style="bold",
    )
    quantities = {str(task): " / ".join(kind.quantity for kind in task.kind.deployed) for task in tasks}
    heads = [f"{metric.name}: {quantities[metric.name]}" for metric, _ in columns]
    _head(display, shown, heads, columns)
    for scale, lines in shown.scales():
        for names, rows in lines:
            cells = [" / ".join(_mean(rows, m, ood) for m in pairs[metric.name]) for metric, ood in columns]
            display.add_row(scale, *names, *cells)
        display.add_section()
    display.caption = "per cent; the previous table reads its thresholds off the test labels, this one does not"
    display.caption_justify = "left"
    return display


def certified_summary(
    table: pd.DataFrame, metrics: Sequence[Metric], delta: float, splits: Sequence[SplitName] = (TEST,)
) -> Table:
    """Return a table of the same policies as certified systems, each with coverage and realised risk.

    Args:
        table: the table of a sweep with certified metrics.
        metrics: the certified metrics of the sweep.
        delta: the probability that the guarantee of a row fails.
        splits: the splits over which means are taken; the guarantee is about new data like the test set alone.
    """
    pairs: dict[Task, list[Metric]] = {}
    for metric in metrics:
        if metric.operated_for is not None:
            pairs.setdefault(metric.operated_for, []).append(metric)
    shown = _Shown(table[table.metric.isin([metric.name for metric in metrics])], splits)
    promise = f"with probability {1 - delta:g}" if splits == (TEST,) else "realised on shifted data, without guarantee"
    display = Table(title=f"certified {promise}; {shown.title}", title_justify="left", header_style="bold")
    heads = [f"risk <= {task.at:g} %: {' / '.join(_quantity(m) for m in found)}" for task, found in pairs.items()]
    _head(display, shown, heads, [(found[0], None) for found in pairs.values()])
    for scale, lines in shown.scales():
        for names, rows in lines:
            cells = [" / ".join(_mean(rows, m, None) for m in found) for found in pairs.values()]
            display.add_row(scale, *names, *cells)
        display.add_section()
    display.caption = (
        "per cent, means over members and orders; a cascade of which nothing is certified counts as 0. Rules are fitted on the "
        "tuning part of validation.\n"
        f"{shown.cost.label}: mean over tasks. A guarantee is about one row that was fixed beforehand: choosing among rows "
        "by these values voids it."
    )
    display.caption_justify = "left"
    return display


def _quantity(metric: Metric) -> str:
    return "" if metric.certified is None else metric.certified.quantity


class _Shown:
    """The rows of a table that are shown: those of a few scores, each as evaluation and exit score, and of a few widths.

    Args:
        table: the table of a sweep.
        splits: the splits over which means are taken.
    """

    def __init__(self, table: pd.DataFrame, splits: Sequence[SplitName]) -> None:
        names = [str(split) for split in splits]
        rows = table[table.split.isin(names) & ~table.adjusted.astype(bool)]
        scores = [str(name) for name in rows.eval_score.dropna().unique()]
        deciding = [str(name) for name in rows.score.dropna().unique()]
        decides = {name: name if name in deciding or not deciding else deciding[0] for name in scores}
        self._scores = {name: decides[name] for name in scores[:_MOST_SCORES]}
        pairs = set(rows[["eval_score", "score"]].dropna().itertuples(index=False, name=None))
        tasks = set(rows.task.dropna())
        self.cost = COSTS.find(str(rows.cost.iloc[0]))
        self._rows = rows[rows.task.isna() | (rows.task == rows.metric) | ~rows.metric.isin(tasks)]
        shares = list(rows.ood_share.dropna().unique())
        shown_share = OOD_SHARE if OOD_SHARE in shares or not shares else shares[0]
        self._rows = self._rows[self._rows.ood.isna() | (self._rows.ood_share == shown_share)]
        self.oods = [str(ood) for ood in rows.ood.dropna().unique()]
        widths = list(rows.width.dropna().unique())
        self._widths = widths if len(widths) <= _MOST_WIDTHS else [0.2 if 0.2 in widths else widths[0]]
        where = ", ".join(names) if len(names) <= _MOST_SPLITS else f"{len(names)} shifted test sets"
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
        present = table.policy.unique()
        names = [*(name for name in POLICIES if name in present), *(name for name in present if name not in POLICIES)]
        self._policies = [POLICIES.find(str(name)) for name in names]
        self.hidden += sorted(policy.name for policy in self._policies if not policy.summarised)

    @property
    def several_scores(self) -> bool:
        """Whether lines of several scores are shown, which the title does not name then."""
        return len(self._scores) > 1

    def scales(self) -> Iterator[tuple[str, list[tuple[list[str], pd.DataFrame]]]]:
        """Yield each scale, or exit of a scale, with its lines: the first cells of each line, up to its cost, and its rows."""
        groups: Any = self._rows.groupby(["scale", "exits"], dropna=False, sort=False)
        for (scale, exits), rows in groups:
            lines = []
            for policy in self._policies:
                for name, by, line_rows in self._lines(policy, rows):
                    # One price for every setting: all metrics of a setting have the same.
                    prices = line_rows.drop_duplicates(["members", "task", "split"]).price_id
                    lines.append(([name, *([by] if self.several_scores else []), si(prices.mean())], line_rows))
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


def _by(score: str, decides: str) -> str:
    """Return the words for an evaluation score and the exit score."""
    return score if decides == score else f"{score} (exits on {decides})"


def _all_columns(shown: _Shown, metrics: Sequence[Metric]) -> list[tuple[Metric, str | None]]:
    """Return the columns of metrics: each on ID data, then with each OOD set."""
    columns: list[tuple[Metric, str | None]] = [(metric, None) for metric in metrics if metric.on_id]
    return columns + [(metric, ood) for metric in metrics if metric.on_ood for ood in shown.oods]


def _columns(shown: _Shown, tasks: Sequence[Metric]) -> list[tuple[Metric, str | None]]:
    """Return the columns of tasks: on ID data, then with each OOD set unless there are too many columns."""
    columns = _all_columns(shown, tasks)
    if len(columns) <= _WIDEST:
        return columns
    return [column for column in columns if column[1] is None] or columns[:_WIDEST]


def _head(display: Table, shown: _Shown, heads: Sequence[str], columns: Sequence[tuple[Metric, str | None]]) -> None:
    for name in ("scale", "policy", *(["score"] if shown.several_scores else [])):
        display.add_column(name, no_wrap=True)
    display.add_column(shown.cost.heading, justify="right", no_wrap=True)
    for head, (_, ood) in zip(heads, columns, strict=True):
        display.add_column(head + (f"\n{ood}" if ood else ""), justify="right", no_wrap=True)


def _mean(rows: pd.DataFrame, metric: Metric, ood: str | None) -> str:
    values = rows[(rows.metric == metric.name) & (rows.ood.isna() if ood is None else rows.ood == ood)].value
    if values.empty:
        return "-"
    mean = values.mean()
    return f"{mean:.2f}" if metric.percent or abs(mean) >= 100 else f"{mean:.4g}"
