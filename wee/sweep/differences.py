"""Policies compared at equal average MACs, draw by draw: where a cascade wins, and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from wee.method import interval
from wee.method.bootstrap import at_macs
from wee.method.ranking import Floats

_PANEL = ["dataset", "family", "split", "ood", "metric", "eval_score"]
_POINT = ["policy", "scale", "exits", "size", "width", "fraction", "score", "task", "adjusted"]


def differences(table: pd.DataFrame, draws: list[Floats | None], level: float) -> pd.DataFrame:
    """Every point against the curves of single models and of ensembles, at the point's own MACs.

    Curves run through the scales, linear in the logarithm of MACs; orders and choices of members are averaged. Both
    sides of a difference are resampled by the same draws of groups.

    Args:
        table: of a sweep.
        draws: the resampled values of its rows.
        level: of the intervals.

    Returns:
        A row per point and curve that it can be compared with: `macs`, the point's `value`, the curve's `baseline`
        there, their `difference`, its `lower` and `upper`, and `versus`, the curve's policy.
    """
    known = table.assign(draw=pd.Series(draws, dtype=object)).loc[[one is not None for one in draws]]
    known = known[known.task.isna() | (known.task == known.metric) | ~known.metric.isin(set(known.task.dropna()))]
    found: list[dict[str, Any]] = []
    for panel, rows in known.groupby(_PANEL, dropna=False, sort=False):
        points = [
            (
                dict(zip(_POINT, key, strict=True)),
                own.macs.mean(),
                own.value.mean(),
                np.mean(np.stack(list(own.draw)), axis=0),
            )
            for key, own in rows.groupby(_POINT, dropna=False, sort=False)
        ]
        for versus in ("single", "ensemble"):
            curve = sorted((p for p in points if p[0]["policy"] == versus), key=lambda point: point[1])
            if not curve:
                continue
            macs = np.array([point[1] for point in curve])
            values = np.array([point[2] for point in curve])
            resampled = np.stack([point[3] for point in curve])
            for name, own_macs, value, own_draws in points:
                baseline = float(at_macs(macs, values, own_macs))
                if name["policy"] == versus or np.isnan(baseline):
                    continue
                low, high = interval(own_draws - at_macs(macs, resampled, own_macs), level)
                numbers = {"macs": own_macs, "value": value, "baseline": baseline, "difference": value - baseline}
                place = dict(zip(_PANEL, panel, strict=True))
                found.append({**place, **name, "versus": versus, **numbers, "lower": low, "upper": high})
    columns = [*_PANEL, *_POINT, "versus", "macs", "value", "baseline", "difference", "lower", "upper"]
    return pd.DataFrame(found, columns=columns)
