"""The single threshold, the usual early exit.

Source: Wang et al., ICLR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from wee.method.cascades import Stages
from wee.method.policies.base import Look, Policy
from wee.method.policies.quantiles import check_fraction, quantile
from wee.method.policies.rules import Interval, IntervalRule
from wee.method.scores import DEFAULT_SCORE


@dataclass(frozen=True)
class SingleThreshold(Policy):
    """The samples with confidences up to a threshold go on, as in the usual early exit.

    Attributes:
        quantile: the quantile of the validation confidences that is used as the threshold, in [0, 1]. It is about the share
            of samples that go on.
        score: the confidence that decides.
    """

    name: ClassVar[str] = "threshold"
    label: ClassVar[str] = "single threshold"
    help: ClassVar[str] = "the least confident samples go on: the usual early exit"
    look: ClassVar[Look] = Look("#CC79A7", "v", (0, (1, 1)))
    summarised: ClassVar[bool] = False
    column: ClassVar[str | None] = "fraction"

    quantile: float
    score: str = DEFAULT_SCORE

    def __post_init__(self) -> None:
        check_fraction("quantile of a single threshold", self.quantile)

    def columns(self) -> dict[str, Any]:
        """Return the quantile, as `fraction`."""
        return {"fraction": self.quantile}

    def fit(self, validation: Stages) -> IntervalRule:
        """Return the rule with the thresholds that are the quantiles of the validation confidences."""
        ordered = (summary.ranked(self.score).ascending for summary in validation.summaries[:-1])
        return IntervalRule(self.score, [Interval(-np.inf, quantile(s, self.quantile)) for s in ordered])


def matched_threshold(rule: IntervalRule, validation: Stages) -> IntervalRule:
    """Return single thresholds with which as many validation samples go on from each stage as with windows.

    Windows are compared with this rule: the networks, their order and the cost on validation are the same, but the least
    confident samples go on instead of those near the operating threshold (the comparison of Xia and Bouganis, ICCV 2023,
    section 4.3).

    Args:
        rule: the windows.
        validation: the stages on the validation set.

    Returns:
        A rule whose interval at each stage ranges from minus infinity to the n-th smallest confidence among the samples that
        reach the stage, where n is the number of samples that go on from it with the windows. All samples whose confidence
        equals the threshold go on.
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
    """Return whether windows are single thresholds: no validation sample has a confidence below the window at any stage.

    Args:
        rule: the windows.
        validation: the stages on the validation set.
    """
    pairs = zip(validation.summaries[:-1], rule.intervals, strict=True)
    return all(interval.low <= summary.scores[rule.score].min() for summary, interval in pairs)
