"""Typed config of training. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from omegaconf import MISSING

from wee.data.augment import Augment
from wee.errors import WeeError, unknown

OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("one_cycle", "cosine")


@dataclass
class TrainerConfig:
    """How a member is trained; all of it is part of the member's identity.

    Attributes:
        name: in messages.
        steps: optimiser steps; or
        epochs: passes over the training images.
        batch_size: samples a step, over all devices.
        optimizer: "adamw" or "sgd".
        lr: the highest learning rate.
        momentum, nesterov: of sgd.
        weight_decay: not applied to norms and biases.
        schedule: "one_cycle" (Smith and Topin, 2019) or "cosine" (linear warm-up, cosine to zero).
        warmup: share of the steps in which the rate rises, in [0, 1).
        label_smoothing: of the cross-entropy, in [0, 1).
        precision: as Lightning's Trainer takes it.
        accumulate: parts that a batch is computed in, one after the other, where memory is short.
        ema: decay of a moving average of the weights, which is then what is kept, in (0, 1); null for none.
        augment: how training images are varied.
        channels_last: memory layout of images and weights.
        seed: member k is seeded with seed + k.
    """

    name: str = MISSING
    steps: int | None = None
    epochs: int | None = None
    batch_size: int = 128
    optimizer: str = "adamw"
    lr: float = MISSING
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.05
    schedule: str = "one_cycle"
    warmup: float = 0.15
    label_smoothing: float = 0.0
    precision: str = "32-true"
    accumulate: int = 1
    ema: float | None = None
    augment: Augment = field(default_factory=Augment)
    channels_last: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer", self.optimizer, OPTIMIZERS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        if (self.steps is None) == (self.epochs is None):
            raise WeeError(
                f"trainer.steps is {self.steps} and trainer.epochs {self.epochs}: give one of them, and null for the other"
            )
        for name in ("steps", "epochs", "batch_size", "accumulate"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise WeeError(f"trainer.{name} is {value}: it must be 1 or more")
        if self.lr <= 0 or self.weight_decay < 0:
            raise WeeError(f"trainer.lr is {self.lr} and trainer.weight_decay {self.weight_decay}: rates are positive")
        if self.ema is not None and not 0 < self.ema < 1:
            raise WeeError(
                f"trainer.ema is {self.ema}: a decay lies between 0 and 1, for instance 0.9999; null for none"
            )
        for name in ("warmup", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise WeeError(f"trainer.{name} is {getattr(self, name)}: it lies in [0, 1)")

    def total_steps(self, samples: int) -> int:
        """Optimiser steps over so many training images; an epoch has whole batches alone."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return self.epochs * max(samples // min(self.batch_size, samples), 1)

    def identity(self) -> dict[str, Any]:
        """What of this decides the weights."""
        off = {
            "accumulate": 1,
            "ema": None,
            "nesterov": True,
            "augment": asdict(Augment()),
        }  # as if there were no such fields
        known = {key: value for key, value in asdict(self).items() if key != "name"}
        return {key: value for key, value in known.items() if key not in off or off[key] != value}
