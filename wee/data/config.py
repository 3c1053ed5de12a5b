"""What the configs of all kinds of data sets have in common: the base classes of kinds, built-in ones and your own.

Imports no torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from omegaconf import MISSING

from wee.app.fields import Checked, as_list, written
from wee.data.splits import Part
from wee.errors import WeeError

if TYPE_CHECKING:
    from wee.data.base import Split


@dataclass
class DatasetConfig:
    """A data set as a config describes it. The base class of every kind of data set.

    A kind is a dataclass whose fields are the keys of its YAML files. It holds values, and checks them in `__post_init__`. Only
    `resolve`, `class_names` and `split` look at the disk, and only they import what is slow to import.

    For a kind of your own, write a subclass with a method `split` (of `LabelledConfig` if the data have classes) and name it
    in a YAML file as `kind: module:Name`. DATA.md has an example.

    Attributes:
        name: The name of the data set in the store, in tables and in messages.
        label: The name on figures; empty for `name`.
        kind: The name of its kind in `DATA_KINDS`, or "module:Name" of a kind of your own.
    """

    name: str = MISSING
    label: str = ""
    kind: str = MISSING

    def split(self, name: Part) -> Split:
        """One part of the data. Cheap: no image is read or drawn before it is asked for.

        Raises:
            WeeError: the data set has no such part, or its files are not there.
        """
        raise NotImplementedError

    def identity(self, split: Part) -> dict[str, Any] | None:
        """What fixes the samples of a part, as plain data, from the config alone; None if nobody knows.

        By default these are the values of all fields but `name` and `label`. The source code of a kind of your own need not be
        in it: `wee.data.kinds.sample_identity` adds its fingerprint.

        Raises:
            WeeError: the data set has no such part.
        """
        values = {field: value for field, value in asdict(self).items() if field not in ("name", "label")}
        return {**values, "split": split}

    def resolve(self) -> Self:
        """The same data set with what only its files tell, such as the number of class folders. Looks at the disk."""
        return self

    def beside(self, dataset: LabelledConfig) -> Self:
        """Return the set, OOD or shifted, as members trained on `dataset` see it; for example in as many channels."""
        return self

    def variants(self) -> dict[str, Self]:
        """The data sets that this config stands for, by what is added to its name; usually itself alone.

        Raises:
            WeeError: the config does not say what the variants are.
        """
        return {"": self}


@dataclass
class LabelledConfig(DatasetConfig):
    """A data set with classes: members can be trained on it.

    Attributes:
        classes: The number of classes; 0 if only the files tell.
        channels: The number of channels of an image.
        mean, std: Pixel values x in [0, 1] are normalised as (x - mean) / std; one number, or one for each channel.
    """

    classes: int = MISSING
    channels: int = 3
    mean: Checked[float | list[float]] = written(0.5)
    std: Checked[float | list[float]] = written(0.5)

    def class_names(self) -> list[str]:
        """The names of the classes in the order of their labels; numbers if they have no names. May look at the disk."""
        return [str(number) for number in range(self.classes)]

    def check_learnable(self) -> None:
        """Refuse to train members on the data set.

        Raises:
            WeeError: neither the config nor the files tell how many classes there are, or there are no images.
        """
        if self.classes < 1:
            raise WeeError(f"how many classes has data set {self.name}? Give dataset.classes=NUMBER")

    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation, one number for each channel.

        Raises:
            WeeError: there are neither one number nor as many as channels.
        """
        return self._by_channel("mean"), self._by_channel("std")

    def _by_channel(self, name: str) -> list[float]:
        values = [float(value) for value in as_list(getattr(self, name))]
        values = values * self.channels if len(values) == 1 else values
        if len(values) != self.channels:
            raise WeeError(f"dataset.{name} has {len(values)} numbers for {self.channels} channels")
        return values
