"""Risk-coverage curves of selective classification, and of streams with OOD data (SCOD).

Samples are sorted by descending confidence, and the first ones are accepted. Coverage is the share of accepted samples,
and risk is the share of errors among them (0 if no sample is accepted). With OOD data in the stream (SCOD), ID and OOD
data have a weight of one half each unless another share is given, and an accepted OOD sample counts as an error.

There are two conventions. `paper` has a point after every sample and uses the point *nearest* to the requested risk or
coverage. It reproduces published numbers, may exceed a requested risk, and depends on the order of samples with equal
scores. In `strict`, samples with equal scores are accepted or rejected together, a requested risk is never exceeded, a
requested coverage is always reached, and the order of the samples does not matter.

Sources: Geifman and El-Yaniv, NeurIPS 2017 (the curve); Xia and Bouganis, ICCV 2023 (Cov@r, Risk@c); Xia and Bouganis,
ACCV 2022 (SCOD); Traub et al., NeurIPS 2024 (AUGRC).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats, Ints, counts, shares
from wee.method.rankings import Ranking

Convention = Literal["paper", "strict"]
"""How a curve is read: at the nearest point, as published numbers are, or never beyond what was asked for."""

CONVENTIONS: tuple[Convention, ...] = ("paper", "strict")
"""The names of the conventions."""

OOD_SHARE = 0.5
"""The share of OOD data in a stream unless another one is given: that of the paper."""

NOISY_START = 500
"""In the paper's convention, Cov@r ignores the points before this number, or before N / 2, because their risk is noise."""


def noisy_start(samples: int) -> int:
    """Return the number of accepted samples at the first point at which the paper's convention reads Cov@r."""
    return min(NOISY_START, samples // 2)


@dataclass(frozen=True)
class RiskCoverage:
    """A risk-coverage curve. No sample is accepted at point 0.

    Attributes:
        ranked: the samples by descending confidence.
        convention: the positions of the points, and how values are read off the curve.

    Raises:
        WeeError: there is no such convention.

    Example:
        >>> curve = RiskCoverage.of(np.array([0.9, 0.2, 0.7]), np.array([True, False, False]))
        >>> curve.risk.tolist()
        [0.0, 0.0, 0.5, 0.6666666666666666]
        >>> curve.risk_at(1.0)
        (0.6666666666666666, 3)
    """

    ranked: Ranking
    convention: Convention = "paper"

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise WeeError(f"there is no convention {self.convention!r}; choose paper or strict")

    @classmethod
    def of(cls, scores: Floats, correct: Bools, convention: Convention = "paper") -> RiskCoverage:
        """Return the curve of selective classification.

        Args:
            scores: confidences [N], in any order.
            correct: whether each prediction is right [N].
            convention: the positions of the points, and how values are read off the curve.

        Raises:
            WeeError: there is no sample, the lengths differ, or a score is NaN.
        """
        if scores.shape != correct.shape:
            raise WeeError(f"a curve needs a score and a correctness a sample; got {scores.shape} and {correct.shape}")
        return cls(Ranking.of(scores, ~correct), convention)

    def __len__(self) -> int:
        return len(self.ranked)

    @property
    def scores(self) -> Floats:
        """Confidences in descending order [N]."""
        return self.ranked.scores

    @cached_property
    def accepted(self) -> Ints:
        """The number of samples accepted at each point [P + 1], ascending from 0.

        In the paper's convention these are all numbers; in the strict one, those that do not split equal confidences.
        """
        return _points(self.ranked, self.convention)

    @cached_property
    def coverage(self) -> Floats:
        """The share accepted at each point [P + 1], in [0, 1]."""
        coverage = shares(len(self))
        return coverage if len(self.accepted) == len(coverage) else coverage[self.accepted]

    @cached_property
    def errors(self) -> Ints:
        """The number of errors among the accepted samples at each point [P + 1]."""
        return _running(self.ranked.wrong, self.accepted)

    @cached_property
    def risk(self) -> Floats:
        """The share of errors among the accepted samples at each point [P + 1], in [0, 1]; 0 if none is accepted."""
        risk = np.zeros(len(self.accepted))
        np.divide(self.errors[1:], self.accepted[1:], out=risk[1:])
        return risk

    def risk_at(self, coverage: float) -> tuple[float, int]:
        """Return the risk at a coverage in [0, 1], and its point.

        paper: the point with the nearest coverage. strict: the first point with at least this coverage.
        """
        if self.convention == "paper":
            # The nearest point differs from this estimate only by rounding, so a few points around it suffice.
            first = min(max(int(coverage * len(self)) - 2, 0), len(self))
            point = first + int(np.argmin(np.abs(self.coverage[first : first + 6] - coverage)))
        else:
            point = int(np.searchsorted(self.coverage, min(coverage, self.coverage[-1]), "left"))
        return float(self.risk[point]), point

    def coverage_at(self, risk: float) -> tuple[float, int]:
        """Return the coverage at a risk in [0, 1], and its point.

        paper: the first point with the nearest risk. strict: the last point with at most this risk.
        """
        if self.convention == "paper":
            first = noisy_start(len(self))
            point = first + int(np.argmin(np.abs(self.risk[first:] - risk)))
        else:
            point = int(np.flatnonzero(self.risk <= risk)[-1])
        return float(self.coverage[point]), point

    def threshold(self, point: int) -> float:
        """Return the operating threshold tau of a point.

        paper: the score of the first rejected sample. strict: the score of the last accepted sample; infinity if there is
        none.
        """
        if self.convention == "paper":
            return float(self.scores[min(point, len(self) - 1)])
        count = int(self.accepted[point])
        return float(self.scores[count - 1]) if count else float("inf")

    @cached_property
    def aurc(self) -> float:
        """Area under the risk-coverage curve by trapezoids over all points, in [0, 1]; lower is better.

        paper: the risk starts at 0. strict: the risk of the first point with an accepted sample extends to coverage 0.
        """
        return _area(_risk_to_zero(self.risk, self.convention), self.coverage)

    @cached_property
    def augrc(self) -> float:
        """Area under the generalised curve (accepted errors as a share of all samples), in [0, 1/2]; lower is better."""
        return _area(self.errors / len(self), self.coverage)


@dataclass(frozen=True)
class Mixture:
    """The curve of a stream of ID and OOD samples, in which each set has a given weight, whatever its size.

    Attributes:
        sort: function that returns the samples of both sets by descending confidence, and whether each is an OOD sample [N].
            It is called only if a value needs it.
        id_curve: the curve of the ID samples alone, which determines the threshold of Risk@c.
        ood_scores: confidences of the OOD samples, in any order.
        ood_share: the share p of OOD data in the stream, in (0, 1). Each ID sample has the weight (1 - p) / n, and each OOD
            sample p / m, for n ID and m OOD samples.
    """

    sort: Callable[[], tuple[Ranking, Bools]]
    id_curve: RiskCoverage
    ood_scores: Floats
    ood_share: float = OOD_SHARE

    @classmethod
    def of(
        cls,
        id_curve: RiskCoverage,
        id_scores: Floats,
        id_correct: Bools,
        ood_scores: Floats,
        ood_share: float = OOD_SHARE,
    ) -> Mixture:
        """Return the mixture of ID samples with a given curve and OOD samples.

        Raises:
            WeeError: there are no OOD samples, a score is NaN, or the share is not in (0, 1).
        """
        scores = np.concatenate([id_scores, ood_scores])
        wrong = np.concatenate([~id_correct, np.ones(len(ood_scores), dtype=np.bool_)])
        ranked = Ranking.of(scores, wrong)
        return cls(lambda: (ranked, ranked.samples >= len(id_scores)), id_curve, ood_scores, ood_share)

    def __post_init__(self) -> None:
        if len(self.ood_scores) == 0:
            raise WeeError("a mixture needs OOD samples; there are none")
        check_share(self.ood_share)

    @cached_property
    def _curve(self) -> tuple[Floats, Floats]:
        """The accepted weight and the accepted weight of errors at every point."""
        ranked, is_ood = self.sort()
        accepted = _points(ranked, self.id_curve.convention)
        oods = _running(is_ood, accepted)
        errors = _running(ranked.wrong, accepted) - oods
        return self._weights(accepted - oods, errors, oods)

    def _weights(self, ids: Any, errors: Any, oods: Any) -> tuple[Any, Any]:
        """Return the accepted weight and the weight of errors for numbers of accepted ID samples, ID errors and OOD samples."""
        ood_weight = oods * (self.ood_share / len(self.ood_scores))
        id_weight = (1 - self.ood_share) / len(self.id_curve)
        return ids * id_weight + ood_weight, errors * id_weight + ood_weight

    @cached_property
    def aurc(self) -> float:
        """Area under the mixture's risk-coverage curve; it starts in the same way as `RiskCoverage.aurc`."""
        weight, cost = self._curve
        risk = np.zeros(len(weight))
        np.divide(cost[1:], weight[1:], out=risk[1:])
        return _area(_risk_to_zero(risk, self.id_curve.convention), weight)

    @cached_property
    def augrc(self) -> float:
        """Area under the mixture's generalised curve."""
        weight, cost = self._curve
        return _area(cost, weight)

    def risk_at(self, coverage: float) -> float:
        """Return the risk in the mixture at the threshold with a given coverage of the ID samples.

        paper: samples with a score above the threshold are accepted; strict: samples with the same score are accepted too.
        """
        theta = self.id_curve.threshold(self.id_curve.risk_at(coverage)[1])
        inclusive = self.id_curve.convention == "strict"
        ids = self.id_curve.ranked.above(theta, inclusive)
        oods = np.count_nonzero(self.ood_scores >= theta if inclusive else self.ood_scores > theta)
        errors = np.count_nonzero(self.id_curve.ranked.wrong[:ids])
        weight, cost = self._weights(ids, errors, oods)
        return cost / weight if weight else 0.0


def check_share(ood_share: float) -> None:
    """Check a share of OOD data in a stream.

    Raises:
        WeeError: it is not between 0 and 1.
    """
    if not 0 < ood_share < 1:
        raise WeeError(
            f"a share of OOD data of {ood_share:g}: it must be greater than 0 and less than 1, as a stream has both ID and OOD "
            "samples"
        )


def _points(ranked: Ranking, convention: Convention) -> Ints:
    """Return the number of accepted samples at each point."""
    if convention == "paper" or not ranked.tied:
        return counts(len(ranked))
    return np.concatenate([[0], ranked.ends])


def _running(flags: Bools, accepted: Ints) -> Ints:
    """Return the number of flags among the first n samples, for each n in `accepted`."""
    total = np.zeros(len(flags) + 1, dtype=np.int64)
    np.cumsum(flags, out=total[1:])
    return total if len(accepted) == len(total) else total[accepted]


def _risk_to_zero(risk: Floats, convention: Convention) -> Floats:
    """Return the risk at each point, with the value at coverage 0 that the convention starts the area under the curve at.

    Starting at (0, 0) halves the area of the first block of equal scores: a constant score with a risk of 10 % would have an
    AURC of 0.05 instead of 0.10. The strict convention therefore extends the risk of the first block to coverage 0; the
    paper's convention does not.
    """
    return risk if convention == "paper" else np.concatenate([risk[1:2], risk[1:]])


def _area(height: Floats, along: Floats) -> float:
    return float(((height[1:] + height[:-1]) * np.diff(along)).sum() / 2)
