"""Config of the commands that train or evaluate members: which members there are, and which are selected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from wee.app.fields import choose
from wee.app.paths import Common
from wee.data.config import ImagesConfig, labelled
from wee.errors import WeeError
from wee.lit.runtime import RuntimeConfig
from wee.members.config import EnsembleConfig
from wee.members.trainer import TrainerConfig
from wee.models.config import FamilyConfig


@dataclass
class MembersConfig(Common):
    """Fields of the commands that train or evaluate members.

    Attributes:
        dataset: the ID data, on which members are trained.
        family: the architectures.
        ensemble: which members there are.
        trainer: how members are trained; it identifies their weights.
        runtime: the devices.
        scale, member: the selected scales and members: one, a list, or "all".
    """

    dataset: Any = None
    family: FamilyConfig = MISSING
    ensemble: EnsembleConfig = MISSING
    trainer: TrainerConfig = MISSING
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    scale: Any = "all"
    member: Any = "all"

    def __post_init__(self) -> None:
        self.dataset = labelled(self.dataset)
        if isinstance(self.dataset, ImagesConfig) and self.dataset.classes < 1:
            place = self.dataset.find("train")
            raise WeeError(
                f"how many classes are there? {place} has no class folders to count; give dataset.classes=NUMBER"
            )
        self.scale = self.family.choose(self.scale)
        self.member = choose("member", self.member, self.ensemble.members)
