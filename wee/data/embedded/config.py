"""Typed config of embedded images. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from omegaconf import MISSING

from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.splits import Part
from wee.errors import WeeError, unknown

if TYPE_CHECKING:
    from wee.data.base import Split

VERSION = 1
"""Version of the images, part of their identity; it increases when the same config gives other images."""

CONTENTS = ("digits", "photos", "noise")


@dataclass
class EmbeddedConfig(DatasetConfig):
    """Small images that need no files, for OOD sets. They are in colour if those of the ID data are.

    Attributes:
        content: "digits": scikit-learn's scanned digits, each in random colours; "photos": the square patches into which
            scikit-learn's two sample photographs can be cut (only the photographs are independent, so intervals over patches
            are too narrow); "noise": Gaussian noise, smoothed over a random width.
        size: The side of an image in pixels.
        count: The largest number of images.
        seed: The seed of the choice of images, of colours and of noise.
        channels: 3 for colour, 1 for grey; null for that of the ID data.
    """

    kind: str = "embedded"
    content: str = MISSING
    size: int = 32
    count: int = 2000
    seed: int = 0
    channels: int | None = None

    def __post_init__(self) -> None:
        if self.content not in CONTENTS:
            raise unknown("content", self.content, CONTENTS, of=f"data set {self.name}")
        if not 8 <= self.size <= 256:
            raise WeeError(f"{self.name}.size is {self.size}: it must be from 8 to 256 pixels")
        if self.count < 1:
            raise WeeError(f"{self.name}.count is {self.count}: it must be 1 or more")
        if not 0 <= self.seed < 2**32:
            raise WeeError(f"{self.name}.seed is {self.seed}: it must be from 0 to 4294967295")
        if self.channels not in (None, 1, 3):
            raise WeeError(f"data set {self.name} has {self.channels} channels: images have 3 (colour) or 1 (grey)")

    def beside(self, dataset: LabelledConfig) -> Self:
        """Return the same images with the channels of the ID data."""
        return replace(self, channels=dataset.channels)

    def identity(self, split: Part) -> dict[str, Any]:
        """Return plain data that determines the samples of the test split, the only split."""
        if split != "test":
            raise unknown("split", split, ["test"], of=f"data set {self.name}")
        drawing = {"content": self.content, "size": self.size, "count": self.count, "seed": self.seed}
        return {"kind": self.kind, "split": split, **drawing, "channels": self.channels, "version": VERSION}

    def split(self, name: Part) -> Split:
        """Return the test split, the only split."""
        from wee.data.embedded.images import EmbeddedImages

        return EmbeddedImages(self.identity(name), self.content, self.size, self.count, self.seed, self.channels or 3)
