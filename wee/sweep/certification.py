"""Certified thresholds in sweeps: the tuning and the certification part of the validation set, and what each one fixes.

For a certified metric, everything that decides about the certification samples (temperatures, windows, the candidates for the
acceptance threshold and where their tests start) is fixed on the tuning part; see `wee.method.guarantees`. The certified
threshold is then applied to the test set. On a shifted set, it is applied without any guarantee.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from wee.data.splits import VAL, SplitName
from wee.errors import WeeError
from wee.method import POLICIES, Outcome, Stages, Summary, Task
from wee.method.arrays import Floats, Ints
from wee.method.bootstrap import group_numbers
from wee.method.guarantees import Evidence, Parts, accepted_errors, certify, split_parts, threshold_candidates
from wee.sweep.config import CertifiedConfig
from wee.sweep.plan import Plan
from wee.sweep.pool import Pool

log = logging.getLogger("wee")


@dataclass(frozen=True)
class Certifier:
    """How the settings of a pool are certified.

    Attributes:
        config: the probability of error, and the split of the validation set.
        parts: the parts of the validation set.
        groups: the group of each tuning sample, numbered from 0.
    """

    config: CertifiedConfig
    parts: Parts
    groups: Ints

    @classmethod
    def of(cls, pool: Pool, config: CertifiedConfig) -> Certifier:
        """Split the validation set of a pool.

        Raises:
            WeeError: it has too few groups of dependent samples.
        """
        groups = pool.samples[VAL].groups
        try:
            parts = split_parts(groups, config.seed, config.share)
        except WeeError as error:
            raise WeeError(
                f"the split {VAL} of {pool.dataset} is too small for certified metrics with "
                f"guarantee.share={config.share:g}: {error}; independent samples are counted as groups, and each part needs "
                "at least one"
            ) from None
        return cls(config, parts, group_numbers(groups[parts.tuning]))

    def parted(self, stages: Mapping[SplitName, Stages]) -> Parted:
        """Return stages with the validation set in its parts.

        Args:
            stages: the stages of a lineup on each split, with temperatures that the tuning part fixes.
        """
        tuning, certifying = (_take(stages[VAL], part) for part in (self.parts.tuning, self.parts.certification))
        return Parted({**stages, VAL: tuning}, certifying)

    def tuned(self, tuning: TunedSystem) -> dict[Task, float]:
        """Return the threshold of each task by which points are compared on the tuning part.

        It is the laxest candidate whose upper bound on the tuning samples is at most the risk; infinite if there is none.
        Certification samples are not looked at.
        """
        return {task: tuning.laxest(task.share, self.config.delta) for task in tuning.tasks}

    def certified(self, tuning: TunedSystem, certifying: Outcome) -> dict[Task, float]:
        """Return the certified threshold of each task; infinite if nothing is certified.

        Args:
            tuning: the system on the tuning samples.
            certifying: its outcome on the certification samples.
        """
        return {task: tuning.certified(certifying, task.share, self.config.delta) for task in tuning.tasks}


@dataclass(frozen=True)
class Parted:
    """The stages of a lineup with the validation set in its parts. All settings of the lineup share them.

    Attributes:
        stages: the stages on each split; those on the validation set are the stages on the tuning part.
        certifying: the stages on the certification samples.
    """

    stages: Mapping[SplitName, Stages]
    certifying: Stages


@dataclass(frozen=True)
class TunedSystem:
    """A system on the tuning samples, and the risks that it is tested for.

    Attributes:
        outcome: its outcome on the tuning samples.
        score: the evaluation score that accepts.
        tasks: the tasks whose parameters are the risks.
    """

    outcome: Outcome
    score: str
    tasks: Sequence[Task]

    @cached_property
    def candidates(self) -> Floats:
        """The candidates for the acceptance threshold, from strict to lax."""
        return threshold_candidates(self.outcome.score(self.score))

    def evidence(self, outcome: Outcome, risk: float) -> Evidence:
        """Return the evidence of an outcome of the system about a risk at each candidate."""
        return accepted_errors(outcome.score(self.score), ~outcome.correct, self.candidates, risk)

    def laxest(self, risk: float, delta: float) -> float:
        """Return the laxest candidate whose bound on the tuning samples is at most a risk; infinity if there is none."""
        place = self.evidence(self.outcome, risk).laxest(delta)
        return math.inf if place is None else float(self.candidates[place])

    def certified(self, certifying: Outcome, risk: float, delta: float) -> float:
        """Return the candidate that is certified for a risk; infinity if there is none."""
        tuning, certification = (self.evidence(outcome, risk) for outcome in (self.outcome, certifying))
        return certify([tuning], [certification], delta).threshold(self.candidates)


def check(pools: Sequence[Pool], plan: Plan) -> None:
    """Check that the validation set can be split for certified metrics, and warn about what cannot be certified.

    Args:
        pools: the pools of a sweep.
        plan: the plan of the sweep; without certified metrics, nothing is checked.

    Raises:
        WeeError: a validation set has too few groups of dependent samples.
    """
    if not plan.certifies:
        return
    config = plan.guarantee
    samples = min(len(Certifier.of(pool, config).parts.certification) for pool in pools)
    for task in plan.certified_for():
        names = " and ".join(metric.name for metric in plan.certified if metric.operated_for == task)
        least = math.ceil(math.log(config.delta) / math.log1p(-task.share) - 1e-9)
        if least > samples:
            log.warning(
                f"{names} will be 0 everywhere: to certify a risk of {task.at:g} % with guarantee.delta={config.delta:g} takes "
                f"at least {least:,} certification samples without an error, and there are {samples:,}"
            )
        if task not in plan.tasks and any(POLICIES.find(name).by_task() for name in plan.policy.names):
            log.warning(f"{names}: no windows are set for {task}; name it in task.names to certify windows, too")


def _take(stages: Stages, places: Ints) -> Stages:
    """Return stages on some samples. Each summary is taken once, and shared by the lineups that have it."""

    def take(summary: Summary) -> Summary:
        # The memo keeps the places, so that no other array can get their id.
        return summary.once(("part", id(places)), lambda: (places, summary.take(places)))[1]

    return stages.take(places, [take(summary) for summary in stages.summaries])
