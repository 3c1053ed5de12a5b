"""Typed configs of calibration. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from wee.errors import WeeError
from wee.sweep.config import BootstrapConfig, CertificationConfig


@dataclass(kw_only=True)
class GuaranteeConfig(CertificationConfig):
    """What is guaranteed of the calibrated cascade, with probability 1 - delta over the draw of the certification samples.

    Attributes:
        risk: the largest risk of accepted samples, a share in (0, 1); null for no such guarantee.
        disagreement: the largest share of samples on which the decision may differ from that of the ensemble of all
            stages, in (0, 1); null for none.
        macs: the largest average cost; null for none.
        delta: the probability that any of the guarantees fails, in (0, 1).
        share: the share of the independent validation samples that certify; the others tune.
    """

    risk: float | None = None
    disagreement: float | None = None
    macs: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in TESTED:
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise WeeError(f"guarantee.{name} is {value:g}: it is a share between 0 and 1, such as 0.05 for 5 %")
        if self.macs is not None and self.macs <= 0:
            raise WeeError(f"guarantee.macs is {self.macs:g}: it is an average number of MACs a sample, more than 0")

    @property
    def count(self) -> int:
        """The number of guarantees."""
        return sum(value is not None for value in (self.risk, self.disagreement, self.macs))


TESTED = tuple(entry.name for entry in fields(GuaranteeConfig)[len(fields(CertificationConfig)) :][:2])
"""The guarantees that are tested at every candidate for the acceptance threshold: risk and disagreement."""


def check_choice(budget: Mapping[str, float], target: float | None, stages: int, cost: str) -> None:
    """Check how a setting is to be chosen: within a budget, or by a target.

    Args:
        budget: the largest average cost, by the name of the cost; empty for none.
        target: the value of the task to reach, in per cent; None for none.
        stages: the largest number of stages.
        cost: the name of the cost that settings are priced by.

    Raises:
        WeeError: neither or both are given, or a number is out of range.
    """
    if bool(budget) == (target is not None):
        raise WeeError(f"choose by one of the two: a budget (budget.{cost}=1e6) or a target (target=80)")
    if budget and list(budget) != [cost]:
        raise WeeError(
            f"budget is about {' and '.join(budget)}, and settings are priced by cost={cost}: give budget.{cost}"
        )
    for name, value in budget.items():
        if not value > 0:
            raise WeeError(f"budget.{name} is {value:g}: it is an average cost, more than 0")
    if stages < 1:
        raise WeeError(f"stages is {stages}: it is the largest number of stages, 1 or more")


@dataclass(frozen=True)
class CascadePlan:
    """How a cascade is to be made.

    Attributes:
        task: the name of the task.
        score: the name of the confidence that decides, and that predictions are accepted by.
        sizes: the largest number of stages.
        budget: the largest average cost, by the name of the cost; empty where there is a target.
        target: the value of the task to reach, in per cent; None where there is a budget.
        guarantee: what is to be guaranteed.
        replaces: whether a stage replaces the output of the stages before it, instead of averaging with them.
        temperature: whether the logits of each member are divided by a temperature that is fitted on the tuning samples.
        bootstrap: the intervals of the expected numbers.
        seed: the seed of the split of the validation set.
    """

    task: str
    score: str
    sizes: int
    budget: Mapping[str, float]
    target: float | None
    guarantee: GuaranteeConfig
    replaces: bool
    temperature: bool
    bootstrap: BootstrapConfig
    seed: int

    def describe(self) -> dict[str, Any]:
        """The plan as plain data."""
        return asdict(self)
