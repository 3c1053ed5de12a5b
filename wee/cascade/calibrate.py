"""Calibration: from a setting to a rule, an acceptance threshold and what both are worth, on arrays.

Everything that decides about the certification samples (the setting, its windows, the candidates for the acceptance threshold,
the threshold of the full ensemble) is fixed on the tuning samples; see `wee.method.guarantees`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wee.cascade.config import TESTED, GuaranteeConfig
from wee.cascade.description import Certification, Estimate, Expectation, Guarantee
from wee.costs import MACS
from wee.errors import WeeError
from wee.method import Interval, IntervalRule, Outcome, Rule, Stages, Task
from wee.method.arrays import Floats
from wee.method.bootstrap import draws as group_draws
from wee.method.bootstrap import group_numbers
from wee.method.guarantees import (
    Certificate,
    Evidence,
    Parts,
    accepted_errors,
    certify,
    cost_bound,
    disagreements,
    fixed_sequence,
    split_parts,
    threshold_candidates,
    upper_bound,
)
from wee.method.intervals import interval
from wee.method.kernels import LANES
from wee.method.policies import FixedRule, quantile
from wee.units import counted

WIDTHS = 50
"""The number of steps from the full ensemble down to the windows of a setting; see `narrowing`."""


def parts(groups: NDArray[np.bytes_], guarantee: GuaranteeConfig, seed: int) -> Parts:
    """Split the validation set by group; without guarantees, all of it tunes.

    Args:
        groups: the group of each validation sample [N].
        guarantee: what is to be guaranteed.
        seed: of the split and of the draw of one sample of each group.
    """
    if guarantee.count:
        return split_parts(groups, seed, guarantee.share)
    everything = np.arange(len(groups))
    return Parts(everything, everything[:0], len(np.unique(groups)))


@dataclass(frozen=True)
class Calibrated:
    """What calibration fixes, and what it certifies.

    Attributes:
        rule: the rule that decides who goes on.
        threshold: the least final confidence that is accepted; infinite if nothing could be certified.
        certificate: the outcome of the tests of thresholds; None if neither risk nor disagreement is guaranteed.
        guaranteed: the names of the guarantees that the certificate is about, in its order.
        cost_bound: the upper confidence limit of the average cost; None if no cost is guaranteed.
        full_threshold: the acceptance threshold of the full ensemble; None where no disagreement is guaranteed.
        step, steps: the position of the rule on the path of windows, and the length of the path; None if there is no path.
    """

    rule: Rule
    threshold: float
    certificate: Certificate | None
    guaranteed: tuple[str, ...]
    cost_bound: float | None
    full_threshold: float | None
    step: int | None = None
    steps: int = 0


def calibrate(
    tuning: Stages, certification: Stages, rule: Rule, score: str, task: Task, guarantee: GuaranteeConfig
) -> Calibrated:
    """Set the acceptance threshold of a cascade, and certify what is to be guaranteed.

    Without guarantees of risk or disagreement, the threshold is that of the task on the tuning samples. With a guaranteed risk,
    it is the laxest of the candidates on the path of tests that keeps all guarantees. With a guaranteed disagreement alone,
    the windows are the narrowest on a path from the full ensemble down to the given windows that keep it, each with the
    threshold of the task on the tuning samples.

    Args:
        tuning: the stages on the tuning samples.
        certification: the stages on independent certification samples; not looked at without guarantees.
        rule: the rule that decides who goes on, fitted on the tuning samples.
        score: the name of the final confidence.
        task: the task.
        guarantee: what is to be guaranteed.

    Raises:
        WeeError: disagreement alone is to be guaranteed, and the rule has no windows.
    """
    level = guarantee.delta / guarantee.count if guarantee.count else guarantee.delta
    if guarantee.risk is not None:
        calibrated = _by_thresholds(tuning, certification, rule, score, task, guarantee)
    elif guarantee.disagreement is not None:
        calibrated = _by_widths(tuning, certification, rule, score, task, guarantee.disagreement, level)
    else:
        calibrated = Calibrated(rule, _own_threshold(tuning, rule, score, task), None, (), None, None)
    if guarantee.macs is None:
        return calibrated
    # Along a path of widths, every stage is reached by ever fewer samples. So the bound of the chosen windows is at most the
    # limit only if those of all narrower windows are, which is a fixed sequence of tests from the narrowest windows upwards.
    exits = calibrated.rule(certification).astype(np.int64)
    return replace(calibrated, cost_bound=cost_bound(exits, _added(certification.cost), level))


def _by_thresholds(
    tuning: Stages, certification: Stages, rule: Rule, score: str, task: Task, guarantee: GuaranteeConfig
) -> Calibrated:
    """Certify the risk, and the disagreement if it is guaranteed, on a path of acceptance thresholds."""
    names = tuple(name for name in TESTED if getattr(guarantee, name) is not None)
    tuned = tuning.at(rule(tuning))
    candidates = threshold_candidates(tuned.score(score))
    full_threshold = (
        task.acceptance_threshold(_full(tuning).ranked(score)) if guarantee.disagreement is not None else None
    )

    def evidence(outcome: Outcome) -> list[Evidence]:
        tests = []
        if guarantee.risk is not None:
            tests.append(accepted_errors(outcome.score(score), ~outcome.correct, candidates, guarantee.risk))
        if guarantee.disagreement is not None and full_threshold is not None:
            tests.append(_disagreements(outcome, score, full_threshold, candidates, guarantee.disagreement))
        return tests

    tests = evidence(tuned), evidence(certification.at(rule(certification)))
    certificate = certify(*tests, guarantee.delta * len(names) / guarantee.count)
    return Calibrated(rule, certificate.threshold(candidates), certificate, names, None, full_threshold)


def _by_widths(
    tuning: Stages, certification: Stages, rule: Rule, score: str, task: Task, limit: float, delta: float
) -> Calibrated:
    """Certify the disagreement with the full ensemble on a path of windows, from all samples down to the given windows.

    At the beginning of the path every sample goes on, so that no decision differs: this needs no test.
    """
    path = narrowing(rule, tuning)
    full_threshold = task.acceptance_threshold(_full(tuning).ranked(score))
    thresholds = [full_threshold, *(_own_threshold(tuning, narrower, score, task) for narrower in path[1:])]
    tests = [
        _disagreements(certification.at(one(certification)), score, full_threshold, np.array([threshold]), limit)
        for one, threshold in zip(path, thresholds, strict=True)
    ]
    values = [float(test.p_values[0]) for test in tests[1:]]
    passed = fixed_sequence(values, delta)
    place = len(passed)  # the path begins with one rule that needs no test
    losses, count = int(tests[place].losses[0]), int(tests[place].counts[0])
    certificate = Certificate(
        index=place,
        start=0,
        tested=min(place + 1, len(values)),
        p_values=(values[place - 1] if place else 0.0,),
        bounds=(upper_bound(losses, count, delta) if place else 0.0,),
        losses=(losses,),
        counts=(count,),
        enough=(),
        delta=delta,
    )
    return Calibrated(
        path[place], thresholds[place], certificate, TESTED[1:], None, full_threshold, step=place, steps=len(path)
    )


def narrowing(rule: Rule, tuning: Stages) -> list[Rule]:
    """Return rules from "every sample goes on" to the given windows, each of whose windows lies in those before it.

    The ends of a window are quantiles of the confidences of the tuning samples. From rule to rule they move in equal steps of
    the share of samples outside.

    Args:
        rule: windows, or a rule with which every sample reaches the last stage.
        tuning: the stages on the tuning samples.

    Raises:
        WeeError: the rule is neither.
    """
    last = len(tuning) - 1
    if isinstance(rule, FixedRule) and rule.stage == last:
        return [rule]
    if not isinstance(rule, IntervalRule):
        raise WeeError(
            "guarantee.disagreement alone is certified by widening windows until decisions agree, and this setting has no "
            "windows: choose policy window or threshold, or guarantee the risk as well"
        )
    orders = [summary.ranked(rule.score).ascending for summary in tuning.summaries[:-1]]
    path: list[Rule] = [IntervalRule(rule.score, [_everything(interval) for interval in rule.intervals])]
    if not rule.intervals:
        return path
    for step in range(1, WIDTHS):
        share = step / WIDTHS
        pairs = zip(rule.intervals, orders, strict=True)
        path.append(IntervalRule(rule.score, [_between(interval, order, share) for interval, order in pairs]))
    return [*path, rule]


def _between(interval: Interval, ascending: Floats, share: float) -> Interval:
    """Return the window with a share of what a window leaves out on each side, in (0, 1)."""
    low, high = interval.low, interval.high
    if low > high:  # an empty window closes around its threshold
        middle = interval.tau if interval.tau is not None else float(np.median(ascending))
        low = high = middle
    below, above = (ascending < low).mean(), (ascending > high).mean()
    return replace(
        interval,
        low=-np.inf if below == 0 else min(quantile(ascending, share * below), low),
        high=np.inf if above == 0 else max(quantile(ascending, 1 - share * above), high),
    )


def _everything(interval: Interval) -> Interval:
    """Return the window that contains everything, around the same threshold."""
    return replace(interval, low=-np.inf, high=np.inf)


def _disagreements(outcome: Outcome, score: str, full_threshold: float, candidates: Floats, limit: float) -> Evidence:
    """Return the evidence about the disagreement with the full ensemble at some thresholds of the cascade."""
    full = _full(outcome.stages)
    decisions = outcome.score(score), outcome.label, full.score(score), full.label
    return disagreements(*decisions, full_threshold, candidates, limit)


def _own_threshold(tuning: Stages, rule: Rule, score: str, task: Task) -> float:
    """Return the acceptance threshold of the task on the tuning samples, from the final confidences of the cascade."""
    return task.acceptance_threshold(tuning.at(rule(tuning)).ranked(score))


def _full(stages: Stages) -> Outcome:
    """The outcome of running every stage on every sample: the full ensemble."""
    return stages.at(np.full(len(stages.ids), len(stages) - 1))


def _added(cost: Sequence[float]) -> list[float]:
    """The cost that each stage adds."""
    return [later - before for before, later in zip([0.0, *cost], cost, strict=False)]


def refusal(calibrated: Calibrated, guarantee: GuaranteeConfig, samples: int) -> str | None:
    """Return why not everything could be certified, and what helps, as sentences; None if everything was.

    Args:
        calibrated: the outcome.
        guarantee: what was to be guaranteed.
        samples: the number of certification samples.
    """
    reasons = []
    certificate = calibrated.certificate
    if certificate is not None and certificate.index is None:
        parts, larger, attainable = [], [], True
        columns = (certificate.bounds, certificate.losses, certificate.counts, certificate.enough, certificate.p_values)
        for name, bound, losses, count, enough, p_value in zip(calibrated.guaranteed, *columns, strict=True):
            if p_value <= certificate.delta:
                continue
            more = "no number of samples would be enough at this rate"
            if enough is not None and count:
                needed = math.ceil(enough * samples / count)
                more = f"about {needed:,} certification samples would be enough at this rate"
            larger.append(f"a larger guarantee.{name}")
            attainable = attainable and enough is not None
            parts.append(
                f"guarantee.{name}={getattr(guarantee, name):g}: {counted(losses, 'loss', 'losses')} among "
                f"{counted(count, 'sample')} at the first threshold bound it by {bound:.4g}; {more}"
            )
        reasons.append(
            f"no acceptance threshold can be certified with {samples:,} independent certification samples at "
            f"guarantee.delta={guarantee.delta:g} ({'; '.join(parts)}). {_what_helps(larger, attainable)}"
        )
    if guarantee.macs is not None and calibrated.cost_bound is not None and calibrated.cost_bound > guarantee.macs:
        reasons.append(
            f"guarantee.macs={guarantee.macs:g} does not hold: the bound on the average cost is {calibrated.cost_bound:.4g}. "
            "A larger guarantee.macs, a cheaper setting or more validation data help"
        )
    return ". ".join(reasons) or None


def _what_helps(larger: Sequence[str], attainable: bool) -> str:
    """Return a sentence on how a threshold can be certified.

    Args:
        larger: the limits that can be made larger, as parts of the sentence.
        attainable: whether more samples would be enough at the observed rates of losses.
    """
    if attainable:
        return f"More validation data, {' and '.join(larger)}, or a larger guarantee.delta (a smaller confidence) help"
    return f"Only {' and '.join(larger)} or better networks help"


def expected(
    outcome: Outcome, score: str, threshold: float, groups: NDArray[np.bytes_], resamples: int, level: float, seed: int
) -> Expectation:
    """The numbers of a cascade on labelled samples at its acceptance threshold, each with a bootstrap interval over groups.

    Args:
        outcome: of the cascade on the samples.
        score: the confidence that accepts.
        threshold: the least confidence that is accepted.
        groups: the group of each sample [N].
        resamples: the number of resamples; at least 1.
        level: the coverage of the intervals, in (0, 1).
        seed: of the draws.
    """
    accepted = outcome.score(score) >= threshold
    wrong = accepted & ~outcome.correct
    numbers = group_numbers(groups)
    reaching = [outcome.exits >= stage for stage in range(len(outcome.stages))]
    columns = [np.ones(len(outcome)), accepted, wrong, outcome.correct, outcome.cost, *reaching]
    sums = np.stack([np.bincount(numbers, column.astype(np.float64)) for column in columns])
    blocks = [
        sums @ group_draws(sums.shape[1], block, seed).astype(np.float64) for block in range(-(-resamples // LANES))
    ]
    draws = np.concatenate(blocks, axis=1)[:, :resamples]
    whole = sums.sum(axis=1)

    def ratio(above: int, below: int) -> Estimate:
        with np.errstate(invalid="ignore", divide="ignore"):
            values: Floats = np.where(draws[below] > 0, draws[above] / draws[below], 0.0)
        low, high = interval(values, level)
        value = float(whole[above] / whole[below]) if whole[below] else 0.0
        return Estimate(value, low, high)

    return Expectation(
        samples=len(outcome),
        groups=int(sums.shape[1]),
        level=level,
        coverage=ratio(1, 0),
        risk=ratio(2, 1),
        accuracy=ratio(3, 0),
        cost=ratio(4, 0),
        reaching=[ratio(5 + stage, 0) for stage in range(len(reaching))],
    )


def certified(calibrated: Calibrated, guarantee: GuaranteeConfig, samples: int) -> Certification | None:
    """The guarantees as they stand in a description; None if none is asked for.

    Args:
        calibrated: the outcome of `calibrate`.
        guarantee: what was to be guaranteed.
        samples: the number of certification samples.
    """
    if not guarantee.count:
        return None
    guarantees = []
    certificate = calibrated.certificate
    if certificate is not None:
        columns = (certificate.bounds, certificate.losses, certificate.counts, certificate.p_values)
        for name, bound, losses, count, p_value in zip(calibrated.guaranteed, *columns, strict=True):
            holds = certificate.index is not None
            guarantees.append(Guarantee(name, getattr(guarantee, name), bound, holds, losses, count, p_value))
    if guarantee.macs is not None and calibrated.cost_bound is not None:
        holds = calibrated.cost_bound <= guarantee.macs
        guarantees.append(Guarantee(MACS, guarantee.macs, calibrated.cost_bound, holds))
    reason = refusal(calibrated, guarantee, samples)
    return Certification(guarantee.delta, samples, guarantees, reason, note=_widened(calibrated))


def _widened(calibrated: Calibrated) -> str | None:
    """Return how the windows were widened to keep a guaranteed disagreement; None if they were not."""
    if calibrated.step is None or calibrated.step == calibrated.steps - 1:
        return None
    if calibrated.step == 0:
        return (
            "no windows could be certified to agree with the full ensemble as often as asked for, so that every sample runs "
            "through all stages, whatever the budget or the target"
        )
    return (
        "the windows are wider than the chosen ones, so that decisions agree with the full ensemble's as often as asked for: "
        f"step {calibrated.step} of {calibrated.steps - 1} from the full ensemble to the chosen windows. The average cost may "
        "be above the budget"
    )
