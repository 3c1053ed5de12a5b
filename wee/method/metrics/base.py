"""Kinds of metrics and tasks: what an entry of the catalogue carries.

A kind is what stands in front of the `@`; a kind at a parameter is a metric (`wee.method.metrics.names.Metric`).
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

With bins, the metric is the sum over the bins of the absolute value of the sum in each, divided by the number of samples.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class MetricKind:
    """A kind of metric. Subclasses say how its value is computed.

    Attributes:
        name: what users type and tables contain, without a parameter: "cov", "aurc".
        label: what figures and pages call it: "Cov", "AURC".
        help: one line: what it is, and its unit or range.
        higher_is_better: the direction that is good.
        percent: whether values are in per cent.
        parameter: what the number behind the `@` means; None if the kind has no parameter.
        ranks: whether it depends on an evaluation score, or on the predictions alone.
        on_id: whether it is measured on ID data alone.
        on_ood: whether it is measured on ID and OOD data together: OOD detection or SCOD.
        readings: how compiled code reads it off a ranking in the paper's and in the strict convention; None if it cannot.
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
        """How users write a metric of this kind: "aurc", "cov@<per cent>"."""
        return self.name if self.parameter is None else f"{self.name}@<per cent>"

    def label_at(self, at: float | None) -> str:
        """The label with a parameter in per cent: "Cov@5"."""
        return self.label if at is None else f"{self.label}@{at:g}"

    def reading(self, convention: Convention) -> Kind | None:
        """How compiled code reads the metric in a convention; None if it cannot."""
        if self.readings is None:
            return None
        paper, strict = self.readings
        return strict if convention == "strict" else paper

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """The value of a metric that ranks, in its unit.

        Args:
            ranking: with OOD data if the metric is to be measured on ID and OOD data together.
            parameter: what it is read at: a task's share in [0, 1], or the acceptance threshold of a deployed metric.

        Raises:
            WeeError: the metric is not defined on this data.
        """
        raise NotImplementedError

    def of_outcome(self, outcome: Outcome, times: Ints | None) -> float:
        """The value of a metric of the predictions alone, in its unit.

        Args:
            outcome: on ID data.
            times: how often each sample counts [N]; None for once.
        """
        raise NotImplementedError

    def terms(self, outcome: Outcome) -> Terms | None:
        """What compiled code sums up for a metric of the predictions alone; None if the metric is no such sum."""
        return None


@dataclass(frozen=True, eq=False, kw_only=True)
class TaskKind(MetricKind):
    """A kind of metric that a system can be operated for: it sets an operating threshold.

    Attributes:
        parameter: what the number behind the `@` means.
        deployed: the two kinds of deployed metrics that tell how a system does whose acceptance threshold is set for a task of
            this kind.
        asked: the one of them that the parameter asks for: of "cov" the risk, of "risk" the coverage.
    """

    parameter: str
    deployed: tuple[DeployedKind, DeployedKind]
    asked: DeployedKind

    def read(self, curve: RiskCoverage, share: float) -> tuple[float, int]:
        """The value of a task of selective classification, a share in [0, 1], and the point of the curve it is read at.

        Args:
            curve: of ID samples.
            share: the parameter, in [0, 1].

        Raises:
            WeeError: the task is about OOD data.
        """
        raise WeeError(f"{self.form} is about OOD data; a curve of ID samples alone does not have it")

    def threshold(self, curve: RiskCoverage, share: float) -> float:
        """The operating threshold of the task on a curve of ID samples, in the curve's convention."""
        return curve.threshold(self.read(curve, share)[1])

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """The value on ID data, in the unit of the metric."""
        if ranking.ood is not None:
            raise WeeError(f"{self.form} is about ID data; with OOD data in the stream ask for risk@<per cent> or aurc")
        return self.scale * self.read(ranking.curve, parameter)[0]
