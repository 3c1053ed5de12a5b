"""The folder of a cascade, from the disk to networks that run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from wee.cascade.description import CascadeDescription, StageDescription
from wee.data.base import Transform
from wee.members import checkpoints
from wee.models.build import build
from wee.models.config import ScaleConfig
from wee.models.exits import Exit


def members_of(folder: Path, description: CascadeDescription) -> list[nn.Module | Exit]:
    """Build the networks of a cascade and load their weights; the exits of one member share a network.

    Args:
        folder: the folder of the cascade.
        description: its description.

    Raises:
        WeeError: the weights belong to another architecture.
    """
    networks: dict[str, nn.Module] = {}
    for stage in description.stages:
        if stage.weights not in networks:
            networks[stage.weights] = _network(folder, stage, len(description.classes))
    return [
        networks[stage.weights] if stage.exit is None else Exit(networks[stage.weights], stage.exit)
        for stage in description.stages
    ]


def _network(folder: Path, stage: StageDescription, classes: int) -> nn.Module:
    network = build(ScaleConfig(**stage.architecture), classes, stage.channels)
    checkpoints.load(load_file(folder / stage.weights), network, folder / stage.weights)
    return network


def transforms_of(description: CascadeDescription) -> Sequence[Transform]:
    """Return how images are prepared for each stage."""
    return [Transform(**stage.transform) for stage in description.stages]
