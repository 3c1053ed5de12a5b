"""Typed configs of costs. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wee.app.fields import Checked, names, written
from wee.costs import COSTS, MACS
from wee.errors import WeeError
from wee.records import fits


@dataclass
class CostsConfig:
    """The costs that are measured.

    Attributes:
        measure: the name of a cost, or a list of names; null for those of the group `cost`. A cost of your own is
            "module:Name".
        choices: a dict with the chosen names of the group `cost` as keys.
    """

    measure: Checked[list[str]] = written(None)
    choices: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        costs, self.choices = _names(self.measure, self.choices), {}
        self.measure = [COSTS.find_measurable(name).name for name in costs]


@dataclass
class CostConfig:
    """The cost by which cascades are priced.

    Attributes:
        measure: the name of the cost; null for that of the group `cost`. A cost of your own is "module:Name", or a plain name
            such as "latency_ms" if its numbers are given with imported logits.
        conditions: if members have this cost under several conditions, those to select; as many as distinguish them.
        choices: a dict with the chosen name of the group `cost` as key.
    """

    measure: Checked[str] = written(None)
    conditions: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        costs, self.choices = _names(self.measure, self.choices), {}
        if len(costs) > 1:
            raise WeeError(
                f"a sweep is priced by one cost, and cost.measure has {len(costs)}: {', '.join(costs)}; choose one, and sweep "
                "once for each"
            )
        self.measure = costs[0]


def budgets(budget: Any) -> dict[str, float]:
    """Return the largest average costs that a config gives, by the name of the cost, without those that are null.

    Raises:
        WeeError: no cost is named, or a budget is not a number above 0.
    """
    if budget is None:
        return {}
    if not isinstance(budget, Mapping):
        raise WeeError(f"budget is {budget!r}: name the cost that it limits, such as budget.{MACS}=1e6")
    given = {str(name): value for name, value in budget.items() if value is not None}
    for name, value in given.items():
        if not fits(value, float) or not value > 0:
            raise WeeError(f"budget.{name} is {value!r}: it is a number above 0, the largest average cost")
    return {name: float(value) for name, value in given.items()}


def _names(measure: Any, choices: dict[str, Any]) -> list[str]:
    """Return the names of costs; only MACs if nothing is chosen.

    Raises:
        WeeError: the list is empty, or a cost does not exist.
    """
    costs = names(measure, choices or [MACS])
    if not costs:
        raise WeeError(f"cost.measure is empty; choose from {', '.join(COSTS)}")
    return [COSTS.find(name).name for name in costs]
