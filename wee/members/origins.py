"""Where the weights of members come from: training with `wee train`, checkpoint files, or pretrained weights in timm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from wee.app.command import command
from wee.compat import repair_on_import
from wee.data.base import Split, Transform
from wee.data.config import LabelledConfig
from wee.errors import WeeError
from wee.identity import key_of
from wee.members import checkpoints
from wee.members.recipes import Described, Recipe
from wee.models.build import build
from wee.models.config import FamilyConfig

TIMM = "timm:"
"""The prefix that marks the name of pretrained weights in timm."""


@dataclass(frozen=True)
class LoadedMember:
    """A member with its weights.

    Attributes:
        module: the network, from images to logits.
        transform: how images are prepared for the network.
    """

    module: nn.Module
    transform: Transform


@dataclass
class Origin(Described, ABC):
    """One member, wherever its weights come from.

    Attributes:
        dataset, family: the configs.
        scale: the name of the scale.
        member: the number of the member.
    """

    dataset: LabelledConfig
    family: FamilyConfig
    scale: str
    member: int

    @property
    @abstractmethod
    def recipe(self) -> str:
        """The key of members that may be compared: those that were trained alike, or none of which was trained here."""

    @property
    @abstractmethod
    def about(self) -> dict[str, Any]:
        """What made the weights, as plain data; it is stored beside their logits."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, Tensor], object]:
        """The weights, and where they come from, for messages."""

    @cached_property
    def weights(self) -> str:
        """The fingerprint of the weights.

        Raises:
            WeeError: there are no weights.
        """
        return checkpoints.fingerprint(self._state()[0])

    def network(self) -> LoadedMember:
        """Build the member and load its weights."""
        module, (state, where) = self._empty(), self._state()
        checkpoints.load(state, module, where)
        return LoadedMember(module, self.transform)

    def logits_identity(self, split: Split, precision: str, storage: str) -> dict[str, Any]:
        """Everything that identifies an entry of the store: two entries are the same exactly if all of this is.

        Args:
            split: the samples.
            precision: the precision of the forward pass, as Lightning names it.
            storage: the type that logits are stored as, as numpy names it.
        """
        files = {} if split.files is None else {"files": split.files}
        return {
            **files,
            "weights": self.weights,
            "architecture": self.architecture.identity(),
            "transform": self.transform.describe(),
            "samples": split.identity,
            "precision": precision,
            "dtype": storage,
        }

    def _empty(self) -> nn.Module:
        return build(self.architecture, self.dataset.classes, self.dataset.channels)


@dataclass
class Trained(Origin):
    """A member that `wee train` trains.

    Attributes:
        made: the recipe of the member.
        folder: the folder of its checkpoint.
    """

    made: Recipe = field(kw_only=True)
    folder: Path = field(kw_only=True)

    @property
    def recipe(self) -> str:
        """The key of the data and training that its recipe shares with other members."""
        return key_of(self.made.common())

    @property
    def about(self) -> dict[str, Any]:
        """The recipe of the member."""
        return self.made.identity()

    def _state(self) -> tuple[dict[str, Tensor], object]:
        if not self.is_there:
            make = command("train", scale=self.scale, member=self.member)
            raise WeeError(f"it is not trained with this config; train it: {make}")
        return self._read, self.folder

    @property
    def is_there(self) -> bool:
        """Whether there is a checkpoint of the trained member."""
        return checkpoints.about(self.folder) is not None

    @cached_property
    def _read(self) -> dict[str, Tensor]:
        return checkpoints.read(self.folder)[0]


@dataclass
class Given(Origin):
    """A member from a checkpoint file, or from timm's pretrained weights.

    Attributes:
        origin: the path of the file, or "timm:" and the name of a model with its tag.
    """

    origin: str = field(kw_only=True)

    @property
    def recipe(self) -> str:
        """The same for all members that were not trained here, which may be compared with each other."""
        return "given"

    @property
    def about(self) -> dict[str, Any]:
        """Where the weights come from."""
        return {"origin": self.origin}

    @property
    def transform(self) -> Transform:
        """How images are prepared: as timm says for its pretrained weights, else as the config of the scale says."""
        plain = super().transform
        if not self.origin.startswith(TIMM):
            return plain
        repair_on_import()
        from timm.data.config import resolve_data_config
        from timm.models import get_pretrained_cfg

        try:
            known = get_pretrained_cfg(self._tag)
        except RuntimeError:
            known = None
        if known is None:
            raise WeeError(f"{self.name}: timm has no pretrained weights {self._tag}")
        config = resolve_data_config(pretrained_cfg=known.to_dict())  # type: ignore[no-untyped-call]
        return Transform(plain.size, config["mean"], config["std"], config["interpolation"], config["crop_pct"])

    @property
    def _tag(self) -> str:
        return self.origin.removeprefix(TIMM)

    def _state(self) -> tuple[dict[str, Tensor], object]:
        return self._read, self.origin

    @cached_property
    def _read(self) -> dict[str, Tensor]:
        if not self.origin.startswith(TIMM):
            return checkpoints.read_file(Path(self.origin), self._empty().state_dict().keys())
        repair_on_import()
        import timm

        try:
            scale = self.architecture
            module: nn.Module = timm.create_model(
                self._tag,
                pretrained=True,
                num_classes=self.dataset.classes,
                in_chans=self.dataset.channels,
                **scale.kwargs,
            )
        except Exception as error:
            raise WeeError(f"{self.name}: timm cannot give {self._tag}: {error}") from None
        return {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}


def source(
    dataset: LabelledConfig, family: FamilyConfig, scale: str, member: int, trained: Recipe, checkpoints: str
) -> Origin:
    """Return where a member comes from: given weights if the config of its scale names any, else training.

    Raises:
        WeeError: the scale names weights, but not for this member.
    """
    given = family.scales[scale].weights
    if not given:
        return Trained(dataset, family, scale, member, made=trained, folder=trained.folder(checkpoints))
    if member >= len(given):
        raise WeeError(
            f"{family.name}/{scale} has {len(given)} given weights, so members 0 to {len(given) - 1}, and no member {member}"
        )
    return Given(dataset, family, scale, member, origin=given[member])
