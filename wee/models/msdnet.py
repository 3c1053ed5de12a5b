"""MSDNet: a multi-scale dense network with exits along its depth.

Every layer keeps feature maps at several resolutions; all layers of a block feed the next (dense connections), and the
coarsest maps of each block feed a classifier. Source: Huang et al., Multi-Scale Dense Networks for Resource Efficient
Image Classification, ICLR 2018, section 4 and appendix A.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from timm.models import register_model
from torch import Tensor, nn

from wee.errors import WeeError
from wee.models.registry import own_arguments


class MSDNet(nn.Module):
    """A multi-scale dense network.

    Args:
        num_classes: outputs of every exit.
        in_chans: channels of an image.
        blocks: number of blocks, and of exits.
        base: number of layers in the first block.
        step: number of layers in each later block ("even"), or by how many layers each block is longer than the one before
            ("lin_grow").
        step_mode: "even" or "lin_grow".
        channels: channels of the finest feature map after the first layer.
        growth: channels that a layer adds at the finest resolution.
        scale_factors: channels of each resolution, as multiples of the finest; one for each resolution.
        bottleneck_factors: width of the 1x1 bottleneck at each resolution, in multiples of what the layer adds.
        stem: "imagenet" (7x7, stride 2, pooled) or "small" (3x3, stride 1) first layer.
        reduction: share of the channels that a transition keeps where resolutions are dropped.

    Shapes:
        Maps images [n, in_chans, h, w] to logits [n, blocks, num_classes].

    Raises:
        WeeError: a setting is impossible.
    """

    def __init__(
        self,
        num_classes: int,
        in_chans: int = 3,
        blocks: int = 5,
        base: int = 7,
        step: int = 7,
        step_mode: str = "even",
        channels: int = 32,
        growth: int = 16,
        scale_factors: Sequence[int] = (1, 2, 4, 4),
        bottleneck_factors: Sequence[int] | None = None,
        stem: str = "imagenet",
        reduction: float = 0.5,
    ) -> None:
        super().__init__()
        bottlenecks = list(scale_factors) if bottleneck_factors is None else list(bottleneck_factors)
        if step_mode not in ("even", "lin_grow") or stem not in ("imagenet", "small"):
            raise WeeError(
                f"MSDNet: step_mode is {step_mode} and stem {stem}; they are even or lin_grow, imagenet or small"
            )
        if min(blocks, base, step, channels, growth) < 1 or len(bottlenecks) != len(scale_factors) or growth % 2:
            raise WeeError(
                "MSDNet: blocks, base, step, channels and growth are 1 or more, growth is even, and there is a bottleneck "
                "factor for each scale"
            )
        depths = [base] + [step if step_mode == "even" else step * k + 1 for k in range(1, blocks)]
        plan = _Plan(len(scale_factors), sum(depths))
        self.stem = _Stem(in_chans, channels, scale_factors, stem)
        self.blocks, self.classifiers = nn.ModuleList(), nn.ModuleList()
        width, layer = channels, 0
        for depth in depths:
            block = nn.Sequential()
            for _ in range(depth):
                layer += 1
                before, after = plan.scales(layer - 1), plan.scales(layer)
                block.append(_Layer(width, growth, list(scale_factors), bottlenecks, before, after))
                width += growth
                if after < before:
                    narrow = math.floor(reduction * width)
                    block.append(_Transition(width, narrow, scale_factors[len(scale_factors) - after :]))
                    width = narrow
            self.blocks.append(block)
            self.classifiers.append(_Classifier(width * scale_factors[-1], num_classes, stem))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, images: Tensor, exits: int | None = None) -> Tensor:
        """Return logits [n, exits, num_classes] of the first exits; of all exits if no number is given."""
        return torch.stack(self.run(images, exits)[0], dim=1)

    def run(self, images: Tensor, exits: int | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """Return logits of the first exits, [n, num_classes] each, and the feature maps that the next block would take."""
        maps, logits = [images], []
        for number in range(1, (self.exits if exits is None else min(exits, self.exits)) + 1):
            of_exit, maps = self.resume(maps, number - 1, number)
            logits.append(of_exit)
        return logits, maps

    @property
    def exits(self) -> int:
        """The number of exits."""
        return len(self.blocks)

    def resume(self, state: Sequence[Tensor], done: int, exit: int) -> tuple[Tensor, list[Tensor]]:
        """Run the blocks from one exit to a later one, and the classifier of the later one.

        Args:
            state: the feature maps that were returned with the logits of exit number `done`; for `done` = 0, a list of the
                images alone.
            done: the number of the exit that has been reached, counted from 1; 0 if none has.
            exit: the number of the exit to run to, in done + 1 .. `exits`.

        Returns:
            The logits of that exit [n, num_classes], and the feature maps for the next block.
        """
        maps = list(state) if done else self.stem(state[0])
        for block in list(self.blocks)[done:exit]:
            maps = block(maps)
        return self.classifiers[exit - 1](maps[-1]), maps

    def up_to(self) -> list[nn.Module]:
        """Return the network up to each exit, including the maps for later blocks: what runs for a sample that leaves there."""
        return [_UpTo(self, k + 1) for k in range(len(self.blocks))]


class _UpTo(nn.Module):
    """A network up to one of its exits."""

    def __init__(self, network: MSDNet, exits: int) -> None:
        super().__init__()
        self.network, self.exits = network, exits

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        logits, maps = self.network.run(images, self.exits)
        return (*logits, *maps)


class _Plan:
    """The number of resolutions of each layer: the finest are dropped at equal distances along the depth."""

    def __init__(self, scales: int, depth: int) -> None:
        self.total, self.interval = scales, math.ceil(depth / scales)

    def scales(self, layer: int) -> int:
        """Return the number of resolutions after a layer, counted from 1; 0 is the stem."""
        return self.total - max(0, layer - 1) // self.interval


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _bottleneck(inputs: int, outputs: int, factor: int, stride: int = 1) -> nn.Sequential:
    inner = min(inputs, factor * outputs)
    return nn.Sequential(_conv(inputs, inner, 1), _conv(inner, outputs, 3, stride))


class _Stem(nn.Module):
    """The first layer: computes a map at every resolution, each from the next finer one."""

    def __init__(self, inputs: int, channels: int, factors: Sequence[int], kind: str) -> None:
        super().__init__()
        first = channels * factors[0]
        if kind == "imagenet":
            finest = nn.Sequential(*_conv(inputs, first, 7, 2), nn.MaxPool2d(3, 2, 1))
        else:
            finest = _conv(inputs, first)
        widths = [channels * factor for factor in factors]
        coarser = [_conv(a, b, 3, 2) for a, b in itertools.pairwise(widths)]
        self.steps = nn.ModuleList([finest, *coarser])

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for step in self.steps:
            maps.append(step(maps[-1]))
        return maps[1:]


class _Layer(nn.Module):
    """A dense layer: adds channels to every map, computed from the map itself and from the next finer one."""

    def __init__(
        self, width: int, growth: int, factors: list[int], bottlenecks: list[int], before: int, after: int
    ) -> None:
        super().__init__()
        first = len(factors) - after
        self.dropped = before - after
        self.own, self.finer = nn.ModuleList(), nn.ModuleList()  # these names are part of the keys of saved weights
        for scale in range(first, len(factors)):
            has_finer = scale > first or self.dropped > 0
            added = growth * factors[scale]
            share = added // 2 if has_finer else added
            self.own.append(_bottleneck(width * factors[scale], share, bottlenecks[scale]))
            if has_finer:
                inputs, factor = width * factors[scale - 1], bottlenecks[scale - 1]
                self.finer.append(_bottleneck(inputs, share, factor, 2))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        kept = maps[self.dropped :]
        without = len(self.own) - len(self.finer)
        merged = []
        for k, (same_scale, map_) in enumerate(zip(self.own, kept, strict=True)):
            parts = [map_]
            if k >= without:
                parts.append(self.finer[k - without](maps[k + self.dropped - 1]))
            merged.append(torch.cat([*parts, same_scale(map_)], dim=1))
        return merged


class _Transition(nn.Module):
    """A 1x1 convolution that reduces the channels at every resolution."""

    def __init__(self, width: int, narrow: int, factors: Sequence[int]) -> None:
        super().__init__()
        self.maps = nn.ModuleList([_conv(width * factor, narrow * factor, 1) for factor in factors])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [step(map_) for step, map_ in zip(self.maps, maps, strict=True)]


class _Classifier(nn.Module):
    """Two strided convolutions, pooling, and a linear layer on the coarsest map."""

    def __init__(self, width: int, classes: int, kind: str) -> None:
        super().__init__()
        inner = width if kind == "imagenet" else min(width, 128)
        self.features = nn.Sequential(_conv(width, inner, 3, 2), _conv(inner, inner, 3, 2))
        self.pool = nn.AdaptiveAvgPool2d(1)  # equals the paper's pooling at 224 pixels, where the map is 2x2
        self.linear = nn.Linear(inner, classes)

    def forward(self, map_: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.pool(self.features(map_)).flatten(1))
        return logits


@register_model
def msdnet(pretrained: bool = False, **kwargs: Any) -> MSDNet:
    """MSDNet in timm's registry; there are no pretrained weights.

    Raises:
        WeeError: pretrained weights are asked for.
    """
    return MSDNet(**own_arguments("msdnet", pretrained, kwargs))
