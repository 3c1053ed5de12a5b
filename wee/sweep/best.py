"""The best setting within a budget: chosen on the validation set, and reported on the test set."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from rich.markup import escape
from rich.table import Table

from wee.costs import COSTS, amount, heading, within
from wee.costs.given import may_be_given
from wee.data.splits import TEST, VAL
from wee.errors import WeeError, unknown
from wee.method import Metric
from wee.method.policies import PARAMETERS
from wee.sweep.fronts import comparable
from wee.sweep.prices import columns_with_macs, with_macs
from wee.sweep.rows import FRONT
from wee.units import counted, si

_INTERVAL = ["lower", "upper", "level", "seeds"]

BEST = columns_with_macs([*FRONT, "price", "value", *_INTERVAL, "count", "price_val", "value_val", "settings"])
"""The columns of `best_settings`."""

_PARAMETERS = ("width", "fraction", PARAMETERS)
"""The columns with the parameters of policies."""


def best_settings(
    table: pd.DataFrame, metric: str, budget: float | None = None, averages: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the best setting of each policy within a budget, chosen on the validation set and reported on the test set.

    A setting is a policy with its parameters on a kind of lineup, and its values are means over orders and choices of members,
    as in fronts. Of settings with the same validation value, the cheaper one is chosen. Only ID data are looked at.

    Args:
        table: the tidy table of a sweep, as returned by `wee.sweep.run.Result.table`.
        metric: the name of the metric, such as "cov@5".
        budget: the largest average cost of a validation sample, in the unit of the cost; None for any.
        averages: the means with their intervals, as returned by `wee.sweep.results.read_averages`; None for none.

    Returns:
        A row for each policy of which a setting fits, the best on validation first. `price_val` and `value_val` are the means
        on the validation set, `price` and `value` those on the test set over `count` orders and choices of members. `lower`
        and `upper` are the ends of the interval of `value` with `level`, a share in (0, 1), which includes the seed noise of
        `seeds` members; they are missing without intervals. `settings` is the number of settings of the policy that fit.

    Raises:
        WeeError: the budget is not a positive number, the table lacks the metric, nothing can be chosen by it on the
            validation set, the table has several data sets or costs, or no setting fits; the message has the price of the
            cheapest.
    """
    wanted = Metric.parse(metric)
    given: Any = budget
    if given is not None and not (isinstance(given, Real) and float(given) > 0):
        raise WeeError(f"budget is {budget!r}: it is a number above 0, the largest average cost")
    points = _points(table, wanted)
    affordable = points if budget is None else points[within(points.price_val, budget)]
    if budget is not None and affordable.empty:
        raise WeeError(_too_cheap(points, wanted, budget))
    loss = affordable.value_val * (-1 if wanted.higher_is_better else 1)
    ordered = affordable.assign(loss=loss).sort_values(["loss", "price_val"], kind="stable")
    best = ordered.assign(settings=ordered.groupby("policy").policy.transform("size")).drop_duplicates("policy")
    intervals = [_interval(row, averages) for _, row in best.iterrows()]
    best = best.assign(**{name: [interval[name] for interval in intervals] for name in _INTERVAL})
    return with_macs(best)[BEST].reset_index(drop=True)


def best_cascade(table: pd.DataFrame, setting: pd.Series, budget: float | None = None) -> tuple[pd.Series, pd.Series]:
    """Return the cascade of a setting that is the best one on the validation set: its members and their order.

    Args:
        table: the tidy table of a sweep.
        setting: a row of `best_settings`.
        budget: the largest average cost of a validation sample; None for any.

    Returns:
        The rows of the cascade in the table: on the validation set, and on the test set.
    """
    rows = table[_same(table, setting) & table.ood.isna() & ~table.adjusted.astype(bool)]
    val = rows[rows.split == str(VAL)]
    val = val if budget is None else val[within(val.price, budget)]
    loss = val.value * (-1 if Metric.parse(setting.metric).higher_is_better else 1)
    chosen = val.assign(loss=loss).sort_values(["loss", "price"], kind="stable").iloc[0]
    test = rows[(rows.split == str(TEST)) & (rows.members == chosen.members)]
    return chosen.drop("loss"), test.iloc[0]


def best_summary(best: pd.DataFrame, budget: float | None = None) -> Table:
    """Return a table for the terminal of the best setting of each policy.

    Args:
        best: the settings, as returned by `best_settings`.
        budget: the largest average cost of a validation sample; None for any.
    """
    metric, cost = Metric.parse(best.metric.iloc[0]), str(best.cost.iloc[0])
    limit = "" if budget is None else f" at an average cost of at most {priced(cost, budget)}"
    display = Table(
        title=f"best {metric.name}{limit}: each policy's best setting on the validation set",
        title_justify="left",
        caption_justify="left",
        header_style="bold",
    )
    for name in ("policy", "scale", *(names := _told_apart(best))):
        display.add_column({"eval_score": "ranked by"}.get(name, name), no_wrap=True)
    priced_by = heading(*_label_and_unit(cost))
    arrow = "↑" if metric.higher_is_better else "↓"
    for head in (
        f"{priced_by}\nval",
        f"{metric.name} {arrow}\nval",
        f"{priced_by}\ntest",
        f"{metric.name} {arrow}\ntest",
    ):
        display.add_column(head, justify="right", no_wrap=True)
    display.add_column("settings\nthat fit", justify="right", no_wrap=True)
    for row in best.to_dict("records"):
        cells = [policy_name(row), *("-" if pd.isna(row[name]) else _text(row[name]) for name in ("scale", *names))]
        display.add_row(
            *map(escape, cells),
            priced(cost, row["price_val"], bare=True),
            valued(metric, row["value_val"]),
            priced(cost, row["price"], bare=True),
            escape(valued(metric, row["value"], row["lower"], row["upper"])),
            f"{row['settings']:,}",
        )
    display.caption = escape(_caption(best))
    return display


def policy_name(row: Any) -> str:
    """Return a policy with its parameter: "window 0.2".

    Args:
        row: a row of a table, or a mapping with its columns.
    """
    parameters = [_text(row[name]) for name in _PARAMETERS if not pd.isna(row[name])]
    return " ".join([str(row["policy"]), *parameters])


def priced(cost: str, value: float, bare: bool = False) -> str:
    """Return an average cost as text: "1.2 M MACs", or "1.2 M" for a cell below a heading that names the cost."""
    return si(value) if bare else amount(value, *_label_and_unit(cost))


def valued(metric: Metric, value: float, lower: float = math.nan, upper: float = math.nan) -> str:
    """Return a value of a metric as text, with its interval if there is one: "62.31 [60.10, 64.22]"."""
    digits = ".2f" if metric.percent else ".4g"
    interval = "" if pd.isna(lower) else f" [{lower:{digits}}, {upper:{digits}}]"
    return f"{value:{digits}}{interval}"


def _points(table: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return the points of a table that can be chosen among by a metric.

    Raises:
        WeeError: see `best_settings`.
    """
    measured = [str(name) for name in table.metric.unique()]
    if metric.name not in measured:
        raise unknown("metric in these sweeps", metric.name, measured)
    for column, advice in (("dataset", "choose sweeps of one data set"), ("cost", "choose one of them")):
        several = [str(name) for name in table[column].unique()]
        if len(several) > 1:
            raise WeeError(f"these sweeps have several values of {column}, {' and '.join(several)}: {advice}")
    points = comparable(table)
    choosable = [str(name) for name in points[points.value_val.notna()].metric.unique()]
    if metric.name in choosable:
        return points[(points.metric == metric.name) & points.value_val.notna()]
    if not metric.on_id:
        why = "it needs OOD data, which the validation set does not contain, and a choice by test data would be optimistic"
    elif metric.name in points.metric.unique():
        why = "it has no value on the validation set"
    else:
        why = "it is fixed on the validation set, so all settings are equal there"
    others = f"choose by {', '.join(choosable)}" if choosable else "these sweeps have no metric that can be chosen by"
    raise WeeError(f"nothing can be chosen by {metric.name}: {why}; {others}")


def _too_cheap(points: pd.DataFrame, metric: Metric, budget: float) -> str:
    """Return the message that no setting fits a budget, with the cheapest one."""
    cheapest = points.sort_values("price_val", kind="stable").iloc[0]
    cost, price = str(cheapest.cost), float(cheapest.price_val)
    return (
        f"none of {counted(len(points), 'setting')} costs at most {priced(cost, budget)} on the validation set: the cheapest, "
        f"{policy_name(cheapest)} at {cheapest.scale}, costs {priced(cost, price)} and has {metric.name} = "
        f"{valued(metric, float(cheapest.value_val))} there; a budget of {_rounded_up(price):g} is enough for it"
    )


def _rounded_up(number: float) -> float:
    """Return a positive number rounded up to three digits."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 2) if number > 0 else 1.0
    return math.ceil(round(number / unit, 9)) * unit


def _interval(setting: pd.Series, averages: pd.DataFrame | None) -> dict[str, float]:
    """Return the interval of a setting's mean on the test set; NaN without one, or if other members were averaged."""
    missing = dict.fromkeys(_INTERVAL, math.nan)
    if averages is None or averages.empty:
        return missing
    rows = averages[_same(averages, setting) & (averages.split == str(TEST)) & averages.ood.isna()]
    rows = rows[(rows["count"] == setting["count"]) & np.isclose(rows.value, setting.value, rtol=1e-6)]
    rows = rows[~rows.adjusted.astype(bool) & rows.lower.notna()].reindex(columns=_INTERVAL)
    return missing if rows.empty else {str(name): float(value) for name, value in rows.iloc[0].items()}


def _same(table: pd.DataFrame, setting: pd.Series) -> pd.Series:
    """Return which rows of a table are of a setting and of its metric."""
    same = pd.Series(True, index=table.index)
    for name in FRONT:
        same &= table[name].isna() if pd.isna(setting[name]) else table[name] == setting[name]
    return same


def _told_apart(best: pd.DataFrame) -> list[str]:
    """Return the columns that tell settings apart besides policy and scale."""
    names = [name for name in ("family", "score", "task") if best[name].dropna().nunique() > 1]
    names += ["size"] if best["size"][best["size"] > 1].nunique() > 1 else []
    ranked = best.eval_score.dropna()
    apart = best.score.notna() & best.eval_score.notna() & (best.score != best.eval_score)
    names += ["eval_score"] if ranked.nunique() > 1 or apart.any() else []
    return ["exits", *names] if best.exits.notna().any() else names


def _label_and_unit(cost: str) -> tuple[str, str]:
    """Return the label and the unit of a cost. Those of plug-ins are unknown here, where their modules are not loaded."""
    known = COSTS.find(cost) if may_be_given(cost) else None
    return (cost, "") if known is None else (known.label, known.unit)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _caption(best: pd.DataFrame) -> str:
    lines = ["chosen on the validation set, reported on the test set; means over members and orders"]
    known = best[best.lower.notna()]
    if known.empty:
        return f"{lines[0]}\nno intervals: sweep with bootstrap.resamples=1000"
    levels = " and ".join(f"{100 * level:g} % " for level in sorted(known.level.dropna().unique()))
    noise = "included" if (known.seeds > 0).all() else "included in some" if (known.seeds > 0).any() else "not included"
    return f"{lines[0]}\n[..]: {levels}bootstrap interval over test samples, seed noise {noise}"
