"""Typed config of augmentation. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from wee.errors import WeeError, unknown

KINDS = ("none", "shift", "crop")


@dataclass
class Augment:
    """How training images are varied.

    Attributes:
        kind: "none"; "shift": by a few pixels, and flipped, for small images; "crop": a random part, resized, and flipped.
        padding: of "shift": the largest shift in pixels.
    """

    kind: str = "none"
    padding: int = 4

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of augmentation", self.kind, KINDS)
        if self.padding < 0:
            raise WeeError(f"trainer.augment.padding is {self.padding}: it is a number of pixels")
