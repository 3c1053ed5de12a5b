"""Typed config of corruption. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from wee.errors import WeeError

VERSION = 1
"""Part of the identity of corrupted images: raised when the same config would give other images."""


@dataclass
class CorruptionConfig:
    """How strongly each draw of an image is corrupted. Magnitudes are drawn uniformly unless it says otherwise.

    Attributes:
        size: The side of the square result in pixels.
        rotation: The largest angle in either direction, in degrees.
        scale: The smallest and the largest magnification, drawn log-uniformly.
        shear: The largest horizontal shear in either direction.
        shift: The largest shift in either direction, in half-widths of the image.
        contrast: The smallest and the largest factor on pixel values.
        occluder: The largest side of the grey square laid over the image, as a share of its width.
        noise: The smallest and the largest standard deviation of Gaussian noise; one is drawn for each image.
    """

    size: int = 24
    rotation: float = 25.0
    scale: list[float] = field(default_factory=lambda: [0.75, 1.15])
    shear: float = 0.25
    shift: float = 0.2
    contrast: list[float] = field(default_factory=lambda: [0.5, 1.0])
    occluder: float = 0.45
    noise: list[float] = field(default_factory=lambda: [0.05, 0.35])

    def __post_init__(self) -> None:
        for name in ("scale", "contrast", "noise"):
            ends = getattr(self, name)
            if len(ends) != 2 or not 0 < ends[0] <= ends[1]:
                raise WeeError(f"corruption.{name} is {ends}: give its smallest and its largest value, both positive")
