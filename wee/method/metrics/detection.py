"""Metrics of OOD detection. ID samples should have higher confidences than OOD samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wee.method.curves import RiskCoverage
from wee.method.detection import ranked_aupr, ranked_auroc, ranked_fpr_at, recall_threshold
from wee.method.kernels import Kind
from wee.method.metrics.base import MetricKind, TaskKind
from wee.method.metrics.deployed import DEPLOYED_FPR, DEPLOYED_TPR
from wee.method.metrics.ranked import RankedOutcome


@dataclass(frozen=True, eq=False, kw_only=True)
class FalsePositiveKind(TaskKind):
    """The share of OOD samples that are accepted when a share of the ID samples is accepted."""

    def threshold(self, curve: RiskCoverage, share: float) -> float:
        """Return the threshold at which a share of the ID samples is accepted."""
        return recall_threshold(curve.ranked.ascending, share, curve.convention)

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """Return the share of OOD samples accepted."""
        return self.scale * ranked_fpr_at(ranking.ranked, ranking.ood_scores, parameter, ranking.convention)


@dataclass(frozen=True, eq=False, kw_only=True)
class DetectionKind(MetricKind):
    """A kind of metric: an area under a curve, such as AUROC, that measures how well a score separates ID from OOD samples.

    Attributes:
        area: function that computes the area, in [0, 1].
    """

    area: Callable[[RankedOutcome], float]
    on_id: bool = False
    on_ood: bool = True

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """Return the area, over ID and OOD samples together."""
        return self.scale * self.area(ranking)


def _auroc(ranking: RankedOutcome) -> float:
    return ranked_auroc(~ranking.is_ood, ranking.beside.ends)


def _aupr_in(ranking: RankedOutcome) -> float:
    return ranked_aupr(~ranking.is_ood, ranking.beside.ends)


def _aupr_out(ranking: RankedOutcome) -> float:
    ends, count = ranking.beside.ends, len(ranking.is_ood)
    from_below = np.concatenate([count - ends[-2::-1], [count]])
    return ranked_aupr(ranking.is_ood[::-1], from_below)


FALSE_POSITIVES = FalsePositiveKind(
    name="fpr",
    label="FPR",
    help="share of OOD samples accepted where so many per cent of the ID samples are, in per cent",
    higher_is_better=False,
    parameter="the share of ID samples that is accepted",
    on_id=False,
    on_ood=True,
    readings=(Kind.FPR_PAPER, Kind.FPR_STRICT),
    deployed=(DEPLOYED_TPR, DEPLOYED_FPR),
    asked=DEPLOYED_TPR,
)
DETECTION = [
    DetectionKind(
        name="auroc",
        label="AUROC",
        help="AUROC of ID against OOD samples, in per cent",
        higher_is_better=True,
        readings=(Kind.AUROC, Kind.AUROC),
        area=_auroc,
    ),
    DetectionKind(
        name="aupr_in",
        label="AUPR, ID",
        help="average precision with ID samples as positives, in per cent",
        higher_is_better=True,
        readings=(Kind.AUPR_IN, Kind.AUPR_IN),
        area=_aupr_in,
    ),
    DetectionKind(
        name="aupr_out",
        label="AUPR, OOD",
        help="average precision with OOD samples as positives, in per cent",
        higher_is_better=True,
        readings=(Kind.AUPR_OUT, Kind.AUPR_OUT),
        area=_aupr_out,
    ),
]
