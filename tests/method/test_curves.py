"""The risk-coverage curve against a loop that follows the definition word by word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wee.errors import WeeError
from wee.method import RiskCoverage

SAMPLES = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60)


@given(SAMPLES, st.integers(0, 100))
def test_the_curve_is_its_definition(samples: list[tuple[int, bool]], percent: int) -> None:
    scores = np.array([s for s, _ in samples], dtype=np.float64)
    correct = np.array([c for _, c in samples])
    curve = RiskCoverage.of(scores, correct)

    ranked = sorted(samples, key=lambda sample: -sample[0])  # sorted() is stable
    risk = [0.0] + [sum(not c for _, c in ranked[:i]) / i for i in range(1, len(ranked) + 1)]
    assert curve.risk.tolist() == risk
    assert curve.scores.tolist() == [s for s, _ in ranked]

    n, at = len(samples), percent / 100
    by_coverage = min(range(n + 1), key=lambda i: abs(i / n - at))
    assert curve.risk_at(at) == (risk[by_coverage], by_coverage)
    by_risk = min(range(min(500, n // 2), n + 1), key=lambda i: abs(risk[i] - at))
    assert curve.coverage_at(at) == (by_risk / n, by_risk)
    area = sum((risk[i] + risk[i + 1]) / 2 / n for i in range(n))
    assert curve.aurc == pytest.approx(area)
    assert curve.threshold(by_coverage) == ranked[min(by_coverage, n - 1)][0]


def test_cov_looks_past_the_noisy_start() -> None:
    """A risk met exactly among the first 500 points is not taken."""
    correct = np.ones(2000, dtype=bool)
    correct[[19, *range(1000, 2000)]] = False  # risk 5 % at point 20, then again only after point 1000
    _, point = RiskCoverage.of(-np.arange(2000.0), correct).coverage_at(0.05)
    assert point > 1000


def test_nan_cannot_be_ranked() -> None:
    with pytest.raises(WeeError, match="1 of 2 scores are NaN"):
        RiskCoverage.of(np.array([0.5, np.nan]), np.array([True, True]))


def test_no_samples_make_no_curve() -> None:
    with pytest.raises(WeeError, match="needs a score"):
        RiskCoverage.of(np.array([]), np.array([], dtype=bool))
