"""The base class of costs. A cost is a number for one forward pass of a member on one sample."""

from __future__ import annotations

import copy
import inspect
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wee.catalogue import call_plugin, check_attributes, first_line
from wee.errors import WeeError
from wee.units import si

if TYPE_CHECKING:
    from torch import nn

    from wee.data.base import Transform


class Cost(ABC):
    """A cost by which the stages of a cascade are priced. Costs of stages add up along a cascade.

    Attributes:
        name: the name that users type and that tables contain.
        label: the quantity, as it follows the word "average": "MACs", "energy".
        unit: the unit of the numbers ("J"); empty if they are counts of `label`.
        help: a description of one line, for `--help`.
    """

    name: str
    label: str
    unit: str = ""
    help: str = ""

    @abstractmethod
    def measure(self, network: nn.Module, transform: Transform, channels: int) -> float | list[float]:
        """Measure the cost of one sample.

        Args:
            network: the network, from images [N, channels, size, size] to logits; a copy in evaluation mode.
            transform: the preprocessing of images; `transform.size` is the side of the square input in pixels.
            channels: number of channels of an image.

        Returns:
            One positive number; for a multi-exit network (one that has `up_to`), a list with the cost of a sample that leaves
            at each exit, ascending.
        """

    def conditions(self) -> Mapping[str, Any]:
        """Return the conditions, besides the member, that the number depends on (machine, batch size, ..), as plain data.

        The network and its input size identify the member, and need not be included.
        """
        return {}

    @property
    def heading(self) -> str:
        """The label with its unit, for the heading of a column: "MACs", "energy (J)"."""
        return heading(self.label, self.unit)

    @property
    def average(self) -> str:
        """The heading of average costs: "average MACs", "average energy (J)"."""
        return heading(f"average {self.label}", self.unit)

    def amount(self, value: float) -> str:
        """Return a number with its unit, or with the label of what it counts: "1.2 M MACs", "3.1 J"."""
        return amount(value, self.label, self.unit)


def heading(label: str, unit: str) -> str:
    """Return a label with its unit, if it has one.

    Example:
        >>> heading("energy", "J")
        'energy (J)'
    """
    return f"{label} ({unit})" if unit else label


def amount(value: float, label: str, unit: str) -> str:
    """Return a number with its unit, or with the label of what it counts.

    Example:
        >>> amount(1.2e6, "MACs", "")
        '1.2 M MACs'
    """
    return f"{si(value)} {unit or label}"


def within(price: Any, budget: float) -> Any:
    """Return whether an average cost is within a budget, apart from the rounding of sums and means.

    Args:
        price: the average cost, as a number or a column of a table.
        budget: the largest average cost.

    Example:
        >>> within(0.1 + 0.2, 0.3), within(0.31, 0.3)
        (True, False)
    """
    return price <= budget * (1 + 1e-9)


class PluginCost(Cost):
    """A cost that a plug-in defines.

    Args:
        name: "module:Name".
        thing: an object with `measure`, and optionally `label`, `unit`, `help` and `conditions` (a function or plain data),
            which have the same meaning as in `Cost`; or a class of such objects.

    Raises:
        WeeError: the object has no `measure`, or its conditions are not plain data.
    """

    def __init__(self, name: str, thing: Any) -> None:
        check_attributes("cost", name, thing, ["measure"])
        if inspect.isclass(thing):
            try:
                thing = thing()
            except TypeError as error:
                raise WeeError(
                    f"the cost {name} cannot be made: {error}; a class needs no arguments, or name an object of it"
                ) from None
        self.name, self._thing = name, thing
        self.label = str(getattr(thing, "label", "") or name.partition(":")[2])
        self.unit = str(getattr(thing, "unit", ""))
        self.help = str(getattr(thing, "help", "") or first_line(thing))
        try:
            json.dumps(self.conditions(), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise WeeError(f"the conditions of the cost {name} are no plain data: {error}") from None

    def measure(self, network: nn.Module, transform: Transform, channels: int) -> float | list[float]:
        """Measure the cost of one sample with the plug-in."""
        result: float | list[float] = call_plugin("cost", self.name, self._thing.measure, network, transform, channels)
        return result

    def conditions(self) -> Mapping[str, Any]:
        """Return the conditions that the plug-in defines."""
        conditions = getattr(self._thing, "conditions", {})
        return dict(conditions() if callable(conditions) else conditions)


def measured(cost: Cost, network: nn.Module, transform: Transform, channels: int) -> list[float]:
    """Measure a cost on a copy of a network, so that the measurement cannot change logits.

    Args:
        cost: the cost.
        network: the network.
        transform, channels: as in `Cost.measure`.

    Returns:
        One number, or one for each exit.

    Raises:
        WeeError: the measurement fails, its result is not positive, or it is not one number for each exit, ascending.
    """
    parts: Any = getattr(network, "up_to", None)
    outputs = 1 if parts is None else len(parts())
    try:
        result = cost.measure(copy.deepcopy(network).eval(), transform, channels)
        values = [float(value) for value in (result if isinstance(result, (list, tuple)) else [result])]
    except WeeError:
        raise
    except Exception as error:
        raise WeeError(f"the cost {cost.name} cannot be measured: {type(error).__name__}: {error}") from error
    positive = all(math.isfinite(value) and value > 0 for value in values)
    if not positive or len(values) != outputs or sorted(values) != values:
        wanted = "a positive number" if outputs == 1 else f"{outputs} positive numbers, one for each exit, ascending"
        raise WeeError(f"the cost {cost.name} is {values[0] if len(values) == 1 else values}: it must be {wanted}")
    return values


def per_exit(network: nn.Module, count: Callable[[nn.Module], float]) -> float | list[float]:
    """Apply `count` to a network, or to the part of a multi-exit network up to each exit."""
    parts: Any = getattr(network, "up_to", None)
    return count(network) if parts is None else [count(part) for part in parts()]
