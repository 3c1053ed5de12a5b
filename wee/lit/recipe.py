"""One member: where its weights lie, and what made them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wee.data.base import Split, Transform
from wee.data.config import LabelledConfig, mean_and_std
from wee.identity import key_of
from wee.lit.config import TrainerConfig
from wee.models.config import FamilyConfig, ScaleConfig


@dataclass(frozen=True)
class Recipe:
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
    def name(self) -> str:
        """In messages."""
        return f"{self.family.name}/{self.scale} member {self.member}"

    @property
    def architecture(self) -> ScaleConfig:
        """Of the scale."""
        found: ScaleConfig = self.family.scales[self.scale]
        return found

    @property
    def seed(self) -> int:
        """Of weights and order."""
        return self.trainer.seed + self.member

    @property
    def transform(self) -> Transform:
        """What the network sees of an image."""
        mean, std = mean_and_std(self.dataset)
        scale = self.architecture
        return Transform(scale.input_size, mean, std, scale.interpolation, scale.crop_pct)

    def common(self) -> dict[str, Any]:
        """What all members and scales that are trained together share: data and training."""
        return {"train": self.dataset.identity("train"), "trainer": self.trainer.identity()}

    def identity(self) -> dict[str, Any]:
        """All that decides the weights, as plain data."""
        network = {
            "architecture": self.architecture.identity(),
            "transform": self.transform.describe(),
            "classes": self.dataset.classes,
        }
        return {**self.common(), **network, "member": self.member}

    def folder(self, checkpoints: str) -> Path:
        """Where the member lies, below the folder of checkpoints."""
        place = Path(checkpoints, self.dataset.name, self.family.name, self.scale)
        return place / f"{self.member}-{key_of(self.identity())}"

    def logits_identity(self, weights: str, split: Split, precision: str, storage: str) -> dict[str, Any]:
        """What makes an entry of the store: two are the same exactly when all of this is.

        Args:
            weights: the fingerprint of the member's weights.
            split: the samples.
            precision: of the forward pass.
            storage: what logits are kept as.
        """
        files = {} if split.files is None else {"files": split.files}
        return {
            **files,
            "weights": weights,
            "architecture": self.architecture.identity(),
            "transform": self.transform.describe(),
            "samples": split.identity,
            "precision": precision,
            "dtype": storage,
        }
