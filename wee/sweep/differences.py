"""Comparisons of policies at equal average cost and at equal quality, resample by resample.

The points that are compared are settings, averaged over the orders and the choices of members. Both sides of a comparison
use the same draws of groups of test samples. With three or more members, every interval includes seed noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from wee.sweep.cells import NUMBERS, SCALES
from wee.sweep.prices import columns_with_macs, with_macs
from wee.sweep.results import AVERAGED
from wee.sweep.rows import PANEL, SETTING
from wee.sweep.run import Baseline, Result

WITHIN = "within"
"""The name of the comparison of a cascade across scales with the cascades within single scales."""

FULL = "full"
"""The name of the comparison with the ensemble of all the networks of a cascade."""

SCORE = "score="
"""The name of the comparison with the first score of a sweep, before the name of that score."""

UNADJUSTED = "unadjusted"
"""The name of the comparison of windows that are adjusted to a stream with the same windows as validation sets them."""

NEGLIGIBLE = 1e-6
"""The share of a metric's range below which a standard deviation means that two numbers are equal by construction."""

DIFFERENCES = columns_with_macs([
    *PANEL, *SETTING, "versus", "price", "baseline_price", "value", "baseline", "difference", "lower", "upper",
    "simultaneous_lower", "simultaneous_upper", "comparisons", "seeds",
])  # fmt: skip

EQUAL_QUALITY = columns_with_macs([
    *PANEL, *SETTING, "price", "value", "single_price", "bound", "share", "lower", "upper", "seeds",
])  # fmt: skip


@dataclass(frozen=True)
class _Mean:
    """The mean of a setting, or of its baseline, over orders and choices of members.

    Attributes:
        price, value, draws: the average cost, the value of the metric, and its resampled values [resamples].
        left_out: price and value without each member, by member; NaN if no row is left without it.
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
        mean: the mean of the setting.
        threshold: the mean of the single thresholds that a window is compared with; None for other policies.
        values: the values that were averaged.
        is_threshold: whether every window acts as a single threshold, clamped at the lowest validation score of each stage.
    """

    name: dict[str, Any]
    mean: _Mean
    threshold: _Mean | None
    values: list[float]
    is_threshold: bool

    @property
    def scales(self) -> int:
        """The number of different scales of the stages."""
        return len(set(SCALES.read(self.name["scale"])))


@dataclass(frozen=True)
class _Panel:
    """The points that are measured by the same metric on the same data.

    Attributes:
        place: the values of the columns `PANEL`.
        points: the points.
    """

    place: dict[str, Any]
    points: list[_Point]

    def curve(self, policy: str) -> _Curve | None:
        """Return the curve that joins the points of a policy, one for each scale; None if the panel has no point of it.

        Ensembles across scales are on the curve only if there are none within single scales.
        """
        points = [point for point in self.points if point.name["policy"] == policy]
        return _Curve.of([point for point in points if point.scales == 1] or points)

    def within(self, point: _Point) -> _Curve | None:
        """Return the curve of the cascades within single scales that are otherwise like a cascade across scales.

        They have the same policy with the same parameters, and as many stages if there are such; otherwise, the most. The
        result is None if the point is no cascade across scales, or if there are no cascades within scales.
        """
        if point.scales == 1 or POLICIES.find(point.name["policy"]).role is not Role.CASCADE:
            return None
        differ = ("scale", "size")
        alike = [
            other
            for other in self.points
            if other.scales == 1
            and all(_equal(other.name[key], point.name[key]) for key in SETTING if key not in differ)
        ]
        sizes = {other.name["size"] for other in alike}
        size = point.name["size"] if point.name["size"] in sizes else max(sizes, default=0)
        return _Curve.of([other for other in alike if other.name["size"] == size])

    @property
    def baselines(self) -> list[str]:
        """The names of the policies whose curves other policies are compared with."""
        names = dict.fromkeys([*BASELINES, *(str(point.name["policy"]) for point in self.points)])
        return [name for name in names if POLICIES.find(name).baseline]

    def full(self, point: _Point) -> _Mean | None:
        """Return the ensemble of all the networks of a cascade; None if the point is not a cascade, or has no ensemble."""
        if POLICIES.find(point.name["policy"]).role is not Role.CASCADE:
            return None
        for other in self.points:
            if other.name["policy"] == Ensemble.name and all(
                other.name[key] == point.name[key] for key in ("scale", "size")
            ):
                return other.mean
        return None

    def unadjusted(self, point: _Point) -> _Mean | None:
        """Return the setting of an adjusted point without the adjustment; None if the point is not adjusted."""
        if not point.name["adjusted"]:
            return None
        name = {**point.name, "adjusted": False}
        return next(other.mean for other in self.points if all(_equal(other.name[key], name[key]) for key in SETTING))

    @cached_property
    def metric(self) -> Metric:
        """The metric of the panel."""
        return Metric.parse(str(self.place["metric"]))


@dataclass(frozen=True)
class _Curve:
    """The points of a policy, one for each scale: a value over an average cost, interpolated linearly in the log of the cost.

    Attributes:
        points: the points, in ascending order of their prices.
    """

    points: list[_Mean]

    @classmethod
    def of(cls, points: Sequence[_Point]) -> _Curve | None:
        """Return the curve through some points, in any order; None if there are none."""
        means = sorted((point.mean for point in points), key=lambda mean: mean.price)
        return cls(means) if means else None

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
        """Return the prices and values of the curve without a member."""
        pairs = [point.left_out.get(member, (point.price, point.value)) for point in self.points]
        prices, values = (np.array(column) for column in zip(*pairs, strict=True))
        return prices, values


def averages(table: pd.DataFrame, result: Result, level: float) -> pd.DataFrame:
    """Average every setting over its orders and choices of members, with an interval of the mean.

    Args:
        table: the table of a sweep.
        result: the rows that the table was made from, with their resampled values.
        level: the coverage of the intervals.

    Returns:
        A row for each point and panel with `price`, `value`, `lower` and `upper`, `least` and `greatest` (the ends of
        the averaged values), `count` (the number of averaged values) and `seeds` (the number of members whose seed
        noise the interval includes; 0 if it includes only the sampling error of the test set).
    """
    rows = []
    for panel in _panels(table, result):
        for point in panel.points:
            left_out = [value for _, value in point.mean.left_out.values()]
            lower, upper, seeds = _interval(point.mean.value, point.mean.draws, left_out, level)
            numbers = {"price": point.mean.price, "value": point.mean.value, "lower": lower, "upper": upper}
            spread = {"least": min(point.values), "greatest": max(point.values)}
            counts = {"count": len(point.values), "seeds": seeds}
            rows.append({**panel.place, **point.name, **numbers, **spread, **counts})
    return with_macs(pd.DataFrame(rows, columns=AVERAGED))


def differences(table: pd.DataFrame, result: Result, level: float) -> pd.DataFrame:
    """Compare every point with single models, ensembles, the single threshold, the full ensemble and the like.

    Single models and ensembles are compared with a point through their curve, read at the price of the point. Curves run
    through the scales, linear in the logarithm of the price. (If the true curve is concave, such chords slightly favour points
    between the scales.) The single threshold that a window is compared with is the rule of the same networks that passes on
    the same share of validation samples at each stage. A cascade across scales is also compared with the curve of the cascades
    within single scales, if the sweep has both; see `_Panel.within`. In a sweep with several scores, a system that uses another
    one than the first is compared with the same system with the first score.

    Args:
        table: the table of a sweep.
        result: the rows that the table was made from, with their resampled values.
        level: the coverage of the intervals.

    Returns:
        A row for each point and baseline (`versus`: "single", "ensemble" or the name of another policy that is a baseline;
        "threshold"; "full"; "within"; or "score=msp" for the first score): the point's `price` and `value`; the `baseline`
        value and `baseline_price`; their `difference`; the ends `lower` and `upper` of its individual interval;
        `simultaneous_lower` and `simultaneous_upper`, the ends of an interval that holds simultaneously for all `comparisons`
        in the table (NaN for a difference that is zero by construction); and `seeds`, the number of members whose seed noise
        the intervals include.
    """
    panels = list(_panels(table, result))
    compared = [row for panel in panels for row in _compare(panel)]
    scores = table.score.dropna()
    if len(scores):
        compared += _compare_scores(panels, str(scores.iloc[0]))
    return _with_intervals(compared, level)


def adjustments(table: pd.DataFrame, result: Result, level: float) -> pd.DataFrame:
    """Compare windows that are adjusted to a stream with the unadjusted windows of the same cascades.

    Both are run on the same stream of ID and OOD samples, and resampled alike.

    Args:
        table: the table of a sweep.
        result: the rows that the table was made from, with their resampled values.
        level: the coverage of the intervals.

    Returns:
        A row for each adjusted point, with the columns of `differences`: `versus` is "unadjusted", `baseline` and
        `baseline_price` are those of the unadjusted window, and simultaneous intervals hold for all comparisons in this table.
    """
    compared = []
    for panel in _panels(table, result):
        for point in panel.points:
            unadjusted = panel.unadjusted(point)
            if unadjusted is not None:
                compared.append(_with_the_same_networks(panel, point, UNADJUSTED, unadjusted))
    return _with_intervals(compared, level)


def _with_intervals(compared: Sequence[_Comparison], level: float) -> pd.DataFrame:
    """Return comparisons as a table, each with its own interval and one that holds for all of them simultaneously."""
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
        if seeds:  # widen the part for seed noise by the same factor as the part for sampling error
            half *= _half(family.errors[k], row.left_out, level) / half_width(0.0, seeds, family.errors[k], level)
        row.about.update(simultaneous_lower=values[k] - half, simultaneous_upper=values[k] + half)
    return with_macs(pd.DataFrame(rows, columns=DIFFERENCES))


def equal_quality(table: pd.DataFrame, result: Result, level: float) -> pd.DataFrame:
    """Return the price of every point as a share of the price of a single model with the same value.

    The curve of the single models runs through the scales, linear in the logarithm of the price. `single_price` is the lowest
    price at which the curve reaches the point's value.

    Args:
        table: the table of a sweep.
        result: the rows that the table was made from, with their resampled values.
        level: the coverage of the intervals.

    Returns:
        A row for each point that is not a single model, in every metric but the deployed ones: `price`, `value`,
        `single_price`, their ratio `share`, its interval from `lower` to `upper`, and `bound`. If no single model reaches the
        value, `bound` is "<": `share` is relative to the most expensive single model, and the true share is lower. If the
        cheapest single model exceeds the value, `bound` is ">". Such resamples count as a share of 0 and of infinity. With
        three or more members, the interval includes seed noise: its ends are the shares at the point's value plus and minus
        half the width of the interval of its difference from the curve of the single models at `single_price`.
    """
    rows = []
    for panel in _panels(table, result):
        curve = panel.curve(Single.name)
        if curve is None or panel.metric.deployed is not None:  # a deployed value depends on the fitted threshold
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
    """Return the lowest price at which a curve, linear in the logarithm of the price, reaches a value.

    Args:
        prices: prices of the curve's points [n], ascending.
        values: values of the curve's points [n, resamples].
        wanted: the value to reach [resamples].
        higher_is_better: whether high values are good.

    Returns:
        Prices [resamples]; infinity where the curve does not reach the value, 0 where its first point exceeds it.
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
    """Return the price of a point as a share of the prices at which a curve reaches some values [values]."""
    repeated = np.repeat(curve.values[:, None], len(values), axis=1)
    return _share_of(mean.price, price_at(curve.prices, repeated, values, higher_is_better))


def _half_at(mean: _Mean, curve: _Curve, price: float, level: float) -> float | None:
    """Return half the width of the interval of a point's difference from a curve; None if seed noise is not known.

    Args:
        mean: the point.
        curve: the curve.
        price: the price at which the curve is read.
        level: the coverage of the interval.
    """
    left_out = [value - _read(*curve.without(member), price) for member, (_, value) in mean.left_out.items()]
    if jackknife(left_out) is None:
        return None
    draws = mean.draws - at_macs(curve.prices, curve.draws, float(np.clip(price, curve.prices[0], curve.prices[-1])))
    return _half(float(draws.std(ddof=1)), left_out, level)


def _share_of(price: float, needed: Floats) -> Floats:
    """Return price / needed, elementwise: infinite where `needed` is 0, and 0 where it is infinite."""
    with np.errstate(divide="ignore"):
        return np.divide(price, needed)


@dataclass(frozen=True)
class _Comparison:
    """The comparison of one point with one baseline.

    Attributes:
        about: the row of the table, without its intervals.
        draws: resampled values of the difference [resamples].
        left_out: the difference without each member.
        negligible: the standard deviation below which both sides are equal by construction.
    """

    about: dict[str, Any]
    draws: Floats
    left_out: list[float]
    negligible: float


def _compare(panel: _Panel) -> Iterator[_Comparison]:
    """Compare every point of a panel with every baseline that applies to it."""
    for versus in panel.baselines:
        curve = panel.curve(versus)
        for point in panel.points:
            if point.name["policy"] != versus or point.scales > 1:
                yield from _at_equal_price(panel, point, versus, curve)
    for point in panel.points:
        yield from _at_equal_price(panel, point, WITHIN, panel.within(point))
    for point in panel.points:
        for versus, baseline in ((SingleThreshold.name, point.threshold), (FULL, panel.full(point))):
            if baseline is not None:
                yield _with_the_same_networks(panel, point, versus, baseline)


def _compare_scores(panels: Sequence[_Panel], first: str) -> Iterator[_Comparison]:
    """Compare every system that uses another score than the first with the same system with the first score.

    The first score replaces the other one where it decides exits, and where it ranks results: everywhere in systems without
    exits, and in cascades whose results are ranked by the score that decides their exits. Both sides cost what they cost.
    """

    def key(place: Mapping[str, Any], name: Mapping[str, Any]) -> tuple[Any, ...]:
        cells = [*(place[column] for column in PANEL), *(name[column] for column in SETTING)]
        return tuple(None if pd.isna(cell) else cell for cell in cells)

    known = {key(panel.place, point.name): point.mean for panel in panels for point in panel.points}
    for panel in panels:
        ranked_by = panel.place["eval_score"]
        for point in panel.points:
            score = point.name["score"]
            replaced = ranked_by if pd.isna(score) else score
            if pd.isna(replaced) or replaced == first:
                continue
            place = {**panel.place, "eval_score": first} if ranked_by == replaced else panel.place
            name = point.name if pd.isna(score) else {**point.name, "score": first}
            baseline = known.get(key(place, name))
            if baseline is not None:
                yield _with_the_same_networks(panel, point, f"{SCORE}{first}", baseline)


def _with_the_same_networks(panel: _Panel, point: _Point, versus: str, baseline: _Mean) -> _Comparison:
    """Compare a point with another system of the same networks, whatever that costs."""
    left_out = [
        value - baseline.left_out.get(member, (0.0, np.nan))[1] for member, (_, value) in point.mean.left_out.items()
    ]
    draws = point.mean.draws - baseline.draws
    return _comparison(panel, point, versus, baseline.price, baseline.value, draws, left_out)


def _at_equal_price(panel: _Panel, point: _Point, versus: str, curve: _Curve | None) -> Iterator[_Comparison]:
    """Compare a point with a curve at the price of the point, unless the curve does not reach there."""
    mean = point.mean
    if curve is None or any(other is mean for other in curve.points):
        return
    baseline = float(at_macs(curve.prices, curve.values, mean.price))
    if np.isnan(baseline):
        return
    draws = mean.draws - at_macs(curve.prices, curve.draws, mean.price)
    left_out = [value - _read(*curve.without(member), price) for member, (price, value) in mean.left_out.items()]
    yield _comparison(panel, point, versus, mean.price, baseline, draws, left_out)


def _equal(first: Any, second: Any) -> bool:
    """Return whether two cells are equal; missing values are."""
    return bool(first == second or (pd.isna(first) and pd.isna(second)))


def _read(prices: Floats, values: Floats, wanted: float) -> float:
    """Return the value of a curve at a price.

    The price is clipped to the range of the curve, because a point may lie slightly beyond it when a member is left out.
    """
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
    """Return the ends of an interval, and the number of members whose seed noise it includes.

    The number is 0 for a percentile interval of the resamples.
    """
    if jackknife(left_out) is None:
        return (*interval(draws, level), 0)
    half = _half(float(draws.std(ddof=1)), left_out, level)
    return value - half, value + half, len(left_out)


def _half(sampling_error: float, left_out: Sequence[float], level: float) -> float:
    return half_width(jackknife(left_out) or 0.0, len(left_out), sampling_error, level)


def _panels(table: pd.DataFrame, result: Result) -> Iterator[_Panel]:
    """Yield the panels of the resampled rows of a table; a window that is set for a task is compared in that task only."""
    resampled = table.loc[[draws is not None for draws in result.draws]]
    tasks = set(resampled.task.dropna())
    resampled = resampled[resampled.task.isna() | (resampled.task == resampled.metric) | ~resampled.metric.isin(tasks)]
    for panel, panel_rows in resampled.groupby(PANEL, dropna=False, sort=False):
        points = []
        for point, rows in panel_rows.groupby(SETTING, dropna=False, sort=False):
            members = [set(NUMBERS.read(cell)) for cell in rows.members]
            draws = [draws for draws in (result.draws[k] for k in rows.index) if draws is not None]
            measured = [Baseline(*row) for row in zip(rows.price, rows.value, draws, strict=True)]
            matched = [result.thresholds[k] for k in rows.index]
            thresholds = [threshold for threshold in matched if threshold is not None]
            mean = _Mean.of(measured, members)
            threshold = _Mean.of(thresholds, members) if len(thresholds) == len(measured) else None
            is_threshold = bool(thresholds) and all(threshold.is_window for threshold in thresholds)
            name = dict(zip(SETTING, point, strict=True))
            points.append(_Point(name, mean, threshold, rows.value.tolist(), is_threshold))
        yield _Panel(dict(zip(PANEL, panel, strict=True)), points)
