"""Metrics of a deployed system, measured at an acceptance threshold that was fixed on the validation set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wee.method.kernels import Kind
from wee.method.metrics.base import MetricKind
from wee.method.metrics.ranked import RankedOutcome


@dataclass(frozen=True, eq=False, kw_only=True)
class DeployedKind(MetricKind):
    """A share of samples at a fixed acceptance threshold, which is set for a task. The task's parameter follows the `@`.

    Attributes:
        quantity: the quantity in a word: "coverage".
        of_accepted: whether it is a share of the accepted samples, such as the risk; otherwise, it is a share of all samples.
        share: function of a ranking and the threshold that returns the share, in [0, 1].
    """

    quantity: str
    share: Callable[[RankedOutcome, float], float]
    of_accepted: bool = False
    parameter: str | None = "the parameter of the task that the threshold is set for"

    def label_at(self, at: float | None) -> str:
        """Return the label with the parameter of the task: "deployed risk @5"."""
        return self.label if at is None else f"{self.label} @{at:g}"

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """Return the value at an acceptance threshold."""
        return self.scale * self.share(ranking, parameter)


def _accepted_id(ranking: RankedOutcome, threshold: float) -> float:
    """Return the share of ID samples that are accepted."""
    return ranking.ranked.above(threshold, inclusive=True) / len(ranking.ranked)


def _accepted_ood(ranking: RankedOutcome, threshold: float) -> float:
    """Return the share of OOD samples that are accepted."""
    return float((ranking.ood_scores >= threshold).mean())


def _risk(ranking: RankedOutcome, threshold: float) -> float:
    """Return the share of errors among the accepted, in the mixture if there is OOD data; 0 if nothing is accepted."""
    count, accepted = len(ranking.ranked), ranking.ranked.above(threshold, inclusive=True)
    errors = int(np.count_nonzero(ranking.ranked.wrong[:accepted]))
    if ranking.ood is None:
        return errors / accepted if accepted else 0.0
    share = ranking.ood_share
    ood_weight = share * _accepted_ood(ranking, threshold)
    weight = (1 - share) * (accepted / count) + ood_weight
    return ((1 - share) * (errors / count) + ood_weight) / weight if weight else 0.0


DEPLOYED_COVERAGE = DeployedKind(
    name="deployed_cov",
    label="deployed coverage",
    quantity="coverage",
    help="share of samples accepted at the threshold that the task sets on validation, in per cent",
    higher_is_better=True,
    readings=(Kind.COVERAGE_AT_THRESHOLD, Kind.COVERAGE_AT_THRESHOLD),
    share=_accepted_id,
)
DEPLOYED_RISK = DeployedKind(
    name="deployed_risk",
    label="deployed risk",
    quantity="risk",
    of_accepted=True,
    help="share of errors among those accepted at that threshold, in per cent; 0 if nothing is accepted",
    higher_is_better=False,
    readings=(Kind.RISK_AT_THRESHOLD, Kind.RISK_AT_THRESHOLD),
    share=_risk,
)
DEPLOYED_TPR = DeployedKind(
    name="deployed_tpr",
    label="deployed TPR",
    quantity="TPR",
    help="share of ID samples accepted at the threshold of a task of OOD detection, in per cent",
    higher_is_better=True,
    readings=(Kind.COVERAGE_AT_THRESHOLD, Kind.COVERAGE_AT_THRESHOLD),
    share=_accepted_id,
)
DEPLOYED_FPR = DeployedKind(
    name="deployed_fpr",
    label="deployed FPR",
    quantity="FPR",
    help="share of OOD samples accepted at that threshold, in per cent",
    higher_is_better=False,
    on_id=False,
    readings=(Kind.FPR_AT_THRESHOLD, Kind.FPR_AT_THRESHOLD),
    share=_accepted_ood,
)

DEPLOYED = [DEPLOYED_COVERAGE, DEPLOYED_RISK, DEPLOYED_TPR, DEPLOYED_FPR]
"""The deployed metrics. They are measured for every task, and cannot be selected by name."""
