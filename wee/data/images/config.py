"""Typed config of image files. Imports no torch."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from omegaconf import MISSING

from wee.app.fields import Checked, as_list, written
from wee.data.config import LabelledConfig
from wee.data.images.places import class_folders, find_place
from wee.data.splits import PARTS, Part
from wee.errors import WeeError, unknown

if TYPE_CHECKING:
    from wee.data.base import Split


@dataclass
class HeldOutConfig:
    """The source of the validation set, on which thresholds and windows are set.

    Attributes:
        source: "train" or "test" to hold out `count` images of that part; otherwise a separate place below the root.
        count: The number of images that are held out.
        seed: The seed of the draw; the images are the same for every member.
    """

    source: str = "train"
    count: int = 0
    seed: int = 0


@dataclass
class ImagesConfig(LabelledConfig):
    """Image files on disk.

    Attributes:
        root: The folder of the data set.
        train, test: Places below the root: a folder of class folders, a plain folder, a folder of tar shards, a file list, or
            one of `TORCHVISION`. Of a list of places, the first that exists is used.
        validation: Where the validation set comes from.
        classes: The number of classes; 0 to count the class folders.
        channels: 3 for colour, 1 for grey.
        group: A regular expression with one (group). Images with the same match of the group in their paths depend on each
            other, for instance because they were cut from the same photograph. Empty if images are independent.
        memory: Whether images are kept in memory: true, false, or "auto" to keep them if they are small.
    """

    resizes_bytes: ClassVar[bool] = True

    kind: str = "images"
    root: str = MISSING
    train: Checked[str | list[str]] = written("train")
    test: Checked[str | list[str]] = written(["test", "val", "validation"])
    validation: HeldOutConfig = field(default_factory=HeldOutConfig)
    classes: int = 0
    group: str = ""
    memory: bool | str = "auto"

    def __post_init__(self) -> None:
        if self.memory not in (True, False, "auto"):
            raise unknown("value of memory", self.memory, ["true", "false", "auto"], of=f"data set {self.name}")
        if self.channels not in (1, 3):
            raise WeeError(f"data set {self.name} has {self.channels} channels: images have 3 (colour) or 1 (grey)")
        if self.group and re.compile(self.group).groups != 1:
            raise WeeError(f"{self.name}.group is {self.group}: it must have exactly one (group) in it")

    def places(self, source: str) -> list[str]:
        """Return the places below the root that may contain the images.

        Args:
            source: "train", "test", or a place.
        """
        return [str(place) for place in as_list({"train": self.train, "test": self.test}.get(source, source))]

    def resolve(self) -> Self:
        """Return the same data set with the number of class folders as `classes`, unless the config gives `classes`."""
        return self if self.classes else replace(self, classes=len(self._class_folders()))

    def beside(self, dataset: LabelledConfig) -> Self:
        """Return the same images with the channels of the ID data."""
        return replace(self, channels=dataset.channels)

    def check_learnable(self) -> None:
        """Check that the number of classes is known.

        Raises:
            WeeError: there are no class folders to count, or no images.
        """
        if self.classes < 1:
            place = find_place(self.name, self.root, self.places("train"))
            raise WeeError(
                f"how many classes are there? {place} has no class folders to count; give dataset.classes=NUMBER"
            )

    def class_names(self) -> list[str]:
        """Return the names of the class folders, of the classes in tar shards, or of torchvision's classes; else numbers."""
        return self._class_folders() or self._listed_classes() or super().class_names()

    def identity(self, split: Part) -> dict[str, Any]:
        """Return plain data that determines the samples of a split, without the content of files (see `Split.files`)."""
        if split not in PARTS:
            raise unknown("split", split, PARTS, of=f"data set {self.name}")
        held_out = {"validation": asdict(self.validation)} if split in ("val", self._cut) else {}
        return {"kind": self.kind, "split": split, **held_out}

    def split(self, name: Part) -> Split:
        """Return one split; its images are read when they are used.

        Raises:
            WeeError: the place of the split does not exist, or the validation set cannot be held out.
        """
        from wee.data.images.listing import list_images
        from wee.data.images.split import ImageFiles, ReadOptions, held_out_places

        identity, source = self.identity(name), self.validation.source if name == "val" else name
        place = find_place(self.name, self.root, self.places(source))
        listing, chosen = list_images(place), None
        if source == self._cut:
            drawn, rest = held_out_places(len(listing.names), self.validation.count, self.validation.seed, place)
            chosen = drawn if name == "val" else rest
        return ImageFiles(identity, listing, ReadOptions(self.channels, self.memory, self.group), chosen)

    @property
    def _cut(self) -> str | None:
        """The part that the validation set is held out of; None if it has a separate place."""
        return self.validation.source if self.validation.source in ("train", "test") else None

    def _class_folders(self) -> list[str]:
        return class_folders(self.root, [*self.places("train"), *self.places("test")])

    def _listed_classes(self) -> list[str]:
        from wee.data.images.listing import list_images

        try:
            return list_images(find_place(self.name, self.root, self.places("test"))).classes
        except WeeError:
            return []
