"""The risk-coverage curve of selective classification, and what is read off it.

Sort the N samples by descending confidence. Point i of the curve, i = 0 .. N, accepts the first i of
them: its coverage is i / N, its risk the share of errors among the i (0 where nothing is accepted).

Sources: Geifman and El-Yaniv, NeurIPS 2017 (the curve); Xia and Bouganis, ICCV 2023 (Cov@r, Risk@c).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wee.errors import WeeError
from wee.method.prefixes import Bools, Floats

NOISY_START = 500
"""The risk of the first few hundred points is noise; Cov@r looks no lower than here, or than N / 2."""


@dataclass(frozen=True)
class RiskCoverage:
    """A risk-coverage curve.

    Attributes:
        scores: confidences in descending order [N].
        risk: risk of accepting the first i samples [N + 1], a fraction in [0, 1].

    Example:
        >>> curve = RiskCoverage.of(np.array([0.9, 0.2, 0.7]), np.array([True, False, False]))
        >>> curve.risk.tolist()
        [0.0, 0.0, 0.5, 0.6666666666666666]
        >>> curve.risk_at(1.0)
        (0.6666666666666666, 3)
    """

    scores: Floats
    risk: Floats

    @classmethod
    def of(cls, scores: Floats, correct: Bools) -> RiskCoverage:
        """The curve of N samples.

        Args:
            scores: confidences [N], in any order; equal ones keep theirs.
            correct: whether each prediction is right [N].

        Raises:
            WeeError: there is no sample, the lengths differ, or a score is NaN.
        """
        if len(scores) == 0 or scores.shape != correct.shape:
            raise WeeError(f"a curve needs a score and a correctness a sample; got {scores.shape} and {correct.shape}")
        if np.isnan(scores).any():
            raise WeeError(f"{int(np.isnan(scores).sum())} of {len(scores)} scores are NaN; NaN cannot be ranked")
        order = np.argsort(-scores, kind="stable")
        errors = np.cumsum(~correct[order])
        risk = np.concatenate([[0.0], errors / np.arange(1, len(scores) + 1)])
        return cls(scores[order], risk)

    def __len__(self) -> int:
        return len(self.scores)

    def risk_at(self, coverage: float) -> tuple[float, int]:
        """The risk at the point whose coverage is nearest to the one asked for, and that point."""
        point = int(np.argmin(np.abs(np.arange(len(self) + 1) / len(self) - coverage)))
        return float(self.risk[point]), point

    def coverage_at(self, risk: float) -> tuple[float, int]:
        """The coverage at the point whose risk is nearest to the one asked for, and that point; the first of equals."""
        first = min(NOISY_START, len(self) // 2)
        point = first + int(np.argmin(np.abs(self.risk[first:] - risk)))
        return point / len(self), point

    @cached_property
    def aurc(self) -> float:
        """Area under the curve by trapezoids over all N + 1 points, in [0, 1]; lower is better."""
        return float((self.risk[:-1] + self.risk[1:]).sum() / (2 * len(self)))

    def threshold(self, point: int) -> float:
        """The operating threshold tau that belongs to a point: the score of the sample there."""
        return float(self.scores[min(point, len(self) - 1)])
