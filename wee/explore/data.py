"""The data of a page: the rows of the tables of sweeps in columns, what things are called, and the fitted windows."""

from __future__ import annotations

import base64
import logging
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wee.errors import WeeError
from wee.explore.reproduction import (
    calibrate_words,
    first_task,
    not_calibrated,
    setting_cells,
    setting_words,
    task_of,
    task_word,
)
from wee.explore.style import look_of, series_label
from wee.explore.windows import TUNING, adjusted_to, explain_rule, rules_of, stage_windows
from wee.figures.labels import Labels
from wee.method import SCORES, Metric, Task
from wee.method.policies.rules import number_to_json
from wee.sweep.results import (
    FROM_EXPERIMENTS,
    MADE_BY,
    is_sweep,
    read_about,
    read_averages,
    read_labels,
    read_rules,
    read_table,
)
from wee.sweep.rows import KEYS, NAMES, POINT, Row
from wee.sweep.rules import SavedRule, stream_name

log = logging.getLogger("wee")

SWEEP = "sweep"
"""The column that says which sweep a row is from."""

ROW_COLUMNS = [SWEEP, *(column.name for column in fields(Row))]
"""The columns of the rows on a page, and of the CSV files that it saves: those of a table without the MACs columns."""

_VALUE = ("cost", "metric", "eval_score")
"""The columns that tell the values of one point apart."""

POINT_COLUMNS = [name for name in KEYS if name not in _VALUE]
"""The columns that identify a point of a chart: a cascade on some data, with a value for each metric and cost."""

SETTING_COLUMNS = [name for name in POINT if name not in (*_VALUE, "split")]
"""The columns that identify a setting: a point without its choice of members and without the labelled split."""


@dataclass(frozen=True)
class SweepTables:
    """What a page shows of one sweep.

    Attributes:
        name: The name of the sweep on the page.
        path: The folder of the sweep, or the file of a table.
        table: Its tidy table.
        averages: The averages with their intervals, as returned by `wee.sweep.results.read_averages`; may be empty.
        rules: The fitted rules; empty if there are none.
        about: The description of the sweep; empty for a table outside a sweep.
    """

    name: str
    path: Path
    table: pd.DataFrame
    averages: pd.DataFrame
    rules: Sequence[SavedRule]
    about: Mapping[str, Any]


def read_sweeps(paths: Sequence[Path]) -> list[SweepTables]:
    """Read what a page shows of some sweeps.

    Args:
        paths: Folders of sweeps, or files of tables.

    Raises:
        WeeError: a file is missing or damaged.
    """
    sweeps = []
    for path, name in zip(paths, _names(paths), strict=True):
        folder = path if path.is_dir() else path.parent
        rules: list[SavedRule] = []
        if is_sweep(folder):
            try:
                rules = read_rules(folder)
            except WeeError as error:
                log.warning(f"the page has no windows of {name}: {error}")
        about = read_about(folder) if is_sweep(folder) else {}
        sweeps.append(SweepTables(name, path, read_table(path), read_averages([path]), rules, about))
    return sweeps


def page_data(sweeps: Sequence[SweepTables]) -> dict[str, Any]:
    """Return the data of a page as strict JSON data.

    Args:
        sweeps: The sweeps, at least one, with different names.

    Returns:
        `rows`, the columns of all tables (see `pack`), with `point` and `setting`, which number the points and the settings,
        `series`, the label of the policy, `rule`, the place of the fitted rule in `rules` or -1, and `windows`, the name of the
        row's windows in that rule; `averages`; `rules`; `sweeps`; `tasks`, the names of the tasks, of which the page opens on
        the first; `labels`, by column and name; and `looks`, `metrics` and `costs`, in which the page looks things up.
    """
    labels = Labels.merge(read_labels(sweep.path) for sweep in sweeps)
    table = pd.concat([sweep.table.assign(**{SWEEP: sweep.name}) for sweep in sweeps], ignore_index=True)
    series = {
        key: series_label(*key)
        for key in table[["policy", "adjusted"]].drop_duplicates().itertuples(index=False, name=None)
    }
    table["series"] = [series[key] for key in zip(table["policy"], table["adjusted"], strict=True)]
    rules: list[dict[str, Any]] = []
    places: dict[tuple[Any, ...], int] = {}
    for sweep in sweeps:
        for saved in sweep.rules:
            places[sweep.name, *setting_cells(saved.setting[name] for name in NAMES)] = len(rules)
            rules.append(_rule(sweep, saved))
    named = zip(table[SWEEP], *(table[name] for name in NAMES), strict=True)
    table["rule"] = [places.get((cells[0], *setting_cells(cells[1:])), -1) for cells in named]
    table["windows"] = _window_names(table)
    for number, columns in (("point", POINT_COLUMNS), ("setting", SETTING_COLUMNS)):
        table[number] = table.groupby([SWEEP, *columns], dropna=False, sort=False).ngroup()
    return {
        "columns": ROW_COLUMNS,
        "rows": pack(table, [*ROW_COLUMNS, "series", "rule", "windows", "point", "setting"]),
        "averages": pack(_averages(sweeps, table), ["setting", "split", *_VALUE, "lower", "upper", "seeds", "level"]),
        "rules": rules,
        "sweeps": [_sweep(sweep) for sweep in sweeps],
        "tasks": _tasks(sweeps, table),
        "labels": _labels(table, labels),
        "looks": {label: look_of(*key) for key, label in series.items()},
        "metrics": {name: _metric(name, sweeps) for name in _unique(table["metric"])},
        "costs": {
            name: {"label": labels.cost(name), "axis": labels.average(name), "unit": labels.amount(name, 1.0)[2:]}
            for name in _unique(table["cost"])
        },
    }


def pack(table: pd.DataFrame, columns: Iterable[str]) -> dict[str, Any]:
    """Return columns of a table as compact JSON data.

    Returns:
        `length`, the number of rows, and `columns`: for each column, `values`, its different values, and `codes`, the place of
        the value of each row among them, as base64 of little-endian unsigned integers of `bytes` bytes. There are no codes
        if all rows have the same value. Missing values are null; infinite ones are the texts "inf" and "-inf".

    Example:
        >>> pack(pd.DataFrame({"a": [0.5, None, 0.5], "b": "x"}), ["a", "b"])["columns"]
        {'a': {'values': [0.5, None], 'bytes': 1, 'codes': 'AAEA'}, 'b': {'values': ['x']}}
    """
    packed: dict[str, Any] = {}
    for name in columns:
        codes, unique = pd.factorize(table[name], use_na_sentinel=False)
        values = [_plain(value) for value in unique]
        packed[name] = {"values": values}
        if len(values) > 1:
            width = 1 if len(values) <= 1 << 8 else 2 if len(values) <= 1 << 16 else 4
            content = codes.astype(np.dtype(f"<u{width}")).tobytes()
            packed[name] |= {"bytes": width, "codes": base64.b64encode(content).decode("ascii")}
    return {"length": len(table), "columns": packed}


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    return number_to_json(value) if isinstance(value, float) else value


def _names(paths: Sequence[Path]) -> list[str]:
    """Return different names for sweeps: that of the sweep, and where names are the same, its key or its path too."""
    folders = [path if path.is_dir() else path.parent for path in paths]
    short = [
        str(read_about(folder).get("name", folder.parent.name)) if is_sweep(folder) else path.stem
        for path, folder in zip(paths, folders, strict=True)
    ]
    names = [
        name if short.count(name) == 1 else f"{name}/{folder.name}" for name, folder in zip(short, folders, strict=True)
    ]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _unique(column: pd.Series) -> list[str]:
    return [str(value) for value in column.dropna().unique()]


def _averages(sweeps: Sequence[SweepTables], table: pd.DataFrame) -> pd.DataFrame:
    """Return the averages of all sweeps, with the numbers of their settings in the table."""
    parts = [sweep.averages.assign(**{SWEEP: sweep.name}) for sweep in sweeps if len(sweep.averages)]
    keys = [SWEEP, *SETTING_COLUMNS]
    if not parts:
        return pd.DataFrame(columns=["setting", "split", *_VALUE, "lower", "upper", "seeds", "level"])
    averages = pd.concat(parts, ignore_index=True)
    numbers = table[[*keys, "setting"]].drop_duplicates("setting")
    for name in keys:  # empty columns are read as numbers in one file, and as text in the other
        if averages[name].dtype != numbers[name].dtype:
            averages[name], numbers[name] = (column.astype(object) for column in (averages[name], numbers[name]))
    return averages.merge(numbers, on=keys)


def _rule(sweep: SweepTables, saved: SavedRule) -> dict[str, Any]:
    """Return a fitted rule: who runs, its windows, and the words of the command that calibrates it."""
    reason = not_calibrated(saved)
    needs_task = saved.setting["task"] is None
    return {
        "lineup": [[stage.family, stage.scale, stage.member, stage.exit, stage.temperature] for stage in saved.lineup],
        "windows": {
            name: [window.to_dict() for window in windows]
            for name, record, rule in rules_of(saved)
            if (windows := stage_windows(record, rule))
        },
        **({"words": explain_rule(saved)} if explain_rule(saved) else {}),
        **({"not_calibrated": reason} if reason else {"calibrate": shlex.join(setting_words(saved))}),
        **({"needs_task": True} if needs_task else {}),
    }


def _sweep(sweep: SweepTables) -> dict[str, Any]:
    """Return what a page tells about a sweep."""
    command, from_experiments = sweep.about.get(MADE_BY), sweep.about.get(FROM_EXPERIMENTS, [])
    folder = sweep.path if sweep.path.is_dir() else sweep.path.parent
    task = first_task(sweep.about)
    return {
        "name": sweep.name,
        "folder": str(folder),
        "key": folder.name if sweep.about else "",
        "rows": len(sweep.table),
        "command": command,
        "calibrate": None if command is None else shlex.join(calibrate_words(command, str(folder), from_experiments)),
        "task": None if task is None else task_word(task),
        "level": sweep.about.get("bootstrap", {}).get("level"),
        "resamples": sweep.about.get("bootstrap", {}).get("resamples", 0),
    }


def _window_names(table: pd.DataFrame) -> list[str]:
    """Return the name of each row's windows, as `rules_of` names them."""
    certified = {name: _metric_of(name).certified is not None for name in _unique(table["metric"])}
    columns = (table[name] for name in ("metric", "adjusted", "ood", "ood_share"))
    return [
        TUNING if certified[metric] else adjusted_to(stream_name(ood, share)) if adjusted else ""
        for metric, adjusted, ood, share in zip(*columns, strict=True)
    ]


def _metric(name: str, sweeps: Sequence[SweepTables]) -> dict[str, Any]:
    """Return how a page shows a metric, and the task that systems are operated for in it."""
    metric = _metric_of(name)
    # The name of a deployed metric does not say of which kind its task is, so the tasks of the sweeps do.
    tasks = [Task.parse(task) for sweep in sweeps for task in sweep.about.get("task", {}).get("names", [])]
    operated = {str(task) for task in tasks if any(other.name == name for other in Metric.deployed_for(task))}
    task = metric.task if metric.certified is None else metric.operated_for
    operated |= set() if task is None else {str(task)}
    calibrated = task_of(metric)
    return {
        "label": metric.label,
        "axis": metric.axis_label,
        "unit": metric.unit,
        "higher": metric.higher_is_better,
        "tasks": sorted(operated),
        "calibrate": None if calibrated is None else task_word(calibrated),
    }


def _tasks(sweeps: Sequence[SweepTables], table: pd.DataFrame) -> list[str]:
    """Return the tasks that were measured, in the order of the sweeps' configs; then those of tables outside a sweep."""
    configured = [str(Task.parse(name)) for sweep in sweeps for name in sweep.about.get("task", {}).get("names", [])]
    measured = set(_unique(table["metric"]))
    return [name for name in dict.fromkeys([*configured, *_unique(table["task"])]) if name in measured]


def _metric_of(name: str) -> Metric:
    return Metric.parse(name)


def _labels(table: pd.DataFrame, labels: Labels) -> dict[str, dict[str, str]]:
    """Return what the values of columns are called, by column and value; values that are missing here are their own labels."""
    scales = table[["family", "scale"]].drop_duplicates().itertuples(index=False, name=None)
    return {
        "family": {name: labels.family(name) for name in _unique(table["family"])},
        "scale": {scale: labels.scale(family, scale) for family, scale in scales},
        "ood": {name: labels.ood(name) for name in _unique(table["ood"])},
        "metric": {name: _metric_of(name).label for name in _unique(table["metric"])},
        "task": {name: _metric_of(name).label for name in _unique(table["task"])},
        "cost": {name: labels.cost(name) for name in _unique(table["cost"])},
        **{
            column: {name: SCORES.find(name).label for name in _unique(table[column])}
            for column in ("score", "eval_score")
        },
    }
