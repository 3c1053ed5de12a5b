"""The window around the operating threshold of a task: the paper's policy.

Source: Xia and Bouganis, ICCV 2023, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np

from wee.errors import WeeError
from wee.method.arrays import Floats
from wee.method.cascades import Stages
from wee.method.curves import OOD_SHARE, Convention, check_share
from wee.method.metrics import Task
from wee.method.policies.base import Look, Policy
from wee.method.policies.quantiles import percentile_rank, quantile
from wee.method.policies.rules import Interval, IntervalRule, Rule, check_length
from wee.method.policies.threshold import matched_threshold
from wee.method.scores import DEFAULT_SCORE
from wee.method.summaries import Summary

Width = float | Literal["all"]
"""The width of a window: the share of validation samples inside, in [0, 1], or "all" for every sample."""


@dataclass(frozen=True)
class Window(Policy):
    """Samples with confidences near the operating threshold go on: the paper's policy.

    Every stage but the last has a separate threshold and window, which are computed from the confidence and the correctness
    of the outputs of the stage on the whole validation set.

    Attributes:
        task: the task whose operating threshold is the centre of the window.
        width: the share of validation samples inside: one number for all stages, or one for each stage but the last. With 0 no
            sample goes on; with "all" every sample goes on.
        score: the name of the confidence that decides.
        convention: the convention of the validation curve, from which the threshold is computed.
    """

    name: ClassVar[str] = "window"
    label: ClassVar[str] = "window cascades"
    help: ClassVar[str] = "samples near the operating threshold of a task go on: the paper's policy"
    look: ClassVar[Look] = Look("#0072B2", "^", order=3)
    adjustable: ClassVar[bool] = True
    adjusted_label: ClassVar[str] = "adjusted windows"
    adjusted_look: ClassVar[Look] = Look("#0072B2", "x", (0, (1, 1)), order=2.5)
    column: ClassVar[str | None] = "width"

    task: Task
    width: Width | Sequence[Width] = 0.2
    score: str = DEFAULT_SCORE
    convention: Convention = "paper"

    def __post_init__(self) -> None:
        for width in self.widths(1):
            check_width(width)

    def widths(self, count: int) -> list[Width]:
        """Return the width for each of `count` stages."""
        return list(self.width) if isinstance(self.width, (list, tuple)) else [cast("Width", self.width)] * count

    def fits(self, stages: int) -> bool:
        """Return whether there is a width for each stage but the last."""
        return len(self.widths(stages - 1)) == stages - 1

    def columns(self) -> dict[str, Any]:
        """Return the width, as `width`; a tuple if there is one for each stage."""
        return {"width": tuple(self.width) if isinstance(self.width, (list, tuple)) else self.width}

    def fit(self, validation: Stages) -> IntervalRule:
        """Return the rule with the windows around the operating thresholds of the validation set."""
        widths = self.widths(len(validation) - 1)
        check_length(len(validation), widths)
        intervals = []
        for summary, width in zip(validation.summaries[:-1], widths, strict=True):
            tau = self.task.tau(summary, self.score, self.convention)
            intervals.append(window(summary.ranked(self.score).ascending, tau, width))
        return IntervalRule(self.score, intervals)

    def adjust(self, rule: Rule, id_stream: Stages, ood_stream: Stages, ood_share: float = OOD_SHARE) -> IntervalRule:
        """Adjust a rule to an unlabelled stream of ID and OOD data: keep the thresholds, and recompute the windows.

        Args:
            rule: the rule fitted on the validation set.
            id_stream, ood_stream: the stages on the ID and OOD samples of the stream, which may differ in number. Labels are
                not used.
            ood_share: the share of OOD data in the stream, in (0, 1), whatever the numbers of samples.
        """
        assert isinstance(rule, IntervalRule)
        intervals = []
        for stage, (interval, width) in enumerate(zip(rule.intervals, self.widths(len(rule.intervals)), strict=True)):
            assert interval.tau is not None
            stream = Stream.beside(id_stream.summaries[stage], ood_stream.summaries[stage], self.score, ood_share)
            intervals.append(stream.window(interval.tau, width))
        return IntervalRule(self.score, intervals)

    def counterpart(self, rule: Rule, validation: Stages) -> IntervalRule:
        """Return single thresholds with which as many validation samples go on; see `matched_threshold`."""
        assert isinstance(rule, IntervalRule)
        return matched_threshold(rule, validation)


def window(ascending: Floats, tau: float, width: Width) -> Interval:
    """Return the window with a given width around a threshold.

    Args:
        ascending: validation confidences in ascending order [N].
        tau: the operating threshold.
        width: the share of the confidences inside, in [0, 1], or "all".

    Returns:
        The interval between the quantiles at tau's percentile rank minus and plus half the width, clamped to [0, 1]. It is
        empty for width 0 and unbounded for "all".

    Example:
        >>> window(np.arange(10.0), tau=4.0, width=0.5)
        Interval(low=2.25, high=6.75, tau=4.0, rank=0.5)
    """
    return _around(tau, percentile_rank(ascending, tau), width, lambda q: quantile(ascending, q))


def stream_window(
    id_scores: Floats, ood_scores: Floats, tau: float, width: Width, ood_share: float = OOD_SHARE
) -> Interval:
    """Return the window with a given width around a threshold in a stream of ID and OOD data.

    Each set has a given weight, whatever its size. If the weights are those of the sizes, as for sets of equal size and a
    share of one half, this is `window` over all their scores.

    Args:
        id_scores: confidences [n], in any order.
        ood_scores: confidences [m].
        tau: the operating threshold.
        width: the share of the stream inside, in [0, 1], or "all".
        ood_share: the share of OOD data in the stream, in (0, 1).

    Raises:
        WeeError: the share is not in (0, 1).
    """
    return Stream(id_scores, ood_scores, ood_share).window(tau, width)


class Stream:
    """The confidences of a stream of ID and OOD data, sorted once for all windows; see `stream_window`."""

    def __init__(self, id_scores: Floats, ood_scores: Floats, ood_share: float = OOD_SHARE) -> None:
        check_share(ood_share)
        scores = np.concatenate([id_scores, ood_scores])
        order = np.argsort(scores, kind="stable")
        weights = (1 - ood_share) / len(id_scores), ood_share / len(ood_scores)
        weight = np.where(order < len(id_scores), *weights)
        self._ascending = scores[order]
        self._before = np.concatenate([[0.0], np.cumsum(weight)])
        self._positions = self._before[:-1] / (1 - weight[-1])

    @classmethod
    def beside(cls, id_summary: Summary, ood_summary: Summary, score: str, ood_share: float = OOD_SHARE) -> Stream:
        """Return the stream of two summaries of the same members."""
        key = (
            "stream",
            id(ood_summary),
            score,
            ood_share,
        )  # the memo keeps the OOD summary, so that its id stays unique
        make = lambda: (ood_summary, cls(id_summary.scores[score], ood_summary.scores[score], ood_share))  # noqa: E731
        return id_summary.once(key, make)[1]

    def window(self, tau: float, width: Width) -> Interval:
        """Return the window with a given width around a threshold."""
        left, right = (int(np.searchsorted(self._ascending, tau, side)) for side in ("left", "right"))
        rank = float(self._before[left] + self._before[right]) / 2 + (right > left) / (2 * len(self._ascending))
        return _around(tau, rank, width, lambda q: float(np.interp(q, self._positions, self._ascending)))


def _around(tau: float, rank: float, width: Width, quantile_of: Callable[[float], float]) -> Interval:
    """Return the interval between the quantiles half a width below and above a percentile rank; see `window`."""
    check_width(width)
    if width == "all":
        return Interval(-np.inf, np.inf, tau, rank)
    if width == 0:
        return Interval(np.inf, -np.inf, tau, rank)
    low, high = (quantile_of(min(max(rank + side * width / 2, 0.0), 1.0)) for side in (-1, 1))
    return Interval(low, high, tau, rank)


def check_width(width: object) -> None:
    """Check that a value is a width.

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
