"""Calibration on arrays: what is fixed where, what is certified, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import binom

from wee.cascade.calibrate import calibrate, certified, expected, narrowing, parts, refusal
from wee.cascade.config import GuaranteeConfig
from wee.cascade.description import Estimate, Expectation
from wee.errors import WeeError
from wee.method import IntervalRule, Stages, Summary, Task, Window
from wee.method.guarantees import upper_bound
from wee.method.policies import FixedRule, Random

COV = Task.parse("cov@10")


def stages_of(seed: int, count: int, quality: Sequence[float] = (2.0, 3.0)) -> Stages:
    """Two stages whose confidences are calibrated: the probability of a correct label is the confidence itself."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=count)
    summaries = []
    for strength in quality:
        confidence = 1 / (1 + np.exp(-(ease * strength + strength + rng.normal(size=count) / 2)))
        correct = rng.random(count) < confidence
        blank = np.zeros(count)
        label = np.where(correct, 1, 0)
        summaries.append(Summary({"msp": confidence}, confidence, label, correct, correct, blank, blank))
    return Stages(summaries, [1.0, 3.0], np.arange(count).astype(np.bytes_))


def rule_of(tuning: Stages) -> IntervalRule:
    return Window(COV, 0.3, "msp", "strict").fit(tuning)


def test_without_guarantees_the_threshold_is_that_of_the_task() -> None:
    tuning = stages_of(0, 2000)
    rule = rule_of(tuning)
    calibrated = calibrate(tuning, tuning, rule, "msp", COV, GuaranteeConfig())
    ranked = tuning.at(rule(tuning)).ranked("msp")
    assert calibrated.threshold == COV.acceptance_threshold(ranked)
    assert calibrated.certificate is None
    assert certified(calibrated, GuaranteeConfig(), 0) is None


def test_what_is_certified_has_a_bound_below_its_limit() -> None:
    tuning, certification = stages_of(1, 2500), stages_of(2, 2500)
    rule = rule_of(tuning)
    guarantee = GuaranteeConfig(risk=0.1, disagreement=0.25, macs=2.5, delta=0.1)
    calibrated = calibrate(tuning, certification, rule, "msp", COV, guarantee)
    record = certified(calibrated, guarantee, 2500)
    assert record is not None
    assert record.refusal is None
    assert [entry.name for entry in record.guarantees] == ["risk", "disagreement", "macs"]
    assert all(entry.holds and entry.bound <= entry.limit for entry in record.guarantees)
    outcome = certification.at(rule(certification))
    accepted = outcome.score("msp") >= calibrated.threshold
    losses = int((accepted & ~outcome.correct).sum())
    assert record.guarantees[0].losses == losses
    assert record.guarantees[0].bound == upper_bound(losses, int(accepted.sum()), 0.1 / 3)


def test_the_threshold_does_not_depend_on_what_certifies_but_by_its_tests() -> None:
    """With other certification samples, the candidates and the start of the path are the same."""
    tuning = stages_of(1, 2500)
    rule = rule_of(tuning)
    guarantee = GuaranteeConfig(risk=0.1)
    first, second = (
        calibrate(tuning, stages_of(seed, 2500), rule, "msp", COV, guarantee).certificate for seed in (2, 3)
    )
    assert first is not None
    assert second is not None
    assert first.start == second.start


def test_disagreement_alone_narrows_the_windows_as_far_as_the_tests_pass() -> None:
    tuning, certification = stages_of(1, 2500), stages_of(2, 2500)
    rule = rule_of(tuning)
    path = narrowing(rule, tuning)
    assert path[-1] == rule
    reached = [one(certification) > 0 for one in path]
    assert reached[0].all()
    assert all((wider | ~narrower).all() for wider, narrower in itertools.pairwise(reached))
    full = tuning.at(np.ones(2500, np.int64))
    full_threshold = COV.acceptance_threshold(full.ranked("msp"))
    last = certification.at(np.ones(2500, np.int64))
    accepted = last.score("msp") >= full_threshold
    losses = []
    for one in path:
        threshold = COV.acceptance_threshold(tuning.at(one(tuning)).ranked("msp"))
        outcome = certification.at(one(certification))
        kept = outcome.score("msp") >= threshold
        losses.append(int(((kept != accepted) | (kept & accepted & (outcome.label != last.label))).sum()))
    assert losses[0] == 0
    for limit in (0.3, 0.1, 0.03, 0.0005):
        calibrated = calibrate(tuning, certification, rule, "msp", COV, GuaranteeConfig(disagreement=limit))
        passes = [binom.cdf(k, 2500, limit) <= 0.1 for k in losses[1:]]
        expected_step = passes.index(False) if False in passes else len(passes)
        assert calibrated.step == expected_step
        assert calibrated.rule == path[expected_step]
        assert calibrated.certificate is not None
        assert calibrated.certificate.losses == (losses[expected_step],)
        record = certified(calibrated, GuaranteeConfig(disagreement=limit), 2500)
        assert record is not None
        assert record.guarantees[0].holds
        assert record.guarantees[0].bound <= limit
        if expected_step < len(path) - 1:
            assert record.note is not None
    assert calibrated.step == 0  # nothing but the full ensemble agrees as often as that


def test_disagreement_alone_needs_windows() -> None:
    tuning = stages_of(1, 500)
    with pytest.raises(WeeError, match="this setting has no windows"):
        calibrate(tuning, tuning, Random(0.3), "msp", COV, GuaranteeConfig(disagreement=0.1))
    everything = calibrate(tuning, tuning, FixedRule(1), "msp", COV, GuaranteeConfig(disagreement=0.1))
    assert everything.step == 0


def test_too_few_samples_are_said_with_what_would_do() -> None:
    tuning, certification = stages_of(1, 2500), stages_of(2, 40)
    guarantee = GuaranteeConfig(risk=0.01)
    calibrated = calibrate(tuning, certification, rule_of(tuning), "msp", COV, guarantee)
    assert calibrated.threshold == np.inf
    reason = refusal(calibrated, guarantee, 40)
    assert reason is not None
    assert "no acceptance threshold can be certified with 40 independent certification samples" in reason
    assert "samples would be enough at this rate" in reason
    assert reason.endswith(
        "More validation data, a larger guarantee.risk, or a larger guarantee.delta (a smaller confidence) help"
    )
    record = certified(calibrated, guarantee, 40)
    assert record is not None
    assert not record.guarantees[0].holds
    assert record.refusal == reason


def test_a_cost_that_is_not_kept_is_said() -> None:
    tuning = stages_of(1, 500)
    guarantee = GuaranteeConfig(macs=1.01)
    calibrated = calibrate(tuning, stages_of(2, 500), rule_of(tuning), "msp", COV, guarantee)
    assert calibrated.threshold < 1
    assert "guarantee.macs=1.01 does not hold" in str(refusal(calibrated, guarantee, 500))


def test_expected_numbers() -> None:
    stages = stages_of(5, 3000)
    outcome = stages.at(rule_of(stages)(stages))
    groups = np.repeat(np.arange(1000), 3).astype(np.bytes_)
    numbers = expected(outcome, "msp", 0.8, groups, 200, 0.95, 0)
    accepted = outcome.score("msp") >= 0.8
    assert numbers.coverage.value == pytest.approx(accepted.mean())
    assert numbers.risk.value == pytest.approx((~outcome.correct)[accepted].mean())
    assert numbers.cost.value == pytest.approx(outcome.mean_cost)
    assert [share.value for share in numbers.reaching] == pytest.approx([1.0, (outcome.exits > 0).mean()])
    for number in (numbers.coverage, numbers.risk, numbers.accuracy, numbers.cost):
        assert number.lower < number.value < number.upper
    nothing = expected(outcome, "msp", np.inf, groups, 50, 0.95, 0)
    assert nothing.coverage == nothing.risk == Estimate(0.0, 0.0, 0.0)
    assert Expectation.from_dict(asdict(nothing)) == nothing


def test_parts() -> None:
    groups = np.repeat(np.arange(100), 4).astype(np.bytes_)
    whole = parts(groups, GuaranteeConfig(), 0)
    assert (len(whole.tuning), len(whole.certification), whole.groups) == (400, 0, 100)
    split = parts(groups, GuaranteeConfig(risk=0.1, share=0.3), 0)
    assert (len(split.tuning), len(split.certification), split.groups) == (280, 30, 70)
    assert not set(groups[split.tuning]) & set(groups[split.certification])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"risk": 0.0}, "guarantee.risk is 0: it is a share between 0 and 1"),
        ({"disagreement": 5.0}, "guarantee.disagreement is 5"),
        ({"macs": -1.0}, "guarantee.macs is -1"),
        ({"delta": 0.0}, "guarantee.delta is 0: it is the probability that a guarantee fails"),
        ({"share": 1.0}, "guarantee.share is 1"),
    ],
)
def test_bad_guarantees_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        GuaranteeConfig(**values)  # type: ignore[arg-type]
