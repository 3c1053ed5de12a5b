"""Base classes of the kinds of metrics and tasks in the catalogue.

The name of a kind is the part before the `@`; a kind with a parameter is a metric (`wee.method.metrics.names.Metric`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from wee.errors import WeeError
from wee.method.arrays import Ints
from wee.method.cascades import Outcome
from wee.method.curves import Convention, RiskCoverage
from wee.method.kernels import Kind
from wee.method.metrics.ranked import RankedOutcome

if TYPE_CHECKING:
    from wee.method.metrics.deployed import DeployedKind

Terms = tuple[NDArray[Any], Ints | None]
"""The values whose mean over the samples is a metric [N], and the bin of each sample [N], if there are bins.

With bins, the metric is the sum over bins of the absolute value of the sum in the bin, divided by the number of samples.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class MetricKind:
    """A kind of metric. Subclasses compute its value.

    Attributes:
        name: the name that users type and that tables contain, without a parameter: "cov", "aurc".
        label: the name on figures and pages: "Cov", "AURC".
        help: a description of one line, with the unit or range.
        higher_is_better: whether high values are good.
        percent: whether values are in per cent.
        parameter: the meaning of the number after the `@`; None if the kind has no parameter.
        ranks: whether the metric depends on an evaluation score; otherwise it depends only on the predictions.
        on_id: whether the metric is measured on ID data alone.
        on_ood: whether the metric is measured on ID and OOD data together, for OOD detection or SCOD.
        readings: the kinds of compiled code for the paper's and the strict convention; None if there are none.
    """

    name: str
    label: str
    help: str
    higher_is_better: bool
    percent: bool = True
    parameter: str | None = None
    ranks: bool = True
    on_id: bool = True
    on_ood: bool = False
    readings: tuple[Kind, Kind] | None = None

    @property
    def scale(self) -> float:
        """The factor from a share to the unit of the metric."""
        return 100.0 if self.percent else 1.0

    @property
    def form(self) -> str:
        """The form in which users write a metric of this kind: "aurc", "cov@<per cent>"."""
        return self.name if self.parameter is None else f"{self.name}@<per cent>"

    def label_at(self, at: float | None) -> str:
        """Return the label with a parameter in per cent: "Cov@5"."""
        return self.label if at is None else f"{self.label}@{at:g}"

    def reading(self, convention: Convention) -> Kind | None:
        """Return the kind of compiled code for the metric in a convention; None if there is none."""
        if self.readings is None:
            return None
        paper, strict = self.readings
        return strict if convention == "strict" else paper

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """Return the value of a metric that depends on a ranking, in its unit.

        Args:
            ranking: the ranked outcome, with OOD data to measure the metric on ID and OOD data together.
            parameter: the share of a task, in [0, 1], or the acceptance threshold of a deployed metric.

        Raises:
            WeeError: the metric is not defined on this data.
        """
        raise NotImplementedError

    def of_outcome(self, outcome: Outcome, times: Ints | None) -> float:
        """Return the value of a metric of the predictions alone, in its unit.

        Args:
            outcome: the outcome on ID data.
            times: how often each sample counts [N]; None for once each.
        """
        raise NotImplementedError

    def terms(self, outcome: Outcome) -> Terms | None:
        """Return the terms that compiled code sums for a metric of the predictions alone; None if the metric is not a sum."""
        return None


@dataclass(frozen=True, eq=False, kw_only=True)
class TaskKind(MetricKind):
    """A kind of metric that a system can be operated for, and that determines an operating threshold.

    Attributes:
        parameter: the meaning of the number after the `@`.
        deployed: the two kinds of deployed metrics for a system whose acceptance threshold is set for a task of this kind.
        asked: the one of `deployed` that the parameter prescribes: the risk for "cov", the coverage for "risk".
    """

    parameter: str
    deployed: tuple[DeployedKind, DeployedKind]
    asked: DeployedKind

    def read(self, curve: RiskCoverage, share: float) -> tuple[float, int]:
        """Return the value of a task of selective classification, a share in [0, 1], and its point on the curve.

        Args:
            curve: the curve of ID samples.
            share: the parameter, in [0, 1].

        Raises:
            WeeError: the task is about OOD data.
        """
        raise WeeError(f"{self.form} is about OOD data; a curve of ID samples alone does not have it")

    def threshold(self, curve: RiskCoverage, share: float) -> float:
        """Return the operating threshold of the task on a curve of ID samples, in the curve's convention."""
        return curve.threshold(self.read(curve, share)[1])

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """Return the value on ID data, in the unit of the metric."""
        if ranking.ood is not None:
            raise WeeError(f"{self.form} is about ID data; with OOD data in the stream ask for risk@<per cent> or aurc")
        return self.scale * self.read(ranking.curve, parameter)[0]
