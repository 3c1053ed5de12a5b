"""Metrics of selective classification: Cov@r, Risk@c, areas under risk-coverage curves, and the detection of errors.

With OOD data in the stream, Risk@c and the areas are those of SCOD. Sources: see `wee.method.curves`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wee.method.curves import Mixture, RiskCoverage
from wee.method.detection import ranked_auroc
from wee.method.kernels import Kind
from wee.method.metrics.base import MetricKind, TaskKind
from wee.method.metrics.deployed import DEPLOYED_COVERAGE, DEPLOYED_RISK
from wee.method.metrics.ranked import RankedOutcome


@dataclass(frozen=True, eq=False, kw_only=True)
class CoverageKind(TaskKind):
    """The largest coverage at a risk."""

    def read(self, curve: RiskCoverage, share: float) -> tuple[float, int]:
        """Return the coverage at a risk in [0, 1], and its point."""
        return curve.coverage_at(share)


@dataclass(frozen=True, eq=False, kw_only=True)
class RiskKind(TaskKind):
    """The risk at a coverage of the ID samples, alone or in the mixture with OOD samples."""

    def read(self, curve: RiskCoverage, share: float) -> tuple[float, int]:
        """Return the risk at a coverage in [0, 1], and its point."""
        return curve.risk_at(share)

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """Return the risk of selective classification, or of SCOD if there is OOD data."""
        if ranking.ood is None:
            return super().of_ranking(ranking, parameter)
        return self.scale * ranking.mixture.risk_at(parameter)


@dataclass(frozen=True, eq=False, kw_only=True)
class AreaKind(MetricKind):
    """An area under a risk-coverage curve.

    Attributes:
        area: function of the curve of ID samples, or of that of the mixture, that returns the area.
    """

    area: Callable[[RiskCoverage | Mixture], float]
    percent: bool = False
    on_ood: bool = True

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """Return the area of selective classification, or of SCOD if there is OOD data."""
        return self.scale * float(self.area(ranking.curve if ranking.ood is None else ranking.mixture))


@dataclass(frozen=True, eq=False, kw_only=True)
class ErrorDetectionKind(MetricKind):
    """The AUROC of correct predictions against errors; NaN if there are no errors or only errors."""

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """Return the AUROC of the ID samples."""
        right = ~ranking.ranked.wrong
        return self.scale * (
            ranked_auroc(right, ranking.ranked.ends) if right.any() and not right.all() else float("nan")
        )


COVERAGE = CoverageKind(
    name="cov",
    label="Cov",
    help="largest coverage at a risk of so many per cent, in per cent",
    higher_is_better=True,
    parameter="the risk that is accepted",
    readings=(Kind.COVERAGE_PAPER, Kind.COVERAGE_STRICT),
    deployed=(DEPLOYED_COVERAGE, DEPLOYED_RISK),
    asked=DEPLOYED_RISK,
)
RISK = RiskKind(
    name="risk",
    label="Risk",
    help="risk at a coverage of so many per cent, in per cent; with OOD data, the risk of SCOD",
    higher_is_better=False,
    parameter="the coverage that is reached",
    on_ood=True,
    readings=(Kind.RISK_PAPER, Kind.RISK_STRICT),
    deployed=(DEPLOYED_COVERAGE, DEPLOYED_RISK),
    asked=DEPLOYED_COVERAGE,
)
AREAS = [
    AreaKind(
        name="aurc",
        label="AURC",
        help="area under the risk-coverage curve, in [0, 1]",
        higher_is_better=False,
        readings=(Kind.AURC_PAPER, Kind.AURC_STRICT),
        area=lambda curve: curve.aurc,
    ),
    AreaKind(
        name="augrc",
        label="AUGRC",
        help="area under the generalised risk-coverage curve (Traub et al., NeurIPS 2024), in [0, 1/2]",
        higher_is_better=False,
        readings=(Kind.AUGRC_PAPER, Kind.AUGRC_STRICT),
        area=lambda curve: curve.augrc,
    ),
]
ERROR_DETECTION = ErrorDetectionKind(
    name="error_auroc",
    label="error AUROC",
    help="AUROC of correct predictions against errors, in per cent",
    higher_is_better=True,
    readings=(Kind.ERROR_AUROC, Kind.ERROR_AUROC),
)
