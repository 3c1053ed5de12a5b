"""The catalogue of the kinds of data sets, and kinds of your own. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from wee.catalogue import Catalogue, first_line
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.corrupted.config import CorruptedConfig
from wee.data.digits.config import DigitsConfig
from wee.data.embedded.config import EmbeddedConfig
from wee.data.from_store import StoredConfig
from wee.data.images.config import ImagesConfig
from wee.data.photos.config import PhotosConfig
from wee.data.shifted import ShiftedConfig
from wee.data.splits import Part
from wee.errors import WeeError

Role = Literal["dataset", "ood", "shift"]
"""The config group that a data set belongs to: ID data, OOD sets or shifted test sets."""


@dataclass(frozen=True)
class DataKind:
    """A kind of data set.

    Attributes:
        name: The name that configs give as `kind`.
        label: The name on pages.
        help: A description of one line.
        config: The dataclass of its configs.
        roles: The roles that its data sets can have.
    """

    name: str
    label: str
    help: str
    config: type[DatasetConfig]
    roles: tuple[Role, ...]


def _plug_in(name: str, thing: Any) -> DataKind:
    """Return the kind that a plug-in's class defines.

    Args:
        name: "module:Name".
        thing: the class.

    Raises:
        WeeError: it is not the dataclass of a data set with a method `split`.
    """
    if not isinstance(thing, type) or not issubclass(thing, DatasetConfig):
        raise WeeError(
            f"{name} is no kind of data set: make it a subclass of wee.data.config.LabelledConfig, or of DatasetConfig if its "
            "samples are of no class"
        )
    if "__dataclass_fields__" not in vars(thing):
        raise WeeError(f"{name} is no dataclass: put @dataclass above the class")
    if thing.split is DatasetConfig.split:
        raise WeeError(f"{name} has no method split(name), which gives the samples of train, val or test")
    roles: tuple[Role, ...] = ("dataset", "ood", "shift") if issubclass(thing, LabelledConfig) else ("ood",)
    return DataKind(name, name, first_line(thing), thing, roles)


DATA_KINDS: Catalogue[DataKind] = Catalogue(
    "kind of data set",
    [
        DataKind(
            DigitsConfig.kind,
            "Digits",
            "scikit-learn's scanned digits, made hard by corruption",
            DigitsConfig,
            ("dataset", "ood"),
        ),
        DataKind(
            PhotosConfig.kind,
            "Photo patches",
            "patches of scikit-learn's two sample photographs, under the same corruption",
            PhotosConfig,
            ("ood",),
        ),
        DataKind(
            EmbeddedConfig.kind,
            "Embedded images",
            "scanned digits or patches of photographs from scikit-learn, or noise, of any size and in colour",
            EmbeddedConfig,
            ("ood",),
        ),
        DataKind(
            ImagesConfig.kind,
            "Image files",
            "folders of classes, plain folders, file lists, tar shards, or the files of CIFAR and SVHN",
            ImagesConfig,
            ("dataset", "ood"),
        ),
        DataKind(
            ShiftedConfig.kind,
            "Shifted image files",
            "image files of the ID data's classes from another distribution",
            ShiftedConfig,
            ("shift",),
        ),
        DataKind(
            CorruptedConfig.kind,
            "Corrupted images",
            "the ID data's own test images, corrupted when they are read",
            CorruptedConfig,
            ("shift",),
        ),
        DataKind(
            StoredConfig.kind,
            "Stored logits",
            "logits in the store, without images",
            StoredConfig,
            ("dataset", "ood", "shift"),
        ),
    ],
    _plug_in,
)
"""Every kind of data set, by the name that a config gives as `kind`."""


def config_of(kind: str) -> type[DatasetConfig]:
    """Return the dataclass of the configs of a kind of data set.

    Raises:
        WeeError: there is no such kind.
    """
    return DATA_KINDS.find(kind).config


def sample_identity(dataset: DatasetConfig, part: Part) -> dict[str, Any] | None:
    """Return plain data that determines the samples of a part of a data set; None if they are unknown.

    For a plug-in it includes the fingerprint of the source code, because another version may give other samples. For a set made
    from another data set, it includes what determines the samples of that one.

    Raises:
        WeeError: the data set has no such part, or the source code cannot be read.
    """
    identity = dataset.identity(part)
    original = dataset.derived_from()
    if original is not None:
        identity = {**(identity or {}), "of": sample_identity(original, "test")}
    source = DATA_KINDS.source(dataset.kind)
    return identity if source is None else {**(identity or {}), "source": source}
