"""Makes folders of cascades with random weights, without a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from wee.cascade.description import CascadeDescription, Estimate, Expectation, StageDescription, checksum
from wee.data.base import Transform
from wee.method import Rule
from wee.models.build import build
from wee.models.config import ScaleConfig


@dataclass(frozen=True)
class Made:
    """A stage to make: what its network is built from, and its exit.

    Attributes:
        size: of the input, in pixels.
        member: stages of one member share a network.
        exit: of the network, counted from 1; None for a network with one output.
        temperature: what logits are divided by.
        interpolation: how images are resized.
    """

    size: int
    member: int
    exit: int | None = None
    temperature: float | None = None
    interpolation: str = "bilinear"
    kwargs: dict[str, Any] = field(default_factory=lambda: {"width": 4, "stem": 4})
    model: str = "cifar_resnet"


def cascade_folder(
    folder: Path,
    stages: Sequence[Made],
    rule: Rule,
    score: str = "msp",
    combine: str = "average",
    acceptance: float = 0.4,
    summing_order: Sequence[int] | None = None,
    classes: int = 5,
    channels: int = 3,
) -> Path:
    """Save a cascade of networks with random weights and statistics, and return its folder."""
    folder.mkdir(parents=True)
    described = []
    for stage in stages:
        scale = ScaleConfig(model=stage.model, input_size=stage.size, kwargs=stage.kwargs)
        weights = folder / f"{stage.member}.safetensors"
        if not weights.exists():
            torch.manual_seed(stage.member)
            network = build(scale, classes, channels)
            for module in network.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.running_mean = torch.randn(module.num_features) / 4
                    module.running_var = torch.rand(module.num_features) + 0.5
                elif isinstance(module, torch.nn.Linear):
                    torch.nn.init.normal_(module.weight, std=12 / module.in_features**0.5)
            save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, weights)
        transform = Transform(stage.size, [0.4] * channels, [0.3] * channels, stage.interpolation)
        described.append(
            StageDescription(
                "made", f"s{stage.member}", 0, stage.exit, weights.name, checksum(weights), scale.identity(),
                asdict(transform), channels, stage.temperature, {"macs": 1e6 * (len(described) + 1)},
            )
        )  # fmt: skip
    number = Estimate(0.5, 0.4, 0.6)
    numbers = Expectation(100, 100, 0.95, number, number, number, number, [number] * len(stages))
    CascadeDescription(
        dataset="made", classes=[f"class{k}" for k in range(classes)], task="cov@5", score=score, combine=combine,
        stages=described, summing_order=list(summing_order or range(len(stages))), rule=rule, acceptance=acceptance,
        chosen={"cost": "macs"}, calibrated_on={"key": "0123456789abcdef"}, tuning=numbers, expected={"test": numbers},
    ).save(folder)  # fmt: skip
    return folder
