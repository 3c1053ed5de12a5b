"""Base classes of the configs of all kinds of data sets, built-in kinds and your own.

Imports no torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from omegaconf import MISSING

from wee.app.fields import Checked, as_list, written
from wee.data.splits import Part
from wee.errors import WeeError
from wee.records import fits

if TYPE_CHECKING:
    from wee.data.base import Split


@dataclass
class DatasetConfig:
    """The config of a data set. The base class of every kind of data set.

    A kind is a dataclass whose fields are the keys of its YAML files. It checks their values in `__post_init__`. Only
    `resolve`, `class_names` and `split` read files and import slow modules.

    For a kind of your own, write a subclass with a method `split` (of `LabelledConfig` if the data have classes) and name it
    in a YAML file as `kind: module:Name`. docs/data.md has an example.

    Attributes:
        name: The name of the data set in the store, in tables and in messages.
        label: The name on figures; `name` if it is empty.
        kind: The name of its kind in `DATA_KINDS`, or "module:Name" of a kind of your own.
        resizes_bytes: Whether images are resized as 8-bit pixels, by Pillow, as timm does with image files. Otherwise they
            are resized as floating-point numbers, as `wee.data.base.ArrayImages` does. The results differ slightly, so
            `wee predict` resizes image files as the data were that a cascade was calibrated on.
    """

    resizes_bytes: ClassVar[bool] = False

    name: str = MISSING
    label: str = ""
    kind: str = MISSING

    def split(self, name: Part) -> Split:
        """Return one part of the data. This is fast: images are read or drawn later, when they are used.

        Raises:
            WeeError: the data set has no such part, or its files are missing.
        """
        raise NotImplementedError

    def identity(self, split: Part) -> dict[str, Any] | None:
        """Return plain data from the config that determines the samples of a part; None if they are unknown.

        By default it has the values of all fields except `name` and `label`. The source code of a kind of your own need not
        be included: `wee.data.kinds.sample_identity` adds its fingerprint.

        Raises:
            WeeError: the data set has no such part.
        """
        values = {field: value for field, value in asdict(self).items() if field not in ("name", "label")}
        return {**values, "split": split}

    def derived_from(self) -> DatasetConfig | None:
        """Return the data set whose test samples this one is made from; None if it has samples of its own."""
        return None

    def resolve(self) -> Self:
        """Return the same data set with values that its files determine, such as the number of classes. May read the disk."""
        return self

    def beside(self, dataset: LabelledConfig) -> Self:
        """Return this OOD or shifted set as members trained on `dataset` see it, for example with its number of channels."""
        return self

    def variants(self) -> dict[str, Self]:
        """Return the data sets that this config describes, by the suffix that each adds to its name; usually only itself.

        Raises:
            WeeError: the config does not define the variants.
        """
        return {"": self}


@dataclass
class LabelledConfig(DatasetConfig):
    """A data set with classes, on which members can be trained.

    Attributes:
        classes: The number of classes; 0 if the files determine it.
        channels: The number of channels of an image.
        mean, std: Pixel values x in [0, 1] are normalised as (x - mean) / std; one number, or one for each channel.
    """

    classes: int = MISSING
    channels: int = 3
    mean: Checked[float | list[float]] = written(0.5)
    std: Checked[float | list[float]] = written(0.5)

    def class_names(self) -> list[str]:
        """Return the names of the classes in the order of their labels; numbers if they have no names. May read the disk."""
        return [str(number) for number in range(self.classes)]

    def check_learnable(self) -> None:
        """Check that members can be trained on the data set.

        Raises:
            WeeError: neither the config nor the files determine the number of classes, or there are no images.
        """
        if self.classes < 1:
            raise WeeError(f"how many classes has data set {self.name}? Give dataset.classes=NUMBER")

    def normalisation(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation, one number for each channel.

        Raises:
            WeeError: the number of values is neither one nor the number of channels.
        """
        return self._by_channel("mean"), self._by_channel("std")

    def _by_channel(self, name: str) -> list[float]:
        given = as_list(getattr(self, name))
        if not all(fits(value, float) for value in given):
            raise WeeError(f"dataset.{name} is {given}: it is a number, or one for each channel")
        values = [float(value) for value in given]
        values = values * self.channels if len(values) == 1 else values
        if len(values) != self.channels:
            raise WeeError(f"dataset.{name} has {len(values)} numbers for {self.channels} channels")
        return values
