"""Metrics of a certified system: a deployed system whose acceptance threshold is certified to keep a risk on new data.

With probability 1 - delta over the draw of the certification samples, the risk of what such a system accepts is at most r, on
new data from the distribution of the validation set. Each value is a statement about a system that was fixed beforehand:
whoever chooses among systems by their certified values loses the guarantee. See `wee.method.guarantees`.
"""

from __future__ import annotations

from dataclasses import dataclass

from wee.errors import WeeError
from wee.method.kernels import Kind
from wee.method.metrics.base import TaskKind
from wee.method.metrics.deployed import DEPLOYED_COVERAGE, DEPLOYED_RISK, DeployedKind
from wee.method.metrics.selective import COVERAGE


@dataclass(frozen=True, eq=False, kw_only=True)
class CertifiedKind(DeployedKind):
    """A share of samples at an acceptance threshold that is certified for a risk. The risk follows the `@`, in per cent.

    Attributes:
        task: the kind of task that windows are set for if this metric is measured for them.
        given: whether the guarantee itself fixes the value, so that points cannot be compared by it.
    """

    task: TaskKind = COVERAGE
    given: bool
    parameter: str | None = "the risk that is certified"

    def check(self, at: float) -> None:
        """Check the parameter.

        Raises:
            WeeError: the risk is not between 0 and 100 per cent.
        """
        if not 0 < at < 100:
            raise WeeError(
                f"{self.name}@{at:g} is about a risk of {at:g} per cent, which no samples can certify or refute: a certified "
                f"risk is greater than 0 and less than 100 per cent, for instance {self.name}@5"
            )


CERTIFIED_COVERAGE = CertifiedKind(
    name="certified",
    label="certified coverage",
    quantity=DEPLOYED_COVERAGE.quantity,
    help="coverage at a threshold certified for a risk of so many per cent; choosing rows by it voids the guarantee",
    higher_is_better=True,
    readings=(Kind.COVERAGE_AT_THRESHOLD, Kind.COVERAGE_AT_THRESHOLD),
    share=DEPLOYED_COVERAGE.share,
    given=False,
)
CERTIFIED_RISK = CertifiedKind(
    name="certified_risk",
    label="certified system's risk",
    quantity=DEPLOYED_RISK.quantity,
    of_accepted=DEPLOYED_RISK.of_accepted,
    help="realised risk at that threshold, in per cent; 0 if nothing is certified",
    higher_is_better=False,
    readings=(Kind.RISK_AT_THRESHOLD, Kind.RISK_AT_THRESHOLD),
    share=DEPLOYED_RISK.share,
    given=True,
)

CERTIFIED = [CERTIFIED_COVERAGE, CERTIFIED_RISK]
"""The certified metrics. They are measured only if they are named, because each setting is fitted again for them."""
