"""The base config of commands that train or evaluate members, and the selected members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omegaconf import MISSING

from wee.app.fields import Checked, choose, written
from wee.app.paths import Common
from wee.data.config import LabelledConfig
from wee.data.roles import labelled
from wee.lit.runtime import RuntimeConfig
from wee.members.config import EnsembleConfig
from wee.members.trainer import TrainerConfig
from wee.models.config import FamilyConfig

if TYPE_CHECKING:
    from wee.members.recipes import Recipe


@dataclass
class MembersConfig(Common):
    """The base config of the commands that train or evaluate members.

    Attributes:
        dataset: the ID data, on which members are trained.
        family: the architectures.
        ensemble: the members that exist.
        trainer: how members are trained; it is part of the identity of their weights.
        runtime: the devices.
        scale: the selected scales: one, a list, or "all".
        member: the numbers of the selected members: one, a list, or "all".
    """

    dataset: Checked[LabelledConfig] = written(None)
    family: FamilyConfig = MISSING
    ensemble: EnsembleConfig = MISSING
    trainer: TrainerConfig = MISSING
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    scale: Checked[list[str]] = written("all")
    member: Checked[list[int]] = written("all")

    def __post_init__(self) -> None:
        self.dataset = labelled(self.dataset)
        self.scale = self.family.choose(self.scale)
        self.member = choose("member", self.member, self.ensemble.members)


def resolve_dataset(cfg: MembersConfig) -> LabelledConfig:
    """Return the ID data with its number of classes. Reads the disk if the config does not give the number.

    Raises:
        WeeError: neither the config nor the files determine the number of classes, or there are no images.
    """
    dataset = cfg.dataset.resolve()
    dataset.check_learnable()
    return dataset


def recipes(cfg: MembersConfig, dataset: LabelledConfig) -> list[Recipe]:
    """Return the recipe of every selected member.

    Args:
        cfg: the selected members, and how they are trained.
        dataset: the ID data, resolved.
    """
    from wee.members.recipes import Recipe

    return [Recipe(dataset, cfg.family, cfg.trainer, scale, member) for scale in cfg.scale for member in cfg.member]
