"""What a stage of a cascade costs: the catalogue of costs. Imports no torch."""

from __future__ import annotations

import json
from typing import Any

from wee.catalogue import Catalogue
from wee.costs.base import Cost, PluginCost, amount, heading, measured
from wee.costs.macs import MACS, Macs
from wee.costs.parameters import Parameters

COSTS: Catalogue[Cost] = Catalogue("cost", [Macs(), Parameters()], PluginCost)

__all__ = ["COSTS", "MACS", "Cost", "amount", "conditions", "heading", "measured", "source_conditions"]


def conditions(name: str) -> dict[str, Any]:
    """What a cost that is measured here and now depends on beside the member.

    Raises:
        WeeError: there is no such cost.
    """
    plain: dict[str, Any] = json.loads(json.dumps({**COSTS.find(name).conditions(), **source_conditions(name)}))
    return plain


def source_conditions(name: str) -> dict[str, str]:
    """The condition that a cost was measured by today's source of its plug-in; none for a built-in cost.

    Raises:
        WeeError: there is no such cost.
    """
    source = COSTS.source(name)
    return {} if source is None else {"source": source}
