"""The short table that a sweep prints: what matters, for each scale."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.table import Table

from wee.method import Metric
from wee.units import si

_WIDEST = 6  # columns of numbers
_MOST_WIDTHS = 3
_MOST_SPLITS = 3


def summary(table: pd.DataFrame, tasks: Sequence[Metric], splits: Sequence[str] = ("test",)) -> Table:
    """Single model, ensemble and window cascade of each scale: average MACs and every task.

    Args:
        table: of a sweep.
        tasks: the columns; those of OOD data get one for each OOD set.
        splits: over which means are taken.
    """
    rows = table[table.split.isin(splits) & ~table.adjusted.astype(bool)]
    score = rows.eval_score.dropna().iloc[0]
    deciding = [str(name) for name in rows.score.dropna().unique()]
    decides = score if score in deciding or not deciding else deciding[0]
    rows = rows[(rows.eval_score == score) & (rows.score.isna() | (rows.score == decides))]
    rows = rows[rows.task.isna() | (rows.task == rows.metric)]
    oods = list(rows.ood.dropna().unique())
    columns: list[tuple[str, str | None]] = [(task.name, None) for task in tasks if task.on_id]
    with_ood: list[tuple[str, str | None]] = [(task.name, ood) for task in tasks if task.on_ood for ood in oods]
    if len(columns) + len(with_ood) <= _WIDEST:
        columns += with_ood
    higher = {task.name: task.higher_is_better for task in tasks}
    widths = list(rows.width.dropna().unique())
    shown_widths = widths if len(widths) <= _MOST_WIDTHS else [0.2 if 0.2 in widths else widths[0]]
    by = score if decides == score else f"{score} (exits on {decides})"
    where = ", ".join(splits) if len(splits) <= _MOST_SPLITS else f"{len(splits)} shifted test sets"
    shown = Table(title=f"{where}, {by}; means over members and orders", title_justify="left", header_style="bold")
    for column in ("scale", "policy", "MACs"):
        shown.add_column(column, justify="left" if column != "MACs" else "right", no_wrap=True)
    for name, ood in columns:
        arrow = "↑" if higher[name] else "↓"
        shown.add_column(f"{name} {arrow}" + (f"\n{ood}" if ood else ""), justify="right", no_wrap=True)
    for (scale, exits), own in rows.groupby(["scale", "exits"], dropna=False, sort=False):
        section = 0
        lines = [("single", None), ("ensemble", None), ("last", None), *(("window", width) for width in shown_widths)]
        for policy, width in lines:
            picked = own[(own.policy == policy) & ((own.width == width) if policy == "window" else True)]
            if len(picked):
                name = f"window {width}" if policy == "window" else policy
                values = [_mean(picked, task, ood) for task, ood in columns]
                label = str(scale) if pd.isna(exits) else f"{scale} exit {exits}"
                # One value for every setting: the same whatever else was measured of it.
                each = picked.drop_duplicates(["members", "task", "split"]).macs_id
                shown.add_row(label, name, si(each.mean()), *values)
                section += 1
        if section:
            shown.add_section()
    hidden = len(widths) - len(shown_widths)
    more = [f"{hidden} other widths"] if hidden else []
    more += [f"exit score {name}" for name in deciding if name != decides]
    more += [name for name in ("random", "threshold") if (table.policy == name).any()]
    about = ["MACs: of an ID sample, mean over tasks"]
    about += ["with OOD data in the stream, each task's own are in table.csv"] if oods else []
    about += [f"also in table.csv: {', '.join(more)}"] if more else []
    shown.caption = "\n".join(about)
    shown.caption_justify = "left"
    return shown


def _mean(rows: pd.DataFrame, metric: str, ood: str | None) -> str:
    values = rows[(rows.metric == metric) & (rows.ood.isna() if ood is None else rows.ood == ood)].value
    return f"{values.mean():.2f}" if len(values) else "-"
