"""Policies: who goes on to the next stage of a cascade.

A policy is fitted on the validation set, once, and becomes a rule. A rule sends samples through the
stages of any data set, and never sees a label. Scores are confidences throughout, so a window is an
interval of confidence.

Sources: Xia and Bouganis, ICCV 2023, section 3.2 (window); Wang et al., ICLR 2022 (single threshold).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import numpy as np

from wee.errors import WeeError
from wee.method.arrays import Floats, Ints
from wee.method.cascades import Stages
from wee.method.curves import Convention
from wee.method.metrics import Task
from wee.method.summaries import Summary

Width = float | Literal["all"]
"""The width of a window: the share of validation samples inside, in [0, 1], or "all" for every sample there is."""


class Rule(Protocol):
    """A fitted policy."""

    def __call__(self, stages: Stages) -> Ints:
        """The stage at which every sample leaves [N]."""
        ...


class Policy(Protocol):
    """Something that can be fitted on the validation set."""

    def fit(self, validation: Stages) -> Rule:
        """The rule for any data set."""
        ...


@dataclass(frozen=True)
class Interval:
    """Confidences that go on: low <= s <= high, and the tau they were drawn around.

    Attributes:
        low, high: the ends, both inside; nothing lies in an interval with low > high.
        tau: the operating threshold of the task, None where the policy has none.
        rank: the percentile rank of tau among the validation scores, in [0, 1].
    """

    low: float
    high: float
    tau: float | None = None
    rank: float | None = None

    def __contains__(self, score: float) -> bool:
        return self.low <= score <= self.high


@dataclass(frozen=True)
class IntervalRule:
    """A sample goes on from a stage iff its confidence there lies in that stage's interval.

    Attributes:
        score: which confidence is looked at.
        intervals: one for every stage but the last.
    """

    score: str
    intervals: Sequence[Interval]

    def __call__(self, stages: Stages) -> Ints:
        """The stage at which every sample leaves [N]."""
        _same_length(len(stages), self.intervals)
        exits = np.zeros(len(stages.ids), dtype=np.int64)
        running = np.ones(len(stages.ids), dtype=np.bool_)
        for summary, interval in zip(stages.summaries[:-1], self.intervals, strict=True):
            s = summary.scores[self.score]
            running &= (interval.low <= s) & (s <= interval.high)
            exits += running
        return exits


@dataclass(frozen=True)
class FixedRule:
    """Every sample leaves at the same stage.

    Attributes:
        stage: counted from 0.
    """

    stage: int

    def __call__(self, stages: Stages) -> Ints:
        """The stage at which every sample leaves [N]."""
        return np.full(len(stages.ids), self.stage, dtype=np.int64)


@dataclass(frozen=True)
class Single:
    """Nothing goes on: the first network alone."""

    def fit(self, validation: Stages) -> FixedRule:
        """The rule for any data set."""
        return FixedRule(0)


@dataclass(frozen=True)
class Ensemble:
    """Everything goes on: the whole ensemble."""

    def fit(self, validation: Stages) -> FixedRule:
        """The rule for any data set."""
        return FixedRule(len(validation) - 1)


@dataclass(frozen=True)
class Window:
    """Samples near the operating threshold go on: the paper's policy.

    Every stage but the last has its own threshold and window, from the confidence and the correctness of
    what has run so far, over the whole validation set.

    Attributes:
        task: the task whose operating threshold the window lies around.
        width: the share of validation samples inside, one number for all stages or one for each but the
            last. Two widths are names rather than quantiles: with 0 nothing goes on, with "all" everything.
        score: the confidence to decide by.
        convention: how the threshold is read off the validation curve.
    """

    task: Task
    width: Width | Sequence[Width] = 0.2
    score: str = "msp"
    convention: Convention = "paper"

    def __post_init__(self) -> None:
        for width in self.widths(1):
            check_width(width)

    def widths(self, count: int) -> list[Width]:
        """The width for each of a number of stages."""
        return list(self.width) if isinstance(self.width, (list, tuple)) else [cast("Width", self.width)] * count

    def fit(self, validation: Stages) -> IntervalRule:
        """The rule for any data set."""
        widths = self.widths(len(validation) - 1)
        _same_length(len(validation), widths)
        intervals = []
        for summary, width in zip(validation.summaries[:-1], widths, strict=True):
            tau = self.task.tau(summary, self.score, self.convention)
            intervals.append(window(summary.ranked(self.score).ascending, tau, width))
        return IntervalRule(self.score, intervals)

    def adjust(self, rule: IntervalRule, id_stream: Stages, ood_stream: Stages) -> IntervalRule:
        """The rule moved to an unlabelled stream that is half ID and half OOD: the same thresholds, other windows.

        Args:
            rule: as fitted on the validation set.
            id_stream, ood_stream: what is known of the stream; labels are not looked at, sets may differ in size.
        """
        intervals = []
        for stage, (interval, width) in enumerate(zip(rule.intervals, self.widths(len(rule.intervals)), strict=True)):
            assert interval.tau is not None
            stream = Stream.beside(id_stream.summaries[stage], ood_stream.summaries[stage], self.score)
            intervals.append(stream.window(interval.tau, width))
        return IntervalRule(self.score, intervals)


@dataclass(frozen=True)
class SingleThreshold:
    """Samples below one threshold go on: the usual early exit, the least confident share of them.

    Attributes:
        quantile: the quantile of the validation confidences that is the threshold, in [0, 1]: about the
            share of samples that goes on.
        score: the confidence to decide by.
    """

    quantile: float
    score: str = "msp"

    def __post_init__(self) -> None:
        check_fraction("quantile of a single threshold", self.quantile)

    def fit(self, validation: Stages) -> IntervalRule:
        """The rule for any data set."""
        ordered = (summary.ranked(self.score).ascending for summary in validation.summaries[:-1])
        return IntervalRule(self.score, [Interval(-np.inf, quantile(s, self.quantile)) for s in ordered])


@dataclass(frozen=True)
class Random:
    """A share of the samples goes on, whatever they are: the control.

    One draw a sample and stage, keyed by the sample's id: the same sample has the same draw in every data
    set, order, process and quantity computed.

    Attributes:
        probability: of going on from a stage, in [0, 1].
        seed: another seed is another set of draws.
    """

    probability: float
    seed: int = 0

    def __post_init__(self) -> None:
        check_fraction("probability of a random exit", self.probability)

    def fit(self, validation: Stages) -> Random:
        """Itself: there is nothing to fit."""
        return self

    def __call__(self, stages: Stages) -> Ints:
        """The stage at which every sample leaves [N]."""
        exits = np.zeros(len(stages.ids), dtype=np.int64)
        running = np.ones(len(stages.ids), dtype=np.bool_)
        for stage in range(len(stages) - 1):
            running &= stages.draws(self.seed, stage) < self.probability
            exits += running
        return exits


def matched_threshold(rule: IntervalRule, validation: Stages) -> IntervalRule:
    """The single threshold that sends on as many validation samples as a window does, at each stage.

    It is what a window is to be compared with: the same networks in the same order at the same cost on validation, but the
    least confident samples go on instead of those near the operating threshold (the comparison of Xia and Bouganis, ICCV
    2023, section 4.3).

    Args:
        rule: the windows.
        validation: the stages on the validation set.

    Returns:
        A rule whose interval at each stage reaches from minus infinity to the n-th smallest confidence among the samples
        that reach that stage, where n is the number of samples that the windows send on from it. Samples whose confidence is
        equal to the threshold go on together.
    """
    inside = np.ones(len(validation.ids), dtype=np.bool_)
    below = np.ones(len(validation.ids), dtype=np.bool_)
    intervals = []
    for summary, interval in zip(validation.summaries[:-1], rule.intervals, strict=True):
        scores = summary.scores[rule.score]
        inside &= (interval.low <= scores) & (scores <= interval.high)
        count, reaching = int(inside.sum()), scores[below]
        if count == 0:
            threshold = -np.inf
        elif count >= len(reaching):
            threshold = np.inf
        else:
            threshold = float(np.partition(reaching, count - 1)[count - 1])
        below &= scores <= threshold
        intervals.append(Interval(-np.inf, threshold))
    return IntervalRule(rule.score, intervals)


def is_threshold(rule: IntervalRule, validation: Stages) -> bool:
    """Whether windows are single thresholds: at every stage, no validation sample has a confidence below the window.

    Args:
        rule: the windows.
        validation: the stages on the validation set.
    """
    pairs = zip(validation.summaries[:-1], rule.intervals, strict=True)
    return all(interval.low <= summary.scores[rule.score].min() for summary, interval in pairs)


def window(ascending: Floats, tau: float, width: Width) -> Interval:
    """The window of a width around a threshold.

    Args:
        ascending: validation confidences in ascending order [N].
        tau: the operating threshold.
        width: the share of the confidences inside, in [0, 1], or "all".

    Returns:
        The quantiles half a width either side of tau's percentile rank, clamped to those of 0 and 1; empty for
        width 0, boundless for "all".

    Example:
        >>> window(np.arange(10.0), tau=4.0, width=0.5)
        Interval(low=2.25, high=6.75, tau=4.0, rank=0.5)
    """
    return _around(tau, percentile_rank(ascending, tau), width, lambda q: quantile(ascending, q))


def stream_window(id_scores: Floats, ood_scores: Floats, tau: float, width: Width) -> Interval:
    """The window of a width around a threshold in a stream that is half ID and half OOD, by weights.

    Each set counts one half, whatever its size; with sets of equal size this is `window` over all their scores.

    Args:
        id_scores: confidences [n], in any order.
        ood_scores: confidences [m].
        tau: the operating threshold.
        width: the share of the stream inside, in [0, 1], or "all".
    """
    return Stream(id_scores, ood_scores).window(tau, width)


class Stream:
    """The confidences of a stream that is half ID and half OOD, sorted once for all windows; see `stream_window`."""

    def __init__(self, id_scores: Floats, ood_scores: Floats) -> None:
        scores = np.concatenate([id_scores, ood_scores])
        order = np.argsort(scores, kind="stable")
        weight = np.where(order < len(id_scores), 1 / (2 * len(id_scores)), 1 / (2 * len(ood_scores)))
        self._ascending = scores[order]
        self._before = np.concatenate([[0.0], np.cumsum(weight)])
        self._positions = self._before[:-1] / (1 - weight[-1])

    @classmethod
    def beside(cls, id_prefix: Summary, ood_prefix: Summary, score: str) -> Stream:
        """What a set of members says about both sets."""
        key = ("stream", id(ood_prefix), score)  # the OOD summary is kept, so that its id stays its own
        make = lambda: (ood_prefix, cls(id_prefix.scores[score], ood_prefix.scores[score]))  # noqa: E731
        return id_prefix.once(key, make)[1]

    def window(self, tau: float, width: Width) -> Interval:
        """The window of a width around a threshold."""
        left, right = (int(np.searchsorted(self._ascending, tau, side)) for side in ("left", "right"))
        rank = float(self._before[left] + self._before[right]) / 2 + (right > left) / (2 * len(self._ascending))
        return _around(tau, rank, width, lambda q: float(np.interp(q, self._positions, self._ascending)))


def _around(tau: float, rank: float, width: Width, quantile_of: Callable[[float], float]) -> Interval:
    """The quantiles half a width either side of a percentile rank, clamped to those of 0 and 1; see `window`."""
    check_width(width)
    if width == "all":
        return Interval(-np.inf, np.inf, tau, rank)
    if width == 0:
        return Interval(np.inf, -np.inf, tau, rank)
    low, high = (quantile_of(min(max(rank + side * width / 2, 0.0), 1.0)) for side in (-1, 1))
    return Interval(low, high, tau, rank)


def percentile_rank(ascending: Floats, value: float) -> float:
    """The share of sorted numbers below a value, in [0, 1], the value itself counted half where it occurs.

    (#(s < value) + #(s <= value) + [value occurs]) / 2N, as scipy's `percentileofscore(kind="rank")`.
    """
    below = int(np.searchsorted(ascending, value, "left"))
    up_to = int(np.searchsorted(ascending, value, "right"))
    return (below + up_to + (up_to > below)) / (2 * len(ascending))


def quantile(ascending: Floats, q: float) -> float:
    """The q-quantile of sorted numbers, linearly interpolated, as `numpy.quantile` does by default (to the last bit or two)."""
    position = q * (len(ascending) - 1)
    below = int(position)
    above = min(below + 1, len(ascending) - 1)
    fraction = position - below
    low, high = float(ascending[below]), float(ascending[above])
    return low if low == high else low + (high - low) * fraction


def check_width(width: object) -> None:
    """Refuse what is no width.

    Raises:
        WeeError: the width is neither a number in [0, 1] nor "all".
    """
    if width == "all" and isinstance(width, str):
        return
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not 0 <= width <= 1:
        raise WeeError(
            f"a window cannot be {width!r} wide: a width is a number in [0, 1], the share of validation samples "
            f"inside, or 'all'"
        )


def check_fraction(what: str, value: object) -> None:
    """Refuse what is no share of something.

    Raises:
        WeeError: the value is not a number in [0, 1].
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise WeeError(f"the {what} cannot be {value!r}: it is a number in [0, 1]")


def _same_length(stages: int, settings: Sequence[object]) -> None:
    if len(settings) != stages - 1:
        raise WeeError(
            f"a cascade of {stages} stages needs {stages - 1} windows, one for each but the last; got {len(settings)}"
        )
