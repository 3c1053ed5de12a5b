"""The catalogue of costs by which cascades are priced. Imports no torch."""

from __future__ import annotations

import json
from typing import Any

from wee.catalogue import Catalogue
from wee.costs.base import Cost, PluginCost, amount, heading, measured, within
from wee.costs.given import GivenCost, may_be_given
from wee.costs.latency import LATENCY, Latency
from wee.costs.macs import MACS, Macs
from wee.costs.parameters import Parameters
from wee.errors import WeeError, unknown


class CostCatalogue(Catalogue[Cost]):
    """The catalogue of costs. Any other plain name is that of a cost whose numbers are given with imported logits."""

    def find(self, name: str) -> Cost:
        """Return the cost with a name: a built-in one, a plug-in, or one whose numbers are given.

        Raises:
            WeeError: the name has other signs than letters, digits and underscores, it differs from that of a built-in cost
                in upper and lower case alone, or there is no such plug-in.
        """
        name = str(name)
        if name not in self and name.lower() in self:
            raise self.unknown(name)
        if self._is_given(name):
            return GivenCost(name)
        if not self.makes(name) and name not in self:
            raise WeeError(
                f"there is no cost {name!r}: a cost whose numbers you give has a name of letters, digits and underscores that "
                "begins with a letter, such as latency_ms; one that is measured by a module of yours is named as module:Name"
            )
        return super().find(name)

    def makes(self, name: str) -> bool:
        """Return whether a cost that is not built in can have this name."""
        return self._is_given(name) or super().makes(name)

    def source(self, name: str) -> str | None:
        """Return the fingerprint of the source of a plug-in's module; None for any other cost."""
        return None if self._is_given(name) else super().source(name)

    def find_measurable(self, name: str) -> Cost:
        """Return a cost that can be measured: a built-in one or a plug-in.

        Raises:
            WeeError: there is no such cost, or its numbers are given.
        """
        if self._is_given(name):
            raise self.unknown(name)
        return super().find(name)

    def unknown(self, name: str) -> WeeError:
        """Return the error for a name that is not that of a cost which can be measured."""
        hint = "A cost of your own is named as module:Name; numbers that you know are given with wee import."
        return unknown(self.kind, name, self, hint)

    def _is_given(self, name: str) -> bool:
        return name not in self and may_be_given(name)


COSTS = CostCatalogue("cost", [Macs(), Parameters(), Latency()], PluginCost)

__all__ = [
    "COSTS",
    "LATENCY",
    "MACS",
    "Cost",
    "amount",
    "conditions",
    "heading",
    "measured",
    "source_conditions",
    "within",
]


def conditions(name: str) -> dict[str, Any]:
    """Return the conditions, besides the member, under which a cost is measured now.

    Raises:
        WeeError: there is no such cost.
    """
    plain: dict[str, Any] = json.loads(json.dumps({**COSTS.find(name).conditions(), **source_conditions(name)}))
    return plain


def source_conditions(name: str) -> dict[str, str]:
    """Return the fingerprint of the source of a cost's plug-in, as a condition; empty for a built-in cost.

    Raises:
        WeeError: there is no such cost.
    """
    source = COSTS.source(name)
    return {} if source is None else {"source": source}
