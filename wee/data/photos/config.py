"""Typed config of the photo patches. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from wee.data.config import DatasetConfig
from wee.data.draws.config import VERSION, PerturbationConfig
from wee.data.splits import Part
from wee.errors import WeeError, unknown

if TYPE_CHECKING:
    from wee.data.base import Split

_STREAM = 5


@dataclass
class PhotosConfig(DatasetConfig):
    """Grey patches of scikit-learn's two sample photographs, under the same corruption as the digits.

    A group is one region of a photograph (320 of them at the default size), but only the two photographs are independent.
    Bootstrap intervals over these groups cover the choice of regions but not of photographs, so they are too narrow.

    Attributes:
        region: The side in pixels of the square regions that the photographs are cut into.
        draws: The number of corrupted draws of each region.
        seed: The seed of the draws.
        corruption: The strength of the corruption.
    """

    kind: str = "photos"
    region: int = 40
    draws: int = 32
    seed: int = 0
    corruption: PerturbationConfig = field(default_factory=PerturbationConfig)

    def __post_init__(self) -> None:
        if self.region % 8 or not 0 < self.region <= 424:
            raise WeeError(f"{self.name}.region is {self.region}: it must be a multiple of 8, from 8 to 424")

    def identity(self, split: Part) -> dict[str, Any]:
        """Return plain data that determines the samples of the test split, the only split."""
        if split != "test":
            raise unknown("split", split, ["test"], of=f"data set {self.name}")
        drawing = {"region": self.region, "draws": self.draws, "seed": self.seed, "corruption": asdict(self.corruption)}
        return {"kind": self.kind, "split": split, **drawing, "version": VERSION}

    def split(self, name: Part) -> Split:
        """Return the test split, the only split."""
        from wee.data.draws.split import PerturbedDraws
        from wee.data.photos.patches import patch_names, patches

        identity, names, seed = self.identity(name), patch_names(self.region), [self.seed, _STREAM]
        return PerturbedDraws(identity, lambda: patches(self.region), names, None, self.draws, seed, self.corruption)
