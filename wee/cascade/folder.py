"""The folder of a cascade, from the disk to networks that run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from wee.app.typed import to_object
from wee.cascade.description import CascadeDescription, StageDescription
from wee.data.base import Transform
from wee.errors import WeeError
from wee.members import checkpoints
from wee.models.build import build
from wee.models.config import INTERPOLATIONS, ScaleConfig
from wee.models.exits import Exit
from wee.records import check_fields


def members_of(folder: Path, description: CascadeDescription) -> list[nn.Module | Exit]:
    """Build the networks of a cascade and load their weights; the exits of one member share a network.

    Args:
        folder: the folder of the cascade.
        description: its description.

    Raises:
        WeeError: the weights belong to another architecture, or there are none.
    """
    check_runs(description)
    networks: dict[str, nn.Module] = {}
    for stage in description.stages:
        if stage.weights not in networks:
            networks[stage.weights] = _network(folder, stage, len(description.classes))
    return [
        networks[stage.weights] if stage.exit is None else Exit(networks[stage.weights], stage.exit)
        for stage in description.stages
    ]


def check_runs(description: CascadeDescription) -> None:
    """Check that the networks of a cascade are known.

    Raises:
        WeeError: the cascade was calibrated on imported logits.
    """
    if not description.runs:
        raise WeeError(
            "this cascade was calibrated on imported logits, and its networks are not known: run them in a program of yours, "
            "and give their logits to wee.load_logit_cascade(FOLDER), which applies its rule and its threshold"
        )


def _network(folder: Path, stage: StageDescription, classes: int) -> nn.Module:
    network = build(
        to_object(ScaleConfig, stage.architecture, f"the architecture of {stage.name}"), classes, stage.channels
    )
    checkpoints.load(load_file(folder / stage.weights), network, folder / stage.weights)
    return network


def transforms_of(description: CascadeDescription) -> Sequence[Transform]:
    """Return how images are prepared for each stage.

    Raises:
        WeeError: a description of it has wrong fields or values, or there is none.
    """
    check_runs(description)
    return [_transform(stage) for stage in description.stages]


def _transform(stage: StageDescription) -> Transform:
    what = f"the transform of {stage.name}"
    check_fields(Transform, stage.transform, what, others=False)
    transform = Transform(**stage.transform)
    if transform.size < 1 or not 0 < transform.crop_pct <= 1 or transform.interpolation not in INTERPOLATIONS:
        raise WeeError(f"{what} is {stage.transform}: its size, crop_pct or interpolation is none of an image")
    if not len(transform.mean) == len(transform.std) == stage.channels or min(transform.std) <= 0:
        raise WeeError(
            f"{what} is {stage.transform}: it needs a mean and a positive std for each of {stage.channels} channels"
        )
    return transform
