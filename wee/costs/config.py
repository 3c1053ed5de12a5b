"""Typed configs of costs. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wee.app.fields import Checked, as_list, written
from wee.costs import COSTS, MACS
from wee.errors import WeeError


@dataclass
class CostsConfig:
    """Which costs are measured.

    Attributes:
        measure: the costs: one, a list of them, or a mapping with their names as keys, as which choices of the group `cost`
            are merged. A cost of your own is "module:Name".
    """

    measure: Checked[list[str]] = written(MACS)

    def __post_init__(self) -> None:
        self.measure = _names(self.measure)


@dataclass
class CostConfig:
    """By which cost cascades are priced.

    Attributes:
        measure: the cost. A cost of your own is "module:Name".
        conditions: where members have this cost under several conditions, those that are meant; as many as tell them apart.
    """

    measure: Checked[str] = written(MACS)
    conditions: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = _names(self.measure)
        if len(names) > 1:
            raise WeeError(
                f"a sweep is priced by one cost, and cost.measure has {len(names)}: {', '.join(names)}; choose one, and sweep "
                "once for each"
            )
        self.measure = names[0]


def choice(name: str) -> dict[str, Any]:
    """The config of a choice of the group `cost`. Several choices merge into one mapping."""
    return {"measure": {name: None}}


def _names(measure: Any) -> list[str]:
    """The names in a field, each once.

    Raises:
        WeeError: there are none, or one does not exist.
    """
    names = [str(name) for name in dict.fromkeys(measure if isinstance(measure, Mapping) else as_list(measure))]
    if not names:
        raise WeeError(f"cost.measure is empty; choose from {', '.join(COSTS)}")
    return [COSTS.find(name).name for name in names]
