"""Metrics and tasks of a user's own, named as "module:Name"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from wee.catalogue import check_attributes
from wee.errors import WeeError
from wee.method.arrays import Ints
from wee.method.cascades import Outcome
from wee.method.curves import RiskCoverage
from wee.method.metrics.base import MetricKind, TaskKind
from wee.method.metrics.deployed import DEPLOYED_COVERAGE, DEPLOYED_RISK
from wee.method.metrics.ranked import RankedOutcome


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnKind(MetricKind):
    """A metric of a user's own. The bootstrap measures it on one resample after the other.

    Attributes:
        rank: computes the value from a ranked outcome, in the unit of the metric; None for a metric of the predictions alone.
        predict: computes the value from an outcome and how often each sample counts; None for a metric that ranks.
    """

    rank: Callable[[RankedOutcome], float] | None
    predict: Callable[[Outcome, Ints | None], float] | None

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """The value of the user's own function."""
        if self.rank is None:
            raise WeeError(f"the metric {self.name} is about predictions alone: it has no of_ranking")
        return float(self.rank(ranking))

    def of_outcome(self, outcome: Outcome, times: Ints | None) -> float:
        """The value of the user's own function."""
        if self.predict is None:
            raise WeeError(f"the metric {self.name} is about a ranking: it has no of_outcome")
        return float(self.predict(outcome, times))


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnTaskKind(TaskKind):
    """A task of a user's own: a point of the risk-coverage curve of the ID samples.

    Attributes:
        reads: maps a curve and the parameter as a share in [0, 1] to a value in [0, 1] and the point it is read at.
    """

    reads: Callable[[RiskCoverage, float], tuple[float, int]]

    def read(self, curve: RiskCoverage, share: float) -> tuple[float, int]:
        """The value of the user's own function, and its point."""
        value, point = self.reads(curve, share)
        return float(value), int(point)


def kind_from_plugin(name: str, plugin: Any) -> MetricKind:
    """Make a kind of metric of a plug-in's object.

    Args:
        name: by which it was asked for, "module:Name".
        plugin: a `MetricKind`; or an object, or a class that needs no arguments, with `higher_is_better` and one of
            `of_ranking(ranked_outcome)`, `of_outcome(outcome, times)` and, for a task, `read(curve, share)`. It may have
            `label`, `percent`, and, with `of_ranking`, `on_id` and `on_ood`.

    Raises:
        WeeError: something is missing.
    """
    if isinstance(plugin, MetricKind):
        return replace(plugin, name=name)
    words = (plugin.__doc__ or "a metric of your own").strip().splitlines()[0]
    thing = plugin() if isinstance(plugin, type) else plugin
    check_attributes("metric", name, thing, ["higher_is_better"])
    label, better = getattr(thing, "label", name.rpartition(":")[2]), bool(thing.higher_is_better)
    if hasattr(thing, "read"):
        return OwnTaskKind(
            name=name,
            label=label,
            help=words,
            higher_is_better=better,
            parameter="the parameter of the task",
            deployed=(DEPLOYED_COVERAGE, DEPLOYED_RISK),
            asked=getattr(thing, "asked", DEPLOYED_RISK if better else DEPLOYED_COVERAGE),
            reads=thing.read,
        )
    rank, predict = getattr(thing, "of_ranking", None), getattr(thing, "of_outcome", None)
    if (rank is None) == (predict is None):
        raise WeeError(
            f"the metric {name} needs one of of_ranking(ranked_outcome) and of_outcome(outcome, times), or, as a task, "
            "read(curve, share)"
        )
    ranks = rank is not None
    return OwnKind(
        name=name,
        label=label,
        help=words,
        higher_is_better=better,
        percent=bool(getattr(thing, "percent", False)),
        ranks=ranks,
        on_id=bool(getattr(thing, "on_id", True)),
        on_ood=ranks and bool(getattr(thing, "on_ood", False)),
        rank=rank,
        predict=predict,
    )
