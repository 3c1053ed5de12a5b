"""Risk-coverage curves, of selective classification and with OOD data in the stream, and what is read off them.

Sort the samples by descending confidence and accept the first of them: coverage is the share accepted, risk the
share of errors among the accepted (0 where nothing is). With OOD data in the stream (SCOD), ID and OOD count half
each, and an accepted OOD sample costs as much as an error.

Two conventions. `paper` has a point after every sample, and reads the point *nearest* to what is asked for: it
reproduces published numbers, may overshoot, and depends on the order of samples with equal scores. `strict` is what the
words promise: samples with equal scores are accepted or rejected together, a risk asked for is never exceeded, a coverage
asked for is always reached, and the order of the samples does not matter.

Sources: Geifman and El-Yaniv, NeurIPS 2017 (the curve); Xia and Bouganis, ICCV 2023 (Cov@r, Risk@c); Xia and Bouganis,
ACCV 2022 (SCOD); Traub et al., NeurIPS 2024 (AUGRC).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from wee.errors import WeeError
from wee.method.prefixes import Bools, Floats, Ints

Convention = Literal["paper", "strict"]
CONVENTIONS: tuple[Convention, ...] = ("paper", "strict")

NOISY_START = 500
"""The risk of the first few hundred points is noise: in the paper's convention Cov@r looks no lower than here, or N / 2."""


@dataclass(frozen=True)
class RiskCoverage:
    """A risk-coverage curve. Point 0 accepts nothing.

    Attributes:
        scores: confidences in descending order [N].
        accepted: how many samples each point accepts [P + 1], ascending from 0; every number in the paper's convention,
            those that split no ties in the strict one.
        coverage: share accepted at each point [P + 1], in [0, 1].
        risk: share of errors among the accepted [P + 1], in [0, 1].
        convention: how points are read.

    Example:
        >>> curve = RiskCoverage.of(np.array([0.9, 0.2, 0.7]), np.array([True, False, False]))
        >>> curve.risk.tolist()
        [0.0, 0.0, 0.5, 0.6666666666666666]
        >>> curve.risk_at(1.0)
        (0.6666666666666666, 3)
    """

    scores: Floats
    accepted: Ints
    coverage: Floats
    risk: Floats
    convention: Convention = "paper"

    @classmethod
    def of(cls, scores: Floats, correct: Bools, convention: Convention = "paper") -> RiskCoverage:
        """The curve of selective classification.

        Args:
            scores: confidences [N], in any order.
            correct: whether each prediction is right [N].
            convention: where the points lie and how they are read.

        Raises:
            WeeError: there is no sample, the lengths differ, or a score is NaN.
        """
        if scores.shape != correct.shape:
            raise WeeError(f"a curve needs a score and a correctness a sample; got {scores.shape} and {correct.shape}")
        order = descending(scores)
        ranked = scores[order]
        accepted = _points(ranked, convention)
        errors = _running(~correct[order], accepted)
        risk = np.divide(errors, accepted, out=np.zeros(len(accepted)), where=accepted > 0)
        return cls(ranked, accepted, accepted / len(scores), risk, convention)

    def __len__(self) -> int:
        return len(self.scores)

    def risk_at(self, coverage: float) -> tuple[float, int]:
        """The risk at a coverage in [0, 1], and the point it is read at.

        paper: the point whose coverage is nearest. strict: the first whose coverage is no less.
        """
        if self.convention == "paper":
            point = int(np.argmin(np.abs(self.coverage - coverage)))
        else:
            point = int(np.searchsorted(self.coverage, min(coverage, self.coverage[-1]), "left"))
        return float(self.risk[point]), point

    def coverage_at(self, risk: float) -> tuple[float, int]:
        """The coverage at a risk in [0, 1], and the point it is read at.

        paper: the point whose risk is nearest, the first of equals. strict: the last whose risk is no more.
        """
        if self.convention == "paper":
            first = min(NOISY_START, len(self) // 2)
            point = first + int(np.argmin(np.abs(self.risk[first:] - risk)))
        else:
            point = int(np.flatnonzero(self.risk <= risk)[-1])
        return float(self.coverage[point]), point

    def threshold(self, point: int) -> float:
        """The operating threshold tau that belongs to a point.

        paper: the score of the first sample rejected there. strict: of the last one accepted; infinite where none is.
        """
        if self.convention == "paper":
            return float(self.scores[min(point, len(self) - 1)])
        count = int(self.accepted[point])
        return float(self.scores[count - 1]) if count else float("inf")

    @cached_property
    def aurc(self) -> float:
        """Area under the risk-coverage curve by trapezoids over all points, in [0, 1]; lower is better."""
        return _area(self.risk, self.coverage)

    @cached_property
    def augrc(self) -> float:
        """Area under the generalised curve (accepted errors as a share of all samples), in [0, 1/2]; lower is better."""
        return _area(self.risk * self.coverage, self.coverage)


@dataclass(frozen=True)
class Mixture:
    """The curve of a stream that is half ID and half OOD, by weights: each set counts one half, whatever its size.

    Attributes:
        curve: of the mixture; its coverage is the accepted weight.
        id_curve: of the ID samples alone, by which Risk@c finds its threshold.
    """

    curve: RiskCoverage
    id_curve: RiskCoverage

    @classmethod
    def of(cls, id_curve: RiskCoverage, id_scores: Floats, id_correct: Bools, ood_scores: Floats) -> Mixture:
        """The mixture of ID samples, whose curve is known, and OOD samples.

        Raises:
            WeeError: there are no OOD samples, or a score is NaN.
        """
        scores = np.concatenate([id_scores, ood_scores])
        order = descending(scores)
        is_ood = order >= len(id_scores)
        wrong = is_ood.copy()
        wrong[~is_ood] = ~id_correct[order[~is_ood]]
        ranked = scores[order]
        accepted = _points(ranked, id_curve.convention)
        n_id, n_ood = len(id_scores), len(ood_scores)
        if n_ood == 0:
            raise WeeError("a mixture needs OOD samples; there are none")
        oods = _running(is_ood, accepted)
        errors = _running(wrong, accepted) - oods
        weight = (accepted - oods) / (2 * n_id) + oods / (2 * n_ood)
        cost = errors / (2 * n_id) + oods / (2 * n_ood)
        risk = np.divide(cost, weight, out=np.zeros(len(weight)), where=weight > 0)
        return cls(RiskCoverage(ranked, accepted, weight, risk, id_curve.convention), id_curve)

    @property
    def aurc(self) -> float:
        """Area under the mixture's risk-coverage curve."""
        return self.curve.aurc

    @property
    def augrc(self) -> float:
        """Area under the mixture's generalised curve."""
        return self.curve.augrc

    def risk_at(self, coverage: float) -> float:
        """The risk in the mixture at the threshold that covers this share of the ID samples."""
        point = self.id_curve.risk_at(coverage)[1]
        theta = self.id_curve.threshold(point)
        if self.curve.convention == "paper":
            return float(self.curve.risk[int(np.argmin(np.abs(self.curve.scores - theta)))])
        count = int((self.curve.scores >= theta).sum())
        return float(self.curve.risk[np.searchsorted(self.curve.accepted, count, "left")])


def descending(scores: Floats) -> Ints:
    """The order of descending confidence; equal scores keep their order.

    Raises:
        WeeError: there is no score, or one is NaN.
    """
    if len(scores) == 0:
        raise WeeError("a curve needs a score and a correctness a sample; there are none")
    if np.isnan(scores).any():
        raise WeeError(f"{int(np.isnan(scores).sum())} of {len(scores)} scores are NaN; NaN cannot be ranked")
    return np.argsort(-scores, kind="stable")


def _points(ranked: Floats, convention: Convention) -> Ints:
    """How many samples are accepted at each point."""
    if convention == "paper":
        return np.arange(len(ranked) + 1)
    if convention != "strict":
        raise WeeError(f"there is no convention {convention!r}; choose paper or strict")
    ends = np.flatnonzero(ranked[:-1] != ranked[1:]) + 1
    return np.concatenate([[0], ends, [len(ranked)]]).astype(np.int64)


def _running(flags: Bools, accepted: Ints) -> Ints:
    """How many of the first samples have a flag, for each number of samples."""
    total: Ints = np.concatenate([[0], np.cumsum(flags)])[accepted]
    return total


def _area(height: Floats, along: Floats) -> float:
    return float(((height[1:] + height[:-1]) * np.diff(along)).sum() / 2)
