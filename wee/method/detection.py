"""Telling two sets apart by a confidence: ID from OOD data, or right predictions from wrong ones.

The set that should have the higher scores is the positive class. Raw float64 scores are ranked, whatever their range.

Sources: Hendrycks and Gimpel, ICLR 2017; Xia and Bouganis, ICCV 2023 (FPR@t).
"""

from __future__ import annotations

import numpy as np

from wee.errors import WeeError
from wee.method.curves import Convention
from wee.method.prefixes import Floats


def auroc(positive: Floats, negative: Floats) -> float:
    """The probability that a positive has the higher score, ties counting half, in [0, 1].

    Args:
        positive: scores [n].
        negative: scores [m].

    Raises:
        WeeError: one of the sets is empty, or a score is NaN.

    Example:
        >>> auroc(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
        0.875
    """
    _check(positive, negative)
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left").sum(dtype=np.float64)
    up_to = np.searchsorted(ordered, positive, "right").sum(dtype=np.float64)
    return float((below + up_to) / (2 * len(positive) * len(negative)))


def aupr(positive: Floats, negative: Floats) -> float:
    """Average precision: the area under the precision-recall curve by steps, ties accepted together, in (0, 1].

    For the other class as the positive one, swap the sets and negate the scores.

    Args:
        positive: scores [n].
        negative: scores [m].

    Raises:
        WeeError: one of the sets is empty, or a score is NaN.

    Example:
        >>> aupr(np.array([3.0, 1.0]), np.array([2.0]))
        0.8333333333333333
    """
    _check(positive, negative)
    thresholds, counts = np.unique(positive, return_counts=True)
    found = len(positive) - np.searchsorted(np.sort(positive), thresholds, "left")
    false = len(negative) - np.searchsorted(np.sort(negative), thresholds, "left")
    return float((counts / len(positive) * (found / (found + false))).sum())


def fpr_at(positive: Floats, negative: Floats, tpr: float, convention: Convention = "paper") -> float:
    """The share of negatives accepted where a share of positives is, in [0, 1].

    Args:
        positive: scores [n].
        negative: scores [m].
        tpr: the share of positives, in [0, 1].
        convention: paper: at the smallest observed score whose recall is nearest to `tpr`; strict: at the largest
            threshold whose recall is at least `tpr`.

    Raises:
        WeeError: one of the sets is empty, or a score is NaN.
    """
    _check(positive, negative)
    ascending = np.sort(positive)
    if convention == "paper":
        observed = np.unique(np.concatenate([positive, negative]))
        recall = (len(positive) - np.searchsorted(ascending, observed, "left")) / len(positive)
        threshold = observed[np.argmin(np.abs(recall - tpr))]
    else:
        threshold = recall_threshold(ascending, tpr, "strict")
    return float((negative >= threshold).mean())


def recall_threshold(ascending: Floats, tpr: float, convention: Convention = "paper") -> float:
    """The operating threshold that accepts a share of ID samples, from their scores alone.

    Args:
        ascending: scores [n], sorted.
        tpr: the share, in [0, 1].
        convention: paper: the share nearest to it, of at least one sample; strict: the largest threshold that
            accepts at least it.
    """
    count = len(ascending)
    shares = np.arange(1, count + 1) / count
    if convention == "paper":
        accepted = int(np.argmin(np.abs(shares - tpr))) + 1
    else:
        accepted = int(np.searchsorted(shares, min(tpr, 1.0), "left")) + 1
    return float(ascending[count - accepted])


def _check(positive: Floats, negative: Floats) -> None:
    if len(positive) == 0 or len(negative) == 0:
        raise WeeError(f"two sets cannot be told apart when one is empty: {len(positive)} and {len(negative)} scores")
    if np.isnan(positive).any() or np.isnan(negative).any():
        raise WeeError("some scores are NaN; NaN cannot be ranked")
