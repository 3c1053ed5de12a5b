"""The strict convention: what the words promise, whatever the order of the samples; and SCOD in both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.outcomes import outcome
from wee.errors import WeeError
from wee.method import Metric, Mixture, RankedOutcome, RiskCoverage, Stages, Summary, Task, Window, fpr_at

SAMPLES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40)


def arrays(samples: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([s for s, _ in samples], dtype=np.float64), np.array([c for _, c in samples])


@given(SAMPLES, st.integers(0, 100))
def test_strict_is_what_the_words_promise(samples: list[tuple[int, bool]], percent: int) -> None:
    scores, correct = arrays(samples)
    curve = RiskCoverage.of(scores, correct, "strict")
    at, n = percent / 100, len(scores)
    points = [(0, 0.0, np.inf)]
    for threshold in sorted(set(scores), reverse=True):
        accepted = scores >= threshold
        points.append((int(accepted.sum()), float((~correct[accepted]).mean()), threshold))

    largest = max((k, tau) for k, risk, tau in points if risk <= at)
    coverage, point = curve.coverage_at(at)
    assert coverage == largest[0] / n
    assert curve.threshold(point) == next(tau for k, _, tau in points if k == largest[0])
    smallest = min((k, risk) for k, risk, _ in points if k / n >= at)
    assert curve.risk_at(at)[0] == pytest.approx(smallest[1])


@given(SAMPLES, SAMPLES, st.randoms(use_true_random=False))
def test_strict_does_not_depend_on_the_order(
    ours: list[tuple[int, bool]], theirs: list[tuple[int, bool]], random: object
) -> None:
    metrics = ["cov@5", "risk@50", "aurc", "augrc", "fpr@80", "auroc", "aupr_in", "aupr_out"]
    values = []
    for turn in range(2):
        mine, other = list(ours), list(theirs)
        if turn:
            random.shuffle(mine)  # type: ignore[attr-defined]
            random.shuffle(other)  # type: ignore[attr-defined]
        ood = outcome(*arrays(other))
        found = []
        for name in metrics:
            metric = Metric.parse(name)
            for with_ood in ([None] if metric.on_id else []) + ([ood] if metric.on_ood else []):
                found.append(metric.of_ranking(RankedOutcome(outcome(*arrays(mine)), "msp", with_ood, "strict")))
        values.append(found)
    np.testing.assert_allclose(values[0], values[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("error", [99, 0, 1000])
def test_a_constant_score_has_the_aurc_of_its_risk(error: int) -> None:
    """All samples are one block: its risk holds at every coverage, alone and beside OOD data of the same score."""
    correct, scores = np.arange(1000) >= error, np.full(1000, 0.5)
    curve = RiskCoverage.of(scores, correct, "strict")
    assert curve.aurc == pytest.approx(error / 1000, rel=1e-12)
    assert curve.augrc == pytest.approx(error / 2000, rel=1e-12)
    assert RiskCoverage.of(scores, np.random.default_rng(0).permutation(correct), "strict").aurc == curve.aurc
    mixture = Mixture.of(curve, scores, correct, np.full(10, 0.5))
    assert mixture.aurc == pytest.approx((error / 1000 + 1) / 2, rel=1e-12)
    assert mixture.augrc == pytest.approx((error / 1000 + 1) / 4, rel=1e-12)


def test_the_first_block_holds_down_to_coverage_0() -> None:
    """Two samples of the highest score with one error, then two correct ones: 1/2 up to coverage 1/2, then down to 1/4."""
    scores, correct = np.array([2.0, 2.0, 1.0, 1.0]), np.array([False, True, True, True])
    assert RiskCoverage.of(scores, correct, "strict").aurc == pytest.approx(1 / 4 + (1 / 2 + 1 / 4) / 2 / 2)
    # The paper's convention starts at 0 and depends on the order of equal scores.
    assert RiskCoverage.of(scores, correct).aurc == pytest.approx((0 + 2 * (1 + 1 / 2 + 1 / 3) + 1 / 4) / 8)


@given(SAMPLES, st.lists(st.integers(0, 6), min_size=1, max_size=30))
def test_scod_weighs_both_sets_the_same(samples: list[tuple[int, bool]], ood: list[int]) -> None:
    """Repeating every OOD sample changes nothing: weighting is exact."""
    scores, correct = arrays(samples)
    theirs = np.array(ood, dtype=np.float64)
    curve = RiskCoverage.of(scores, correct, "strict")
    once, twice = (Mixture.of(curve, scores, correct, t) for t in (theirs, np.repeat(theirs, 2)))
    assert once.aurc == pytest.approx(twice.aurc)
    assert once.risk_at(0.8) == pytest.approx(twice.risk_at(0.8))
    accepted = scores >= curve.threshold(curve.risk_at(0.8)[1])
    wrong = (~correct[accepted]).sum() / len(scores)
    false = (theirs >= scores[accepted].min()).mean()
    assert once.risk_at(0.8) == pytest.approx((wrong + false) / (accepted.mean() + false))


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=30), st.lists(st.integers(0, 9), min_size=1), st.integers(0, 100)
)
def test_strict_fpr_accepts_at_least_the_share(ours: list[int], theirs: list[int], percent: int) -> None:
    id_scores, ood_scores = np.array(ours, dtype=float), np.array(theirs, dtype=float)
    thresholds = [t for t in sorted(set(ours), reverse=True) if (id_scores >= t).mean() >= percent / 100]
    assert fpr_at(id_scores, ood_scores, percent / 100, "strict") == (ood_scores >= thresholds[0]).mean()


def test_paper_may_overshoot_and_strict_does_not() -> None:
    """The risk passes what is asked for between two points, and the later one is nearer."""
    correct = np.ones(1000, dtype=bool)
    correct[700:760] = False
    scores = -np.arange(1000.0)
    paper, strict = (RiskCoverage.of(scores, correct, c) for c in ("paper", "strict"))
    wanted = paper.risk[730] - 1e-6
    assert paper.risk[paper.coverage_at(wanted)[1]] > wanted
    assert strict.risk[strict.coverage_at(wanted)[1]] <= wanted


def test_nothing_is_accepted_where_every_risk_is_too_large() -> None:
    curve = RiskCoverage.of(np.array([2.0, 1.0]), np.array([False, False]), "strict")
    coverage, point = curve.coverage_at(0.05)
    assert coverage == 0
    assert curve.threshold(point) == np.inf
    n = 2
    summary = Summary(
        {"msp": curve.scores}, np.ones(n), np.zeros(n, int), *(np.zeros(n, bool),) * 2, np.zeros(n), np.zeros(n)
    )
    stages = Stages([summary, summary], [1.0, 2.0], np.arange(n).astype("S"))
    rule = Window(Task.parse("cov@5"), 0.2, convention="strict").fit(stages)
    assert rule.intervals[0].rank == 1.0


def test_a_fraction_of_a_per_cent_is_no_sample_off() -> None:
    """99.9 / 100 is more than 999 / 1000 in floating point."""
    correct = np.ones(1000, dtype=bool)
    correct[-1] = False
    ranking = RankedOutcome(outcome(-np.arange(1000.0), correct), "msp", None, "strict")
    assert Metric.parse("risk@99.9").of_ranking(ranking) == 0.0
    correct[:] = True
    correct[993:] = False
    ranking = RankedOutcome(outcome(-np.arange(1000.0), correct), "msp", None, "strict")
    assert Metric.parse("cov@0.7").of_ranking(ranking) == 100.0


def test_a_convention_that_does_not_exist_is_refused() -> None:
    with pytest.raises(WeeError, match="choose paper or strict"):
        RiskCoverage.of(np.array([1.0]), np.array([True]), "loose")  # type: ignore[arg-type]
