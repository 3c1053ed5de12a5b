"""Calibration: from a setting to a rule, an acceptance threshold and what both are worth, on arrays.

Everything that decides about the certification samples (the setting, its windows, the candidates for the acceptance threshold,
the threshold of the full ensemble) is fixed on the tuning samples; see `wee.method.guarantees`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wee.cascade.config import TESTED, GuaranteeConfig
from wee.cascade.description import Certification, Estimate, Expectation, Guarantee
from wee.costs import MACS
from wee.method import IntervalRule, Outcome, Stages, Task
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
    split_parts,
    threshold_candidates,
)
from wee.method.intervals import interval
from wee.method.kernels import LANES


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
        threshold: the least final confidence that is accepted; infinite if nothing could be certified.
        certificate: the outcome of the tests of thresholds; None if neither risk nor disagreement is guaranteed.
        guaranteed: the names of the guarantees that the certificate is about, in its order.
        cost_bound: the upper confidence limit of the average cost; None if no cost is guaranteed.
        full_threshold: the acceptance threshold of the full ensemble; None where no disagreement is guaranteed.
    """

    threshold: float
    certificate: Certificate | None
    guaranteed: tuple[str, ...]
    cost_bound: float | None
    full_threshold: float | None


def calibrate(
    tuning: Stages, certification: Stages, rule: IntervalRule, task: Task, guarantee: GuaranteeConfig
) -> Calibrated:
    """Set the acceptance threshold of a cascade, and certify what is to be guaranteed.

    Without a guaranteed risk, the threshold is that of the task on the tuning samples; a guaranteed disagreement is tested
    there. With a guaranteed risk, it is the laxest of the candidates on the path of tests that keeps all guarantees.

    Args:
        tuning: the stages on the tuning samples.
        certification: the stages on independent certification samples; not looked at without guarantees.
        rule: the windows, fitted on the tuning samples.
        task: the task.
        guarantee: what is to be guaranteed.
    """
    score = rule.score
    tuned = tuning.at(rule(tuning))
    if not guarantee.count:
        return Calibrated(task.acceptance_threshold(tuned.ranked(score)), None, (), None, None)
    certifying = certification.at(rule(certification))
    level = guarantee.delta / guarantee.count
    bound = (
        None
        if guarantee.macs is None
        else cost_bound(certifying.exits.astype(np.int64), _added(certification.cost), level)
    )
    names = tuple(name for name in TESTED if getattr(guarantee, name) is not None)
    if not names:
        return Calibrated(task.acceptance_threshold(tuned.ranked(score)), None, (), bound, None)
    if guarantee.risk is None:  # the threshold is that of the task, and is tested as it is
        candidates = np.array([task.acceptance_threshold(tuned.ranked(score))])
    else:
        candidates = threshold_candidates(tuned.score(score))
    full_threshold = (
        task.acceptance_threshold(_full(tuning).ranked(score)) if guarantee.disagreement is not None else None
    )

    def evidence(outcome: Outcome) -> list[Evidence]:
        tests = []
        if guarantee.risk is not None:
            tests.append(accepted_errors(outcome.score(score), ~outcome.correct, candidates, guarantee.risk))
        if guarantee.disagreement is not None and full_threshold is not None:
            full = _full(outcome.stages)
            scores = outcome.score(score), outcome.label, full.score(score), full.label
            tests.append(disagreements(*scores, full_threshold, candidates, guarantee.disagreement))
        return tests

    certificate = certify(evidence(tuned), evidence(certifying), level * len(names))
    return Calibrated(certificate.threshold(candidates), certificate, names, bound, full_threshold)


def _full(stages: Stages) -> Outcome:
    """The outcome of running every stage on every sample: the full ensemble."""
    return stages.at(np.full(len(stages.ids), len(stages) - 1))


def _added(cost: Sequence[float]) -> list[float]:
    """The cost that each stage adds."""
    return [later - before for before, later in zip([0.0, *cost], cost, strict=False)]


def refusal(calibrated: Calibrated, guarantee: GuaranteeConfig, samples: int) -> str | None:
    """Why not everything could be certified, and what could be, as a sentence; None if everything was.

    Args:
        calibrated: the outcome.
        guarantee: what was to be guaranteed.
        samples: the number of certification samples.
    """
    reasons = []
    certificate = calibrated.certificate
    if certificate is not None and certificate.index is None:
        parts = []
        columns = (certificate.bounds, certificate.losses, certificate.counts, certificate.enough, certificate.p_values)
        for name, bound, losses, count, enough, p_value in zip(calibrated.guaranteed, *columns, strict=True):
            if p_value <= certificate.delta:
                continue
            more = "no number of samples would be enough at this rate"
            if enough is not None and count:
                needed = math.ceil(enough * samples / count)
                more = f"about {needed:,} certification samples would be enough at this rate"
            parts.append(
                f"guarantee.{name}={getattr(guarantee, name):g}: {losses} losses among {count:,} samples at the first "
                f"threshold bound it by {bound:.4g}; {more}"
            )
        reasons.append(
            f"no acceptance threshold can be certified with {samples:,} independent certification samples at "
            f"guarantee.delta={guarantee.delta:g} ({'; '.join(parts)})"
        )
    if guarantee.macs is not None and calibrated.cost_bound is not None and calibrated.cost_bound > guarantee.macs:
        reasons.append(
            f"guarantee.macs={guarantee.macs:g} does not hold: the bound on the average cost is {calibrated.cost_bound:.4g}"
        )
    return ". ".join(reasons) or None


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
    return Certification(guarantee.delta, samples, guarantees, refusal(calibrated, guarantee, samples))
