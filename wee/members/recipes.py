"""Recipes: what decides the weights of a member, and where they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wee.data.base import Transform
from wee.data.config import LabelledConfig
from wee.data.kinds import sample_identity
from wee.identity import key_of
from wee.members.trainer import TrainerConfig
from wee.models.config import FamilyConfig, ScaleConfig


class Described:
    """A member of a family: its name, architecture and input, wherever its weights come from.

    Attributes:
        dataset, family: the configs.
        scale: name of the scale.
        member: its number.
    """

    dataset: LabelledConfig
    family: FamilyConfig
    scale: str
    member: int

    @property
    def name(self) -> str:
        """The name of the member in messages."""
        return f"{self.family.name}/{self.scale} member {self.member}"

    @property
    def architecture(self) -> ScaleConfig:
        """The architecture of the scale."""
        return self.family.scales[self.scale]

    @property
    def transform(self) -> Transform:
        """How images are prepared for the network."""
        mean, std = self.dataset.normalisation()
        scale = self.architecture
        return Transform(scale.input_size, mean, std, scale.interpolation, scale.crop_pct)


@dataclass(frozen=True)
class Recipe(Described):
    """Everything that decides the weights of one member.

    Attributes:
        dataset, family, trainer: the configs.
        scale: name of the scale.
        member: its number.
    """

    dataset: LabelledConfig
    family: FamilyConfig
    trainer: TrainerConfig
    scale: str
    member: int

    @property
    def seed(self) -> int:
        """The seed of the initial weights and of the order of training samples."""
        return self.trainer.seed + self.member

    def common(self) -> dict[str, Any]:
        """What members and scales that are trained alike have in common, as plain data: training images and training."""
        return {"train": sample_identity(self.dataset, "train"), "trainer": self.trainer.identity()}

    def identity(self) -> dict[str, Any]:
        """Everything that decides the weights, as plain data."""
        network = {
            "architecture": self.architecture.identity(),
            "transform": self.transform.describe(),
            "classes": self.dataset.classes,
        }
        return {**self.common(), **network, "member": self.member}

    def folder(self, checkpoints: str) -> Path:
        """The folder of the member, inside the folder of all checkpoints."""
        place = Path(checkpoints, self.dataset.name, self.family.name, self.scale)
        return place / f"{self.member}-{key_of(self.identity())}"
