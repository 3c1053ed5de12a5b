"""Builds networks from their configs, and counts what they cost."""

from __future__ import annotations

import difflib
import logging
import warnings
from typing import Any

import timm
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

import wee.models.cifar  # these register their models with timm
import wee.models.mobilenet
import wee.models.msdnet  # noqa: F401
from wee.errors import WeeError, unknown
from wee.models.config import ScaleConfig

log = logging.getLogger("wee")


def build(scale: ScaleConfig, classes: int, channels: int) -> nn.Module:
    """Build a network with random weights, using timm.

    Args:
        scale: the architecture.
        classes: number of outputs.
        channels: number of channels of an input image.

    Raises:
        WeeError: timm has no such model, or the model does not take the overrides.
    """
    if not timm.is_model(scale.model):
        raise unknown(
            "model in timm", scale.model, difflib.get_close_matches(scale.model, timm.list_models(), n=8, cutoff=0.5)
        )
    try:
        network: nn.Module = timm.create_model(scale.model, num_classes=classes, in_chans=channels, **scale.kwargs)
    except TypeError as error:
        raise WeeError(f"timm's {scale.model} does not take {scale.kwargs}: {error}") from None
    return network


def count_exit_macs(network: nn.Module, size: int, channels: int) -> float | list[float]:
    """Count the MACs of a network, or up to each exit of a multi-exit network (one with a method `up_to`); see `count_macs`."""
    parts: Any = getattr(network, "up_to", None)
    return count_macs(network, size, channels) if parts is None else [count_macs(p, size, channels) for p in parts()]


def count_macs(network: nn.Module, size: int, channels: int) -> float:
    """Count the multiply-accumulates of a forward pass on one square image, with fvcore, which includes batch norm.

    Args:
        network: the network; it is in evaluation mode while its operations are counted.
        size: side of the image in pixels.
        channels: number of channels of the image.

    Raises:
        WeeError: the network has an operation with multiply-accumulates that fvcore cannot count.
    """
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
"""Operations without multiply-accumulates, or with so few that they are by convention not counted."""


def _unfuse(network: nn.Module) -> list[Any]:
    """Turn off timm's fused attention, which fvcore cannot count; return the modules in which to turn it on again."""
    fused: list[Any] = [module for module in network.modules() if getattr(module, "fused_attn", False)]
    for module in fused:
        module.fused_attn = False
    return fused


def count_parameters(network: nn.Module) -> float:
    """Count the trainable parameters of a network."""
    return float(sum(parameter.numel() for parameter in network.parameters()))
