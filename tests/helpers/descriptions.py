"""Descriptions of cascades, made up for tests."""

from __future__ import annotations

from wee.cascade.description import (
    CascadeDescription,
    Certification,
    Estimate,
    Expectation,
    Guarantee,
    StageDescription,
)
from wee.method.policies import FixedRule


def cascade(
    reaching: list[float],
    coverage: float,
    samples: int,
    groups: int | None = None,
    certified: bool = True,
    risk: float = 0.1,
) -> CascadeDescription:
    """A cascade with these shares, and a risk, on its tuning and its test samples; certified for a risk of 10 %."""

    def estimate(value: float) -> Estimate:
        return Estimate(value, value, value)

    numbers = Expectation(
        samples, groups or samples, 0.95, estimate(coverage), estimate(risk), estimate(0.9), estimate(1.0),
        [estimate(share) for share in reaching],
    )  # fmt: skip
    stage = StageDescription("f", "s", 0, None, "", "", {}, {}, 0, None, {"macs": 1.0})
    guarantee = Guarantee("risk", 0.1, 0.09, certified)
    return CascadeDescription(
        dataset="d", classes=["a", "b"], task="cov@10", score="msp", combine="average", stages=[stage] * len(reaching),
        summing_order=list(range(len(reaching))), rule=FixedRule(0), acceptance=0.5,
        chosen={"cost": "macs", "target": 90.0, "value": 91.0, "average_cost": 1.4e6},
        calibrated_on={
            "key": "k", "tuning_samples": 100, "tuning_groups": 100, "certification_samples": 100, "split_seed": 0,
            "wee": "0.1.0", "entries": [],
        }, tuning=numbers, expected={"test": numbers},
        certified=Certification(0.1, 100, [guarantee]),
    )  # fmt: skip
