"""Costs that have a plain name and numbers that the user gives, and nothing that measures them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wee.costs.base import Cost
from wee.errors import WeeError
from wee.units import split_unit

if TYPE_CHECKING:
    from torch import nn

    from wee.data.base import Transform

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class GivenCost(Cost):
    """A cost whose numbers are given where logits are imported: `wee import costs.energy_mj=5`.

    Its label and its unit follow from its name; see `wee.units.split_unit`.

    Args:
        name: the name, of letters, digits and underscores.

    Example:
        >>> GivenCost("latency_ms").heading, GivenCost("tokens").heading
        ('latency (ms)', 'tokens')
    """

    help = "A cost of your own, whose numbers are given where logits are imported."

    def __init__(self, name: str) -> None:
        self.name = name
        self.label, self.unit = split_unit(name)

    def measure(self, network: nn.Module, transform: Transform, channels: int) -> float | list[float]:
        """Refuse: nothing measures this cost.

        Raises:
            WeeError: always.
        """
        raise WeeError(f"the cost {self.name} cannot be measured: its numbers are given with wee import")


def may_be_given(name: str) -> bool:
    """Return whether a name can be that of a cost whose numbers are given.

    Example:
        >>> may_be_given("latency_ms"), may_be_given("my cost"), may_be_given("module:Name")
        (True, False, False)
    """
    return _NAME.fullmatch(name) is not None
