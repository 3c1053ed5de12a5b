"""Typed config of augmentation. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from wee.errors import WeeError, unknown

KINDS = ("none", "shift", "crop")


@dataclass
class Augment:
    """Random augmentation of training images.

    Attributes:
        kind: "none"; "shift" for a random shift by a few pixels and a random flip, for small images; "crop" for a random crop,
            resized, and a random flip.
        padding: the largest shift in pixels if `kind` is "shift".
    """

    kind: str = "none"
    padding: int = 4

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of augmentation", self.kind, KINDS)
        if self.padding < 0:
            raise WeeError(f"trainer.augment.padding is {self.padding}: it must be 0 or more pixels")
