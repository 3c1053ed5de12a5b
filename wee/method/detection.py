"""Metrics of the separation of two sets by a confidence: ID and OOD data, or correct and wrong predictions.

The set that should have the higher scores is the positive class. Float64 scores of any range are ranked as they are.

Sources: Hendrycks and Gimpel, ICLR 2017; Xia and Bouganis, ICCV 2023 (FPR@t).
"""

from __future__ import annotations

import numpy as np

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats, Ints
from wee.method.curves import Convention
from wee.method.rankings import Ranking


def auroc(positive: Floats, negative: Floats) -> float:
    """Return the probability that a positive has a higher score than a negative, in [0, 1]; ties count one half.

    Args:
        positive: scores [n].
        negative: scores [m].

    Raises:
        WeeError: one of the sets is empty, or a score is NaN.

    Example:
        >>> auroc(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
        0.875
    """
    return ranked_auroc(*_rank(positive, negative))


def aupr(positive: Floats, negative: Floats) -> float:
    """Return the average precision, in (0, 1]: the area under the stepwise precision-recall curve, with ties together.

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
    return ranked_aupr(*_rank(positive, negative))


def fpr_at(positive: Floats, negative: Floats, tpr: float, convention: Convention = "paper") -> float:
    """Return the false positive rate at a true positive rate, in [0, 1].

    Args:
        positive: scores [n].
        negative: scores [m].
        tpr: the share of positives, in [0, 1].
        convention: "paper" uses the smallest observed score whose recall is nearest to `tpr`, "strict" the largest threshold
            whose recall is at least `tpr`.

    Raises:
        WeeError: one of the sets is empty, or a score is NaN.

    Example:
        >>> fpr_at(np.array([4.0, 3.0, 1.0, 0.0]), np.array([2.0, -1.0]), tpr=0.75)
        0.5
    """
    return ranked_fpr_at(Ranking.of(positive, np.zeros(len(positive), dtype=np.bool_)), negative, tpr, convention)


def ranked_auroc(positive: Bools, ends: Ints) -> float:
    """Return the `auroc` of sorted samples.

    Args:
        positive: whether each sample is a positive, by descending score [N].
        ends: the numbers of samples that can be accepted without splitting equal scores, ascending to N.
    """
    accepted = _positives_accepted(positive, ends)
    twice = ((accepted[1:] + accepted[:-1]) * np.diff(_from_zero(ends) - accepted)).sum()
    count = int(accepted[-1])
    return float(twice / (2 * count * (len(positive) - count)))


def ranked_aupr(positive: Bools, ends: Ints) -> float:
    """Return the `aupr` of sorted samples, with the arguments of `ranked_auroc`."""
    accepted = _positives_accepted(positive, ends)
    return float((np.diff(accepted) * (accepted[1:] / ends)).sum() / accepted[-1])


def ranked_fpr_at(positive: Ranking, negative: Floats, tpr: float, convention: Convention = "paper") -> float:
    """Return the `fpr_at` of sorted positives.

    The recall is constant between two ID scores. In the paper's convention, the smallest observed score of the nearest
    recall accepts every OOD sample above the next lower ID score.
    """
    if len(positive) == 0 or len(negative) == 0 or np.isnan(negative).any():
        _check(positive.scores, negative)
    if convention == "strict":
        return float((negative >= recall_threshold(positive.ascending, tpr, "strict")).mean())
    n, scores = len(positive), positive.scores
    below = min(int(tpr * n), n)
    # The possible numbers of accepted ID samples that are nearest to the share, on both sides.
    fewer = positive.above(scores[below]) if below < n else n
    candidates = {fewer, n if fewer == n else positive.above(scores[fewer], inclusive=True)}
    following = max(candidates)
    candidates.add(n if following == n else positive.above(scores[following], inclusive=True))
    if 0 in candidates and not (negative > scores[0]).any():
        candidates.remove(0)  # every observed score accepts an ID sample
    count = min(candidates, key=lambda k: (abs(k / n - tpr), -k))
    return float((negative > scores[count]).mean()) if count < n else 1.0


def recall_threshold(ascending: Floats, tpr: float, convention: Convention = "paper") -> float:
    """Return the operating threshold at which a share of the ID samples is accepted.

    Args:
        ascending: scores of the ID samples [n], ascending.
        tpr: the share, in [0, 1].
        convention: "paper" accepts the nearest possible share, and at least one sample; "strict" uses the largest threshold
            that accepts at least this share.
    """
    count = len(ascending)
    shares = np.arange(1, count + 1) / count
    if convention == "paper":
        accepted = int(np.argmin(np.abs(shares - tpr))) + 1
    else:
        accepted = int(np.searchsorted(shares, min(tpr, 1.0), "left")) + 1
    return float(ascending[count - accepted])


def _rank(positive: Floats, negative: Floats) -> tuple[Bools, Ints]:
    _check(positive, negative)
    is_positive = np.arange(len(positive) + len(negative)) < len(positive)
    ranked = Ranking.of(np.concatenate([positive, negative]), ~is_positive)
    return ~ranked.wrong, ranked.ends


def _positives_accepted(positive: Bools, ends: Ints) -> Ints:
    """Return the number of accepted positives if 0 samples are accepted, and at every end."""
    accepted = np.cumsum(positive, dtype=np.int64)
    return _from_zero(accepted if len(ends) == len(accepted) else accepted[ends - 1])


def _from_zero(numbers: Ints) -> Ints:
    return np.concatenate([[0], numbers])


def _check(positive: Floats, negative: Floats) -> None:
    if len(positive) == 0 or len(negative) == 0:
        raise WeeError(
            f"two sets cannot be distinguished when one is empty: {len(positive)} and {len(negative)} scores"
        )
    if np.isnan(positive).any() or np.isnan(negative).any():
        raise WeeError("some scores are NaN; NaN cannot be ranked")
