"""Metrics of the predictions alone: accuracy, errors, likelihood and calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.method.arrays import Floats, Ints
from wee.method.cascades import Outcome
from wee.method.metrics.base import MetricKind, Terms

CALIBRATION_BINS = 15
"""The number of bins of equal width for the expected calibration error (Guo et al., ICML 2017)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class MeanKind(MetricKind):
    """A metric that is the mean of one value for each sample.

    Attributes:
        values: function of an outcome that returns these values [N].
    """

    values: Callable[[Outcome], NDArray[Any]]
    ranks: bool = False

    def of_outcome(self, outcome: Outcome, times: Ints | None) -> float:
        """Return the weighted mean of the values."""
        values = self.values(outcome)
        return self.scale * float(values.mean() if times is None else (values * times).sum() / times.sum())

    def terms(self, outcome: Outcome) -> Terms:
        """Return the values, without bins."""
        return self.values(outcome), None


@dataclass(frozen=True, eq=False, kw_only=True)
class CalibrationKind(MetricKind):
    """The expected calibration error."""

    ranks: bool = False

    def of_outcome(self, outcome: Outcome, times: Ints | None) -> float:
        """Return the calibration error of the predictions."""
        return self.scale * calibration_error(outcome, times)

    def terms(self, outcome: Outcome) -> Terms:
        """Return the gap of each prediction, and its bin."""
        return calibration_gaps(outcome)


def calibration_gaps(outcome: Outcome) -> tuple[Floats, Ints]:
    """Return the confidence minus the correctness of each prediction [N], and the bin of each confidence [N]."""
    bins = np.clip(np.ceil(outcome.confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    return outcome.confidence - outcome.correct, bins


def calibration_error(outcome: Outcome, times: Ints | None = None) -> float:
    """Return the expected calibration error over bins of equal width, in [0, 1].

    It is the absolute difference of mean confidence and accuracy in each bin, averaged over samples. Confidence
    is the probability of the predicted class (Guo et al., ICML 2017).

    Args:
        outcome: the outcome on ID data.
        times: how often each sample counts [N]; None for once each.
    """
    gaps, bins = calibration_gaps(outcome)
    gap = np.bincount(bins, gaps if times is None else gaps * times, minlength=CALIBRATION_BINS)
    return float(np.abs(gap).sum() / (len(bins) if times is None else times.sum()))


PREDICTIONS = [
    MeanKind(
        name="accuracy",
        label="accuracy",
        help="share of correct predictions, in per cent",
        higher_is_better=True,
        values=lambda outcome: outcome.correct,
    ),
    MeanKind(
        name="top1_error",
        label="top-1 error",
        help="share of wrong predictions, in per cent",
        higher_is_better=False,
        values=lambda outcome: ~outcome.correct,
    ),
    MeanKind(
        name="top5_error",
        label="top-5 error",
        help="share of samples whose true class is not among the five most probable, in per cent",
        higher_is_better=False,
        values=lambda outcome: ~outcome.top5,
    ),
    MeanKind(
        name="nll",
        label="NLL",
        help="mean negative log likelihood of the true class, in nats",
        higher_is_better=False,
        percent=False,
        values=lambda outcome: -outcome.log_prob,
    ),
    MeanKind(
        name="brier",
        label="Brier score",
        help="mean squared distance of the probabilities from the one-hot truth, in [0, 2]",
        higher_is_better=False,
        percent=False,
        values=lambda outcome: outcome.brier,
    ),
    CalibrationKind(
        name="ece",
        label="ECE",
        help=f"expected calibration error over {CALIBRATION_BINS} bins (Guo et al., ICML 2017), in per cent",
        higher_is_better=False,
    ),
]
"""The metrics of the predictions alone."""
