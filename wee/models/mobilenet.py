"""MobileNetV2 with all widths multiplied by 1.3, as in the paper on cascades; timm has no such model."""

from __future__ import annotations

from functools import partial
from typing import Any

from timm.models import register_model
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.efficientnet import EfficientNet
from torch import nn

from wee.models.registry import own_arguments

_STAGES = [
    ["ds_r1_k3_s1_c16"],
    ["ir_r2_k3_s2_e6_c24"],
    ["ir_r3_k3_s2_e6_c32"],
    ["ir_r4_k3_s2_e6_c64"],
    ["ir_r3_k3_s1_e6_c96"],
    ["ir_r3_k3_s2_e6_c160"],
    ["ir_r1_k3_s1_e6_c320"],
]
"""Table 2 of Sandler et al., CVPR 2018, in timm's notation: kind, repeats, kernel, stride, expansion, channels."""

MULTIPLIER = 1.3


@register_model
def mobilenetv2_130(pretrained: bool = False, **kwargs: Any) -> EfficientNet:
    """MobileNetV2 with all channels times 1.3, built by timm; there are no pretrained weights.

    Raises:
        WeeError: pretrained weights are asked for.
    """
    rounded = partial(round_channels, multiplier=MULTIPLIER)
    arguments = own_arguments("mobilenetv2_130", pretrained, kwargs)
    return EfficientNet(
        block_args=decode_arch_def(_STAGES),  # type: ignore[no-untyped-call]
        num_features=max(1280, rounded(1280)),
        stem_size=32,
        round_chs_fn=rounded,
        act_layer=nn.ReLU6,
        **arguments,
    )
