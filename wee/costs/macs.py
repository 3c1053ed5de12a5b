"""Multiply-accumulates of one forward pass, as fvcore counts them."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from wee.compat import repair_on_import
from wee.costs.base import Cost, per_exit
from wee.errors import WeeError

if TYPE_CHECKING:
    from torch import nn

    from wee.data.base import Transform

log = logging.getLogger("wee")

MACS = "macs"


class Macs(Cost):
    """Multiply-accumulates of one forward pass on one image of the scale's input size."""

    name = MACS
    label = "MACs"
    help = "Multiply-accumulates of one forward pass at the scale's own input size, as fvcore counts them."

    def measure(self, network: nn.Module, transform: Transform, channels: int) -> float | list[float]:
        """Count the MACs of the network, or up to each exit of a multi-exit network; see `count_macs`."""
        return per_exit(network, lambda part: count_macs(part, transform.size, channels))


def count_macs(network: nn.Module, size: int, channels: int) -> float:
    """Count the multiply-accumulates of a forward pass on one square image, with fvcore, which includes batch norm.

    Args:
        network: the network; it is set to evaluation mode and then restored to its previous mode.
        size: side of the image in pixels.
        channels: number of channels of the image.

    Raises:
        WeeError: the network has an operation with multiply-accumulates that fvcore cannot count.
    """
    repair_on_import()
    import torch
    from fvcore.nn import FlopCountAnalysis

    image = torch.zeros(1, channels, size, size, device=next(network.parameters()).device)
    training, fused = network.training, _unfuse(network)
    network.eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger("fvcore").setLevel(logging.ERROR)
            analysis = (
                FlopCountAnalysis(network, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            )
            total = float(analysis.total())
            ignored = {name.removesuffix("_"): count for name, count in analysis.unsupported_ops().items()}
    finally:
        network.train(training)
        for module in fused:
            module.fused_attn = True
    heavy = sorted(_HEAVY & set(ignored))
    if heavy:
        raise WeeError(f"fvcore cannot count {', '.join(heavy)} in {type(network).__name__}: its MACs would be too few")
    unknown = ", ".join(f"{name} ({count} times)" for name, count in ignored.items() if name not in _LIGHT)
    if unknown:
        log.warning(f"the MACs of {type(network).__name__} are without {unknown}, which fvcore cannot count")
    return total


_HEAVY = frozenset(
    {"aten::scaled_dot_product_attention", "aten::_native_multi_head_attention", "aten::lstm", "aten::gru"}
)
"""Operations with multiply-accumulates that fvcore ignores."""

_POINTWISE = (
    "abs add ceil clamp clamp_min div elu exp floor gelu hardsigmoid hardswish hardtanh leaky_relu log maximum minimum mish "
    "mul neg pow prelu reciprocal relu6 rsqrt sigmoid silu softplus sqrt square sub tanh where"
)
_REDUCTIONS = "adaptive_max_pool2d amax avg_pool2d log_softmax max max_pool2d mean softmax sum"
_PLACING = "arange expand_as fill gather index index_select ones_like pad repeat roll zeros_like"
_LIGHT = frozenset(f"aten::{name}" for name in f"{_POINTWISE} {_REDUCTIONS} {_PLACING}".split())
"""Operations without multiply-accumulates, or with so few that they are not counted by convention."""


def _unfuse(network: nn.Module) -> list[Any]:
    """Turn off timm's fused attention, which fvcore cannot count, and return the modules in which it was on."""
    fused: list[Any] = [module for module in network.modules() if getattr(module, "fused_attn", False)]
    for module in fused:
        module.fused_attn = False
    return fused
