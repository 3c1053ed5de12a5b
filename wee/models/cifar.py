"""Small residual networks for small images, registered with timm: a stem without pooling, then three stages of one block."""

from __future__ import annotations

from typing import Any

from timm.models import register_model
from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg

from wee.errors import WeeError
from wee.models.registry import own_arguments


@register_model
def cifar_resnet(
    pretrained: bool = False,
    width: int = 16,
    stem: int = 16,
    strides: tuple[int, int, int] = (2, 2, 2),
    depth: int = 1,
    **kwargs: Any,
) -> ByobNet:
    """A residual network (He et al., CVPR 2016) built by timm; shortcuts are pooled, then projected (He et al., CVPR 2019).

    Args:
        pretrained: there are no pretrained weights.
        width: channels of the first stage; the second has twice, the third four times as many.
        stem: channels of the first convolution, which keeps the resolution.
        strides: strides of the three stages.
        depth: number of blocks in each stage.
        kwargs: further arguments of timm's `ByobNet`.

    Raises:
        WeeError: pretrained weights are asked for, or the settings are impossible.
    """
    if min(width, stem, depth, *strides) < 1 or len(strides) != 3:
        raise WeeError("cifar_resnet: width, stem, depth and the three strides are 1 or more")
    stages = tuple(
        ByoBlockCfg(type="basic", d=depth, c=width * 2**k, s=stride, gs=0, br=1.0) for k, stride in enumerate(strides)
    )
    config = ByoModelCfg(
        blocks=stages, stem_type="3x3", stem_pool="", stem_chs=stem, downsample="avg", zero_init_last=False
    )
    network = ByobNet(config, **own_arguments("cifar_resnet", pretrained, kwargs))
    network.stem.conv.stride = (1, 1)  # timm's stems halve the resolution
    return network
