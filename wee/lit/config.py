"""Typed config of training. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from omegaconf import MISSING

from wee.errors import WeeError, unknown

OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("one_cycle", "cosine")


@dataclass
class TrainerConfig:
    """How a member is trained; all of it is part of the member's identity.

    Attributes:
        name: in messages.
        steps: optimiser steps.
        batch_size: samples a step, over all devices.
        optimizer: "adamw" or "sgd" (Nesterov momentum).
        lr: the highest learning rate.
        momentum: of sgd.
        weight_decay: not applied to norms and biases.
        schedule: "one_cycle" (Smith and Topin, 2019) or "cosine" (linear warm-up, cosine to zero).
        warmup: share of the steps in which the rate rises, in [0, 1).
        label_smoothing: of the cross-entropy, in [0, 1).
        precision: as Lightning's Trainer takes it.
        channels_last: memory layout of images and weights.
        seed: member k is seeded with seed + k.
    """

    name: str = MISSING
    steps: int = MISSING
    batch_size: int = 128
    optimizer: str = "adamw"
    lr: float = MISSING
    momentum: float = 0.9
    weight_decay: float = 0.05
    schedule: str = "one_cycle"
    warmup: float = 0.15
    label_smoothing: float = 0.0
    precision: str = "32-true"
    channels_last: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer", self.optimizer, OPTIMIZERS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise WeeError(f"trainer.{name} is {getattr(self, name)}: it must be 1 or more")
        if self.lr <= 0 or self.weight_decay < 0:
            raise WeeError(f"trainer.lr is {self.lr} and trainer.weight_decay {self.weight_decay}: rates are positive")
        for name in ("warmup", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise WeeError(f"trainer.{name} is {getattr(self, name)}: it lies in [0, 1)")

    def identity(self) -> dict[str, Any]:
        """What of this decides the weights."""
        return {key: value for key, value in asdict(self).items() if key != "name"}
