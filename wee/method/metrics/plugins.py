"""Metrics and tasks that plug-ins define, named as "module:Name"."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, SupportsFloat

from wee.catalogue import call_plugin, check_attributes, first_line
from wee.errors import WeeError
from wee.method.arrays import Ints
from wee.method.cascades import Outcome
from wee.method.curves import RiskCoverage
from wee.method.metrics.base import MetricKind, TaskKind
from wee.method.metrics.deployed import DEPLOYED_COVERAGE, DEPLOYED_RISK
from wee.method.metrics.ranked import RankedOutcome


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnKind(MetricKind):
    """A metric that a plug-in defines. The bootstrap measures it on each resample separately.

    Attributes:
        rank: function of a ranked outcome that returns the value, in the unit of the metric; None for a metric of the
            predictions alone.
        predict: function of an outcome and of how often each sample counts that returns the value; None for a metric that
            depends on a ranking.
    """

    rank: Callable[[RankedOutcome], float] | None
    predict: Callable[[Outcome, Ints | None], float] | None

    def of_ranking(self, ranking: RankedOutcome, parameter: float) -> float:
        """Return the value that the plug-in's function computes."""
        if self.rank is None:
            raise WeeError(f"the metric {self.name} is about predictions alone: it has no of_ranking")
        return _number(self.name, call_plugin("metric", self.name, self.rank, ranking))

    def of_outcome(self, outcome: Outcome, times: Ints | None) -> float:
        """Return the value that the plug-in's function computes."""
        if self.predict is None:
            raise WeeError(f"the metric {self.name} is about a ranking: it has no of_outcome")
        return _number(self.name, call_plugin("metric", self.name, self.predict, outcome, times))


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnTaskKind(TaskKind):
    """A task that a plug-in defines: a point of the risk-coverage curve of the ID samples.

    Attributes:
        reads: function of a curve and the parameter, as a share in [0, 1], that returns a value in [0, 1] and its point.
    """

    reads: Callable[[RiskCoverage, float], tuple[float, int]]

    def read(self, curve: RiskCoverage, share: float) -> tuple[float, int]:
        """Return the value and the point that the plug-in's function computes.

        Raises:
            WeeError: the function raised an exception, or returned something else than a share and a point of the curve.
        """
        result: Any = call_plugin("task", self.name, self.reads, curve, share)
        try:
            value, point = float(result[0]), int(result[1])
            right = len(result) == 2 and 0 <= value <= 1 and 0 <= point < len(curve.accepted)
        except (TypeError, ValueError, LookupError):
            right = False
        if not right:
            raise WeeError(
                f"read of the task {self.name} returned {reprlib.repr(result)}: it returns a pair, its value as a share in "
                f"[0, 1] and the point of the curve at which it is read, in 0 .. {len(curve.accepted) - 1}"
            )
        return value, point


def _number(name: str, value: Any) -> float:
    """Return the value that a plug-in's metric returned.

    Raises:
        WeeError: it is not one number.
    """
    shape = getattr(value, "shape", ())
    if not isinstance(value, SupportsFloat) or len(shape):
        found = f"a {type(value).__name__}" + (f" of shape {list(shape)}" if len(shape) else "")
        raise WeeError(f"the metric {name} returned {found}: a metric returns one number, NaN where it is not defined")
    return float(value)


def kind_from_plugin(name: str, plugin: Any) -> MetricKind:
    """Return the kind of metric that a plug-in's object defines.

    Args:
        name: "module:Name".
        plugin: a `MetricKind`; or an object, or a class that needs no arguments, with `higher_is_better` and one of
            `of_ranking(ranked_outcome)`, `of_outcome(outcome, times)` and, for a task, `read(curve, share)`. It may have
            `label`, `percent`, and, with `of_ranking`, `on_id` and `on_ood`.

    Raises:
        WeeError: the object lacks a required attribute.
    """
    if isinstance(plugin, MetricKind):
        return replace(plugin, name=name)
    description = first_line(plugin) or "A metric of your own."
    thing = plugin() if isinstance(plugin, type) else plugin
    check_attributes("metric", name, thing, ["higher_is_better"])
    label, higher_is_better = getattr(thing, "label", name.rpartition(":")[2]), bool(thing.higher_is_better)
    if hasattr(thing, "read"):
        return OwnTaskKind(
            name=name,
            label=label,
            help=description,
            higher_is_better=higher_is_better,
            parameter="the parameter of the task",
            deployed=(DEPLOYED_COVERAGE, DEPLOYED_RISK),
            asked=getattr(thing, "asked", DEPLOYED_RISK if higher_is_better else DEPLOYED_COVERAGE),
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
        help=description,
        higher_is_better=higher_is_better,
        percent=bool(getattr(thing, "percent", False)),
        ranks=ranks,
        on_id=bool(getattr(thing, "on_id", True)),
        on_ood=ranks and bool(getattr(thing, "on_ood", False)),
        rank=rank,
        predict=predict,
    )
