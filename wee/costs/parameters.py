"""The number of parameters of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wee.costs.base import Cost, per_exit

if TYPE_CHECKING:
    from torch import nn

    from wee.data.base import Transform


class Parameters(Cost):
    """Number of parameters of a network; for a multi-exit network, of those used up to each exit."""

    name = "parameters"
    label = "parameters"
    help = "Number of parameters."

    def measure(self, network: nn.Module, transform: Transform, channels: int) -> float | list[float]:
        """Count the parameters of the whole network, or of the modules that run up to each exit."""
        if not hasattr(network, "up_to"):
            return count_parameters(network)
        return per_exit(network, lambda part: _count_used(part, transform.size, channels))


def count_parameters(network: nn.Module) -> float:
    """Count the parameters of a network."""
    return float(sum(parameter.numel() for parameter in network.parameters()))


def _count_used(part: nn.Module, size: int, channels: int) -> float:
    """Count the parameters of the modules that run in a forward pass, since `part` may contain modules that do not."""
    import torch

    used: dict[int, int] = {}

    def add_parameters(module: nn.Module, inputs: Any) -> None:
        used.update((id(parameter), parameter.numel()) for parameter in module.parameters(recurse=False))

    hooks = [module.register_forward_pre_hook(add_parameters) for module in part.modules()]
    try:
        with torch.no_grad():
            part.eval()(torch.zeros(1, channels, size, size, device=next(part.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return float(sum(used.values()))
