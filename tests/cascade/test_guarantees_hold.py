"""Whether guarantees hold over many draws of data, and whether the procedure has power."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from wee.cascade.calibrate import calibrate, parts
from wee.cascade.config import GuaranteeConfig
from wee.method import Interval, IntervalRule, Stages, Summary, Task, percentile_rank, quantile
from wee.method.guarantees import CANDIDATES, accepted_errors, certify, threshold_candidates

COV = Task.parse("cov@5")
DRAWS = 500
SCORE = "msp"


class World:
    """A distribution of samples with known risks: confidences that are correct with a probability of their own.

    Args:
        stages: the number of stages.
        members: the number of dependent samples in each group; 1 for independent samples.
        population: the number of samples that stand for the true distribution.
    """

    def __init__(self, stages: int, members: int, population: int) -> None:
        self.stages, self.members = stages, members
        self.population = self.draw(0, population)[0]

    def draw(self, seed: int, count: int) -> tuple[Stages, np.ndarray]:
        """A data set and the group of each sample."""
        rng = np.random.default_rng([self.stages, self.members, seed])
        groups = np.arange(count) // self.members
        shared = rng.normal(size=groups.max() + 1)[groups]
        share = 0.7 if self.members > 1 else 0.0
        ease = np.sqrt(share) * shared + np.sqrt(1 - share) * rng.normal(size=count)
        summaries = []
        for stage in range(self.stages):
            logit = 2.0 + 0.5 * stage + 2.0 * ease + rng.normal(scale=0.7, size=count)
            confidence = 1 / (1 + np.exp(-logit))
            correct = rng.random(count) < 1 / (1 + np.exp(-1.1 * logit))
            blank = np.zeros(count)
            summaries.append(
                Summary({SCORE: confidence}, confidence, np.where(correct, 1, 0), correct, correct, blank, blank)
            )
        costs = [float(2 * stage + 1) for stage in range(self.stages)]
        return Stages(summaries, costs, np.arange(count).astype(np.bytes_)), groups.astype(np.bytes_)


def taken(stages: Stages, places: np.ndarray) -> Stages:
    return Stages([summary.take(places) for summary in stages.summaries], stages.cost, stages.ids[places])


def rule_of(tuning: Stages) -> IntervalRule:
    """Windows of width 0.3 around the operating threshold, as the paper's policy has them."""
    intervals = []
    for summary in tuning.summaries[:-1]:
        ascending = summary.ranked(SCORE).ascending
        rank = percentile_rank(ascending, COV.tau(summary, SCORE, "strict"))
        intervals.append(Interval(quantile(ascending, max(rank - 0.15, 0)), quantile(ascending, min(rank + 0.15, 1))))
    return IntervalRule(SCORE, intervals)


def broken(world: World, seed: int, guarantee: GuaranteeConfig, samples: int) -> dict[str, bool]:
    """Which guarantees are certified and do not hold in the population."""
    stages, groups = world.draw(seed, samples)
    split = parts(groups, guarantee, seed)
    tuning, certification = taken(stages, split.tuning), taken(stages, split.certification)
    rule = rule_of(tuning)
    calibrated = calibrate(tuning, certification, rule, SCORE, COV, guarantee)
    outcome = world.population.at(calibrated.rule(world.population))
    fails = {}
    if calibrated.certificate is not None and calibrated.certificate.index is not None:
        accepted = outcome.score(SCORE) >= calibrated.threshold
        if guarantee.risk is not None:
            fails["risk"] = bool((~outcome.correct)[accepted].mean() > guarantee.risk)
        if guarantee.disagreement is not None:
            last = world.population.at(np.full(len(outcome), len(world.population) - 1))
            full = last.score(SCORE) >= calibrated.full_threshold
            differs = (accepted != full) | (accepted & full & (outcome.label != last.label))
            fails["disagreement"] = bool(differs.mean() > guarantee.disagreement)
    if calibrated.cost_bound is not None and guarantee.risk is not None:  # the rule was fixed: the bound itself holds
        fails["macs"] = bool(outcome.mean_cost > calibrated.cost_bound)
    elif calibrated.cost_bound is not None and guarantee.macs is not None and calibrated.cost_bound <= guarantee.macs:
        fails["macs"] = bool(outcome.mean_cost > guarantee.macs)
    return fails


@pytest.mark.parametrize(("stages", "members"), [(2, 1), (2, 4), (3, 1)])
def test_guarantees_are_broken_at_most_as_often_as_they_may(stages: int, members: int) -> None:
    world = World(stages, members, 60_000)
    guarantee = GuaranteeConfig(risk=0.05, disagreement=0.3, macs=10, delta=0.2)
    draws = [broken(world, seed, guarantee, 2000 * members) for seed in range(1, DRAWS + 1)]
    slack = 2 * np.sqrt(guarantee.delta * (1 - guarantee.delta) / DRAWS)
    assert np.mean([any(fails.values()) for fails in draws]) <= guarantee.delta + slack
    for name in ("risk", "disagreement", "macs"):
        assert np.mean([fails.get(name, False) for fails in draws]) <= guarantee.delta / 3 + slack, name
    assert np.mean(["risk" in fails for fails in draws]) > 0.5  # a test that certifies nothing proves nothing


@pytest.mark.parametrize(("stages", "macs", "limit"), [(2, 2.2, 0.05), (3, 3.0, 0.08)])
def test_disagreement_alone_is_certified_on_a_path_of_widths(stages: int, macs: float, limit: float) -> None:
    """The windows are chosen by the certification samples, and the limit of the cost is close to the cost of many of them."""
    world = World(stages, 1, 60_000)
    guarantee = GuaranteeConfig(disagreement=limit, macs=macs, delta=0.2)
    draws = [broken(world, seed, guarantee, 1000) for seed in range(1, DRAWS + 1)]
    slack = 2 * np.sqrt(guarantee.delta * (1 - guarantee.delta) / DRAWS)
    assert np.mean([any(fails.values()) for fails in draws]) <= guarantee.delta + slack
    for name in ("disagreement", "macs"):
        assert np.mean([fails.get(name, False) for fails in draws]) <= guarantee.delta / 2 + slack, name
    assert 0.02 < np.mean(["macs" in fails for fails in draws]) < 0.98
    # Power: the certified windows send on far fewer samples than the full ensemble, which needs no test.
    stages_, groups = world.draw(0, 1000)
    split = parts(groups, guarantee, 0)
    tuning, certification = taken(stages_, split.tuning), taken(stages_, split.certification)
    calibrated = calibrate(tuning, certification, rule_of(tuning), SCORE, COV, guarantee)
    assert (calibrated.rule(world.population) > 0).mean() < 0.8


def coverage_of(certificate_index: int | None, candidates: np.ndarray, scores: np.ndarray) -> float:
    return 0.0 if certificate_index is None else float((scores >= candidates[certificate_index]).mean())


def test_the_procedure_has_power(capsys: pytest.CaptureFixture[str]) -> None:
    """Against the best of 25 constant starts of the path, on the same draws."""
    world, guarantee = World(2, 1, 60_000), GuaranteeConfig(risk=0.05, delta=0.1)
    starts = np.linspace(0, CANDIDATES - 1, 25).astype(int)
    ours: list[float] = []
    constant: list[Sequence[float]] = []
    best = []
    for seed in range(1, 201):
        stages, groups = world.draw(seed, 5000)
        split = parts(groups, guarantee, seed)
        tuning, certification = taken(stages, split.tuning), taken(stages, split.certification)
        rule = rule_of(tuning)
        tuned, outcome = tuning.at(rule(tuning)), certification.at(rule(certification))
        whole = world.population.at(rule(world.population))
        candidates = threshold_candidates(tuned.score(SCORE))
        evidence = accepted_errors(outcome.score(SCORE), ~outcome.correct, candidates, 0.05)
        mine = certify(
            [accepted_errors(tuned.score(SCORE), ~tuned.correct, candidates, 0.05)], [evidence], guarantee.delta
        )
        ours.append(coverage_of(mine.index, candidates, whole.score(SCORE)))
        values, row = evidence.p_values, []
        for start in np.minimum(starts, len(candidates) - 1):
            fails = np.flatnonzero(values[start:] > guarantee.delta)
            passed = fails[0] if len(fails) else len(values) - start
            row.append(coverage_of(start + passed - 1 if passed else None, candidates, whole.score(SCORE)))
        constant.append(row)
        ranked = whole.ranked(SCORE)
        risk = np.cumsum(ranked.wrong) / np.arange(1, len(ranked) + 1)
        best.append(np.flatnonzero(risk <= 0.05)[-1] / len(ranked))
    nothing, mean = np.mean(np.array(ours) == 0), np.mean(ours)
    best_start = np.mean(constant, axis=0).max()
    with capsys.disabled():
        print(  # noqa: T201
            f"\ncertified coverage {mean:.4f}, best constant start {best_start:.4f}, largest coverage at a true risk of 5 % "
            f"{np.mean(best):.4f}; nothing certified in {nothing:.1%} of draws"
        )
    assert nothing <= 0.05
    assert mean >= best_start - 0.01
