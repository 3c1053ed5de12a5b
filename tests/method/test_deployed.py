"""Metrics at an acceptance threshold that is fixed on the validation set."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wee.errors import WeeError
from wee.method import Metric, Outcome, RankedOutcome, Ranking, RiskCoverage, Stages, Summary, Task

SAMPLES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40)


def arrays(samples: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([s for s, _ in samples], dtype=np.float64), np.array([c for _, c in samples])


def outcome(scores: np.ndarray, correct: np.ndarray) -> Outcome:
    n = len(scores)
    summary = Summary({"msp": scores}, np.ones(n), np.zeros(n, dtype=int), correct, correct, np.zeros(n), np.zeros(n))
    return Stages([summary], [1.0], np.arange(n).astype("S")).at(np.zeros(n, dtype=int))


def deployed(name: str, validation: Outcome, test: Outcome, ood: Outcome | None = None) -> tuple[float, float]:
    task = Task.parse(name)
    thresholds = {task: task.acceptance_threshold(validation.ranked("msp"))}
    ranking = RankedOutcome(test, "msp", ood, "paper", thresholds=thresholds)
    first, second = (metric.of_ranking(ranking) for metric in Metric.deployed_for(task))
    return first, second


@settings(max_examples=500)
@given(SAMPLES, st.sampled_from(["0", "0.7", "5", "10", "12.5", "33.3", "50", "80", "99.9", "100"]))
def test_the_strict_convention_agrees_with_exact_rational_arithmetic(
    samples: list[tuple[int, bool]], percent: str
) -> None:
    scores, correct = arrays(samples)
    share, n = Fraction(percent) / 100, len(scores)
    blocks = [(0, 0, np.inf)]
    for threshold in sorted(set(scores), reverse=True):
        accepted = scores >= threshold
        blocks.append((int(accepted.sum()), int((~correct[accepted]).sum()), threshold))
    ranking = RankedOutcome(outcome(scores, correct), "msp", convention="strict")

    count, _, threshold = max(block for block in blocks if block[1] <= share * block[0])
    covering = Task.parse(f"cov@{percent}")
    assert Metric.parse(str(covering)).of_ranking(ranking) == pytest.approx(100 * count / n, abs=1e-12)
    assert covering.acceptance_threshold(ranking.ranked) == threshold

    count, errors, threshold = min(block for block in blocks if block[0] >= share * n)
    risk = errors / count if count else 0.0
    risking = Task.parse(f"risk@{percent}")
    assert Metric.parse(str(risking)).of_ranking(ranking) == pytest.approx(100 * risk, abs=1e-12)
    assert risking.acceptance_threshold(ranking.ranked) == threshold


@given(SAMPLES, SAMPLES, SAMPLES, st.sampled_from(["cov@20", "risk@50", "fpr@80"]))
def test_a_system_accepts_what_scores_at_least_its_threshold(
    validation: list[tuple[int, bool]], test: list[tuple[int, bool]], ood: list[tuple[int, bool]], name: str
) -> None:
    (val_scores, val_correct), (scores, correct), (ood_scores, _) = map(arrays, (validation, test, ood))
    threshold = Task.parse(name).acceptance_threshold(Ranking.of(val_scores, ~val_correct))
    accepted = scores >= threshold
    if name != "fpr@80":
        found = deployed(name, outcome(val_scores, val_correct), outcome(scores, correct))
        risk = 100 * (~correct[accepted]).mean() if accepted.any() else 0.0
        assert found == pytest.approx((100 * accepted.mean(), risk))
    if name != "cov@20":
        false = (ood_scores >= threshold).mean()
        mixed = (~correct & accepted).mean() + false
        weight = accepted.mean() + false
        second = false if name == "fpr@80" else mixed / weight if weight else 0.0
        others = outcome(ood_scores, np.zeros(len(ood_scores), dtype=bool))
        found = deployed(name, outcome(val_scores, val_correct), outcome(scores, correct), others)
        assert found == pytest.approx((100 * accepted.mean(), 100 * second))


def test_on_the_validation_set_a_deployed_system_keeps_its_promise() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(9, size=500).astype(float)
    correct = rng.random(500) < 0.7 + scores / 40
    validation = outcome(scores, correct)
    coverage, risk = deployed("cov@15", validation, validation)
    assert coverage == 100 * RiskCoverage.of(scores, correct, "strict").coverage_at(0.15)[0]
    assert 0 < risk <= 15
    assert deployed("risk@60", validation, validation)[0] >= 60


def test_a_system_that_can_accept_nothing_has_no_risk() -> None:
    wrong = outcome(np.array([2.0, 1.0]), np.array([False, False]))
    assert deployed("cov@5", wrong, wrong) == (0.0, 0.0)


def test_a_threshold_must_be_given() -> None:
    metric = Metric.deployed_for(Task.parse("cov@5"))[0]
    with pytest.raises(WeeError, match="deployed_cov@5 needs an acceptance threshold"):
        metric.of_ranking(RankedOutcome(outcome(np.ones(2), np.ones(2, dtype=bool)), "msp"))


def test_names_say_what_is_measured() -> None:
    names = [metric.name for name in ("cov@5", "risk@80", "fpr@95") for metric in Metric.deployed_for(Task.parse(name))]
    assert names == [
        "deployed_cov@5", "deployed_risk@5", "deployed_cov@80", "deployed_risk@80", "deployed_tpr@95", "deployed_fpr@95",
    ]  # fmt: skip
    better = [Metric.parse(name).higher_is_better for name in names]
    assert better == [True, False, True, False, True, False]
    assert [Metric.parse(name).on_id for name in names] == [True] * 5 + [False]
