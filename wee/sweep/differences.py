"""Policies compared: at equal average cost, at equal quality, resample by resample.

The points that are compared are settings, averaged over the orders and the choices of members. Both sides of a comparison
are resampled by the same draws of groups of test samples; from three members on, seed noise is part of every interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from wee.method import POLICIES, Ensemble, Metric, Single, SingleThreshold
from wee.method.arrays import Floats
from wee.method.bootstrap import at_macs
from wee.method.intervals import half_width, interval, jackknife, simultaneous
from wee.method.policies import BASELINES, Role
from wee.sweep.prices import columns_with_macs, with_macs
from wee.sweep.results import AVERAGED
from wee.sweep.rows import PANEL, SETTING
from wee.sweep.table import Baseline, Result

FULL = "full"
"""The name of the comparison with the ensemble of all the networks of a cascade."""

NEGLIGIBLE = 1e-6
"""The share of a metric's range below which a standard deviation says that two numbers are equal by construction."""

DIFFERENCES = columns_with_macs([
    *PANEL, *SETTING, "versus", "price", "baseline_price", "value", "baseline", "difference", "lower", "upper",
    "simultaneous_lower", "simultaneous_upper", "comparisons", "seeds",
])  # fmt: skip

EQUAL_QUALITY = columns_with_macs([
    *PANEL, *SETTING, "price", "value", "single_price", "bound", "share", "lower", "upper", "seeds",
])  # fmt: skip


@dataclass(frozen=True)
class _Mean:
    """The mean over orders and choices of members: of a setting, or of what it is compared with.

    Attributes:
        price, value, draws: the average cost, the value of the metric, and its resampled values [resamples].
        left_out: price and value without each member; NaN where nothing remains.
    """

    price: float
    value: float
    draws: Floats
    left_out: dict[int, tuple[float, float]]

    @classmethod
    def of(cls, rows: Sequence[Baseline], members: Sequence[set[int]]) -> _Mean:
        prices, values = (np.array([getattr(row, name) for row in rows]) for name in ("price", "value"))
        left_out = {}
        for member in sorted(set().union(*members)):
            rest = [k for k, others in enumerate(members) if member not in others]
            left_out[member] = (prices[rest].mean(), values[rest].mean()) if rest else (np.nan, np.nan)
        draws = np.mean([row.draws for row in rows], axis=0)
        return cls(float(prices.mean()), float(values.mean()), draws, left_out)


@dataclass(frozen=True)
class _Point:
    """A setting in a panel.

    Attributes:
        name: the values of the columns `SETTING`.
        mean: the setting.
        threshold: the single thresholds that a window is compared with; None for other policies.
        values: the values that were averaged.
        is_threshold: whether every window is a single threshold, clamped at the lowest validation score of each stage.
    """

    name: dict[str, Any]
    mean: _Mean
    threshold: _Mean | None
    values: list[float]
    is_threshold: bool


@dataclass(frozen=True)
class _Panel:
    """The points that are measured in the same way on the same data.

    Attributes:
        place: the values of the columns `PANEL`.
        points: the points.
    """

    place: dict[str, Any]
    points: list[_Point]

    def curve(self, policy: str) -> _Curve | None:
        """The curve of a policy through the scales; None if the panel has no such points."""
        points = sorted((p.mean for p in self.points if p.name["policy"] == policy), key=lambda mean: mean.price)
        return _Curve(points) if points else None

    @property
    def baselines(self) -> list[str]:
        """The policies whose curves others are compared with."""
        names = dict.fromkeys([*BASELINES, *(str(point.name["policy"]) for point in self.points)])
        return [name for name in names if POLICIES.find(name).baseline]

    def full(self, point: _Point) -> _Mean | None:
        """The ensembles of all the networks of a cascade; None for a point that is no cascade, or if there are none."""
        if POLICIES.find(point.name["policy"]).role is not Role.CASCADE:
            return None
        for other in self.points:
            if other.name["policy"] == Ensemble.name and all(
                other.name[key] == point.name[key] for key in ("scale", "size")
            ):
                return other.mean
        return None

    @cached_property
    def metric(self) -> Metric:
        """What was measured."""
        return Metric.parse(str(self.place["metric"]))


@dataclass(frozen=True)
class _Curve:
    """A policy's points through the scales, joined by lines in the logarithm of the price.

    Attributes:
        points: ascending in price.
    """

    points: list[_Mean]

    @cached_property
    def prices(self) -> Floats:
        """Prices [n]."""
        return np.array([point.price for point in self.points])

    @cached_property
    def values(self) -> Floats:
        """Values [n]."""
        return np.array([point.value for point in self.points])

    @cached_property
    def draws(self) -> Floats:
        """Resampled values [n, resamples]."""
        return np.stack([point.draws for point in self.points])

    def without(self, member: int) -> tuple[Floats, Floats]:
        """Prices and values of the curve without a member."""
        pairs = [point.left_out.get(member, (point.price, point.value)) for point in self.points]
        prices, values = (np.array(column) for column in zip(*pairs, strict=True))
        return prices, values


def averages(table: pd.DataFrame, result: Result, level: float) -> pd.DataFrame:
    """The mean of every setting over its orders and choices of members, with an interval of the mean.

    Args:
        table: the table of a sweep.
        result: the rows that the table was made of, with their resampled values.
        level: the coverage of the intervals.

    Returns:
        A row for each point and panel with `price`, `value`, `lower` and `upper`, `low` and `high` (the least and the
        greatest of the values averaged), `count` (how many there were) and `seeds` (the number of members whose seed noise
        is in the interval; 0 if it contains the sampling error of the test set alone).
    """
    rows = []
    for panel in _panels(table, result):
        for point in panel.points:
            left_out = [value for _, value in point.mean.left_out.values()]
            lower, upper, seeds = _interval(point.mean.value, point.mean.draws, left_out, level)
            numbers = {"price": point.mean.price, "value": point.mean.value, "lower": lower, "upper": upper}
            spread = {"low": min(point.values), "high": max(point.values), "count": len(point.values), "seeds": seeds}
            rows.append({**panel.place, **point.name, **numbers, **spread})
    return with_macs(pd.DataFrame(rows, columns=AVERAGED))


def differences(table: pd.DataFrame, result: Result, level: float) -> pd.DataFrame:
    """Every point against single models, ensembles, the single threshold and the full ensemble.

    Against single models and ensembles, a point is compared with their curve at the point's own price: curves run through
    the scales, linear in the logarithm of the price. (Where the true curve is concave, such chords favour points between the
    scales a little.) Against the single threshold, a window is compared with the rule of the same networks that sends on
    the same share of validation samples at each stage.

    Args:
        table: the table of a sweep.
        result: the rows that the table was made of, with their resampled values.
        level: the coverage of the intervals.

    Returns:
        A row for each point and baseline (`versus`: "single", "ensemble" or the name of another policy that is a baseline;
        "threshold"; or "full"): the point's `price` and `value`, the `baseline` and its `baseline_price`, their
        `difference`, the ends `lower` and `upper` of its own interval
        and of one that holds simultaneously for all `comparisons` in the table (NaN for a difference that is zero by
        construction), and `seeds`, the number of members whose seed noise is in the intervals.
    """
    compared = [row for panel in _panels(table, result) for row in _compare(panel)]
    rows = [row.about for row in compared]
    if not rows:
        return pd.DataFrame(columns=DIFFERENCES)
    values = np.array([row.about["difference"] for row in compared])
    draws = np.stack([row.draws for row in compared])
    negligible = np.array([row.negligible for row in compared])
    family = simultaneous(values, draws, negligible, level)
    for k, row in enumerate(compared):
        lower, upper, seeds = _interval(values[k], row.draws, row.left_out, level)
        row.about.update(lower=lower, upper=upper, comparisons=int(family.taking_part.sum()), seeds=seeds)
        if not family.taking_part[k]:
            continue
        half = family.critical * family.errors[k]
        if seeds:  # the part for seed noise is widened by the same factor as that for sampling error
            half *= _half(family.errors[k], row.left_out, level) / half_width(0.0, seeds, family.errors[k], level)
        row.about.update(simultaneous_lower=values[k] - half, simultaneous_upper=values[k] + half)
    return with_macs(pd.DataFrame(rows, columns=DIFFERENCES))


def equal_quality(table: pd.DataFrame, result: Result, level: float) -> pd.DataFrame:
    """The price of every point as a share of the price of a single model with the same value.

    The single models' curve runs through the scales, linear in the logarithm of the price; `single_price` is the lowest
    price at which it reaches the point's value.

    Args:
        table: the table of a sweep.
        result: the rows that the table was made of, with their resampled values.
        level: the coverage of the intervals.

    Returns:
        A row for each point that is no single model, in every metric but the deployed ones: `price`, `value`, `single_price`,
        the `share` of the two, its interval `lower` to `upper`, and `bound`. If no single model reaches the value, `bound`
        is "<": the share is less than that given, the one against the most expensive single model. If the cheapest single
        model exceeds it, `bound` is ">". Such resamples count as a share of 0 and of infinity. From three members on, the
        interval contains seed noise: the ends are the shares at the point's value plus and minus half the width of the
        interval of its difference from the single models' curve at `single_price`.
    """
    rows = []
    for panel in _panels(table, result):
        curve = panel.curve(Single.name)
        if curve is None or panel.metric.deployed is not None:  # its value depends on where the threshold came to lie
            continue
        higher = panel.metric.higher_is_better
        for point in panel.points:
            if point.name["policy"] == Single.name:
                continue
            mean = point.mean
            (share,) = _shares(mean, curve, np.array([mean.value]), higher).tolist()
            bound = "<" if share == 0 else ">" if np.isinf(share) else ""
            shown = {"<": mean.price / curve.prices[-1], ">": mean.price / curve.prices[0]}.get(bound, share)
            needed = mean.price / shown
            half = _half_at(mean, curve, needed, level)
            if half is None:
                draws = _share_of(mean.price, price_at(curve.prices, curve.draws, mean.draws, higher))
                (lower, upper), seeds = interval(draws, level), 0
            else:
                ends = np.array([mean.value - half, mean.value + half])
                (lower, upper), seeds = sorted(_shares(mean, curve, ends, higher).tolist()), len(mean.left_out)
            numbers = {"price": mean.price, "value": mean.value, "single_price": needed, "bound": bound}
            about = {"share": shown, "lower": lower, "upper": upper, "seeds": seeds}
            rows.append({**panel.place, **point.name, **numbers, **about})
    return with_macs(pd.DataFrame(rows, columns=EQUAL_QUALITY))


def price_at(prices: Floats, values: Floats, wanted: Floats, higher_is_better: bool) -> Floats:
    """The lowest price at which a curve reaches a value, linear in the logarithm of the price.

    Args:
        prices: prices of the curve's points [n], ascending.
        values: their values [n, resamples].
        wanted: the value to reach [resamples].
        higher_is_better: whether high values are good.

    Returns:
        [resamples]; infinity where the curve does not reach the value, 0 where its first point exceeds it.
    """
    sign = 1.0 if higher_is_better else -1.0
    good, goal, logarithm = sign * values, sign * wanted, np.log(prices)
    reached = np.where(good[0] > goal, 0.0, np.where(good[0] == goal, prices[0], np.inf))
    for k in range(1, len(prices)):
        crossing = np.isinf(reached) & (good[k] >= goal)
        left, right = good[k - 1][crossing], good[k][crossing]
        share = (goal[crossing] - left) / (right - left)
        reached[crossing] = np.exp(logarithm[k - 1] + share * (logarithm[k] - logarithm[k - 1]))
    return reached


def _shares(mean: _Mean, curve: _Curve, values: Floats, higher_is_better: bool) -> Floats:
    """The price of a point as a share of the prices at which a curve reaches some values [values]."""
    repeated = np.repeat(curve.values[:, None], len(values), axis=1)
    return _share_of(mean.price, price_at(curve.prices, repeated, values, higher_is_better))


def _half_at(mean: _Mean, curve: _Curve, price: float, level: float) -> float | None:
    """Half the width of the interval of a point's difference from a curve at a price; None if seed noise is not known."""
    left_out = [value - _read(*curve.without(member), price) for member, (_, value) in mean.left_out.items()]
    if jackknife(left_out) is None:
        return None
    draws = mean.draws - at_macs(curve.prices, curve.draws, float(np.clip(price, curve.prices[0], curve.prices[-1])))
    return _half(float(draws.std(ddof=1)), left_out, level)


def _share_of(price: float, needed: Floats) -> Floats:
    """A price as a share of others, which may be 0 or infinite."""
    with np.errstate(divide="ignore"):
        return np.divide(price, needed)


@dataclass(frozen=True)
class _Comparison:
    """One difference.

    Attributes:
        about: its row in the table, to be completed.
        draws: its resampled values [resamples].
        left_out: the difference without each member.
        negligible: the standard deviation below which both sides are equal by construction.
    """

    about: dict[str, Any]
    draws: Floats
    left_out: list[float]
    negligible: float


def _compare(panel: _Panel) -> Iterator[_Comparison]:
    """Every point of a panel with every baseline that it can be compared with."""
    for versus in panel.baselines:
        curve = panel.curve(versus)
        if curve is None:
            continue
        for point in panel.points:
            mean = point.mean
            read = float(at_macs(curve.prices, curve.values, mean.price))
            if point.name["policy"] == versus or np.isnan(read):
                continue
            draws = mean.draws - at_macs(curve.prices, curve.draws, mean.price)
            left_out = [
                value - float(_read(*curve.without(member), price)) for member, (price, value) in mean.left_out.items()
            ]
            yield _comparison(panel, point, versus, mean.price, read, draws, left_out)
    for point in panel.points:
        for versus, baseline in ((SingleThreshold.name, point.threshold), (FULL, panel.full(point))):
            if baseline is None:
                continue
            left_out = [
                value - baseline.left_out.get(member, (0.0, np.nan))[1]
                for member, (_, value) in point.mean.left_out.items()
            ]
            draws = point.mean.draws - baseline.draws
            yield _comparison(panel, point, versus, baseline.price, baseline.value, draws, left_out)


def _read(prices: Floats, values: Floats, wanted: float) -> float:
    """The value of a curve, held at its ends: without a member, a point may lie a little beyond them."""
    if not (np.isfinite(wanted) and np.isfinite(values).all()):
        return float("nan")
    return float(at_macs(prices, values, float(np.clip(wanted, prices[0], prices[-1]))))


def _comparison(
    panel: _Panel,
    point: _Point,
    versus: str,
    baseline_price: float,
    baseline: float,
    draws: Floats,
    left_out: list[float],
) -> _Comparison:
    mean = point.mean
    numbers = {"price": mean.price, "baseline_price": baseline_price, "value": mean.value, "baseline": baseline}
    about = {**panel.place, **point.name, "versus": versus, **numbers, "difference": mean.value - baseline}
    negligible = NEGLIGIBLE * (100.0 if panel.metric.percent else 1.0)
    if versus == SingleThreshold.name and point.is_threshold:
        negligible = np.inf
    return _Comparison(about, draws, left_out, negligible)


def _interval(value: float, draws: Floats, left_out: Sequence[float], level: float) -> tuple[float, float, int]:
    """An interval, and the number of members whose seed noise is in it: 0 for a percentile interval of the resamples."""
    if jackknife(left_out) is None:
        return (*interval(draws, level), 0)
    half = _half(float(draws.std(ddof=1)), left_out, level)
    return value - half, value + half, len(left_out)


def _half(sampling_error: float, left_out: Sequence[float], level: float) -> float:
    return half_width(jackknife(left_out) or 0.0, len(left_out), sampling_error, level)


def _panels(table: pd.DataFrame, result: Result) -> Iterator[_Panel]:
    """The panels of a table, as far as they were resampled; a window set for a task competes in that task alone."""
    known = table.loc[[draws is not None for draws in result.draws]]
    tasks = set(known.task.dropna())
    known = known[known.task.isna() | (known.task == known.metric) | ~known.metric.isin(tasks)]
    for panel, rows in known.groupby(PANEL, dropna=False, sort=False):
        points = []
        for point, own in rows.groupby(SETTING, dropna=False, sort=False):
            members = [set(result.rows[k].members) for k in own.index]
            draws = [draws for draws in (result.draws[k] for k in own.index) if draws is not None]
            means = [Baseline(*row) for row in zip(own.price, own.value, draws, strict=True)]
            matched = [result.thresholds[k] for k in own.index]
            thresholds = [threshold for threshold in matched if threshold is not None]
            mean = _Mean.of(means, members)
            threshold = _Mean.of(thresholds, members) if len(thresholds) == len(means) else None
            is_threshold = bool(thresholds) and all(one.is_window for one in thresholds)
            name = dict(zip(SETTING, point, strict=True))
            points.append(_Point(name, mean, threshold, own.value.tolist(), is_threshold))
        yield _Panel(dict(zip(PANEL, panel, strict=True)), points)
