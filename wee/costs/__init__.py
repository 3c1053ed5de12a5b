"""The catalogue of costs by which cascades are priced. Imports no torch."""

from __future__ import annotations

import json
from typing import Any

from wee.catalogue import Catalogue
from wee.costs.base import Cost, PluginCost, amount, heading, measured
from wee.costs.latency import LATENCY, Latency
from wee.costs.macs import MACS, Macs
from wee.costs.parameters import Parameters

COSTS: Catalogue[Cost] = Catalogue("cost", [Macs(), Parameters(), Latency()], PluginCost)

__all__ = ["COSTS", "LATENCY", "MACS", "Cost", "amount", "conditions", "heading", "measured", "source_conditions"]


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
