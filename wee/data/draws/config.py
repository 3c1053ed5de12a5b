"""Typed config of perturbations. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from wee.errors import WeeError

VERSION = 1
"""Version of the perturbations, part of the identity of images; it increases when the same config gives other images."""


@dataclass
class PerturbationConfig:
    """The strength of the perturbations of each draw of an image. Magnitudes are drawn uniformly unless stated otherwise.

    Attributes:
        size: The side of the square result in pixels.
        rotation: The largest angle in either direction, in degrees.
        scale: The smallest and the largest magnification, drawn log-uniformly.
        shear: The largest horizontal shear in either direction.
        shift: The largest shift in either direction, in half-widths of the image.
        contrast: The smallest and the largest factor on pixel values.
        occluder: The largest side of the grey square that covers part of the image, as a share of the image's width.
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
            limits = getattr(self, name)
            if len(limits) != 2 or not 0 < limits[0] <= limits[1]:
                raise WeeError(f"corruption.{name} is {limits}: give its smallest and its largest value, both positive")
