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
    """How a member is trained. Everything but the name is part of the identity of the member.

    Attributes:
        name: the name of the config in messages.
        steps: number of optimiser steps; null if epochs are given.
        epochs: number of passes over the training images; null if steps are given.
        batch_size: samples in one step, over all devices.
        optimizer: "adamw" or "sgd".
        lr: the highest learning rate.
        momentum: the momentum of sgd.
        nesterov: whether the momentum of sgd is Nesterov's.
        weight_decay: weight decay; norms and biases have none.
        schedule: "one_cycle" (Smith and Topin, 2019) or "cosine" (linear warm-up, cosine to zero).
        warmup: share of the steps during which the learning rate rises, in [0, 1).
        label_smoothing: label smoothing of the cross-entropy, in [0, 1).
        precision: numerical precision, as Lightning's Trainer takes it.
        accumulate: number of parts that a batch is split into, computed one after the other, to save memory.
        ema: decay of an exponential moving average of the weights, in (0, 1). The average is then what is saved. null for
            none.
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
        """Return the number of optimiser steps for a number of training images; an epoch has only whole batches."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return self.epochs * max(samples // min(self.batch_size, samples), 1)

    def identity(self) -> dict[str, Any]:
        """The part of the config that decides the weights, as plain data."""
        off = {
            "accumulate": 1,
            "ema": None,
            "nesterov": True,
            "augment": asdict(Augment()),
        }  # fields left out at these values, so that members trained before the fields existed keep their keys
        known = {key: value for key, value in asdict(self).items() if key != "name"}
        return {key: value for key, value in known.items() if key not in off or off[key] != value}
