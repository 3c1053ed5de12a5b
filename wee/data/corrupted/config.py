"""Typed config of corrupted test images. Imports no torch."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from wee.app.fields import Checked, as_list, written
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.splits import Part
from wee.errors import WeeError, unknown

if TYPE_CHECKING:
    from wee.data.base import Split

VERSION = 1
"""Version of the corruptions, part of the identity of images; it increases when the same config gives other images."""

NAMES = (
    "gaussian_noise",
    "impulse_noise",
    "defocus_blur",
    "motion_blur",
    "contrast",
    "brightness",
    "pixelation",
    "jpeg",
    "fog",
    "rotation",
)
"""The corruptions. The place of a name is part of the seed of its random numbers, so new names go to the end."""

SEVERITIES = range(1, 6)


@dataclass
class CorruptedConfig(DatasetConfig):
    """The ID data's own test images, corrupted when they are read: a set for each corruption and severity.

    The sets are called NAME-CORRUPTION-SEVERITY. All of them have the same images, and an image is corrupted in the same way
    each time.

    Attributes:
        corruption: One corruption, or a list.
        severity: One severity from 1 to 5, or a list.
        per_class: The number of test images of each class that are used; null for all.
        seed: The seed of the choice of images and of the corruptions.
    """

    kind: str = "corrupted"
    corruption: Checked[str | list[str]] = written(list(NAMES))
    severity: Checked[int | list[int]] = written([1, 3, 5])
    per_class: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._source: LabelledConfig | None = None  # the ID data, no field of the config; `beside` sets it
        for key in ("corruption", "severity"):
            if not as_list(getattr(self, key)):
                raise WeeError(
                    f"{self.name}.{key} is an empty list: give one or several, or leave it out for the default"
                )
        for name in as_list(self.corruption):
            if name not in NAMES:
                raise unknown("corruption", name, NAMES)
        for severity in as_list(self.severity):
            if isinstance(severity, bool) or not isinstance(severity, int) or severity not in SEVERITIES:
                raise WeeError(f"{self.name}.severity is {severity}: severities are the numbers 1 to 5")
        if self.per_class is not None and self.per_class < 1:
            raise WeeError(f"{self.name}.per_class is {self.per_class}: it must be 1 or more, or null for all images")
        if not 0 <= self.seed < 2**32:
            raise WeeError(f"{self.name}.seed is {self.seed}: it must be from 0 to 4294967295")

    def beside(self, dataset: LabelledConfig) -> Self:
        """Return the corrupted images of a data set."""
        return self._of(dataset)

    def _of(self, dataset: LabelledConfig | None) -> Self:
        config = copy.copy(self)
        config._source = dataset
        return config

    def variants(self) -> dict[str, Self]:
        """Return the sets, by corruption and severity, joined by "-"."""
        return {
            f"{corruption}-{severity}": replace(self, corruption=corruption, severity=severity)._of(self._source)
            for corruption in as_list(self.corruption)
            for severity in as_list(self.severity)
        }

    def derived_from(self) -> LabelledConfig | None:
        """Return the ID data, whose test images are corrupted."""
        return self._source

    def identity(self, split: Part) -> dict[str, Any]:
        """Return plain data that determines the samples, except for the ID data's own."""
        if split != "test":
            raise unknown("split", split, ["test"], of=f"data set {self.name}")
        change = {"corruption": self.corruption, "severity": self.severity}
        return {"kind": self.kind, **change, "per_class": self.per_class, "seed": self.seed, "version": VERSION}

    def split(self, name: Part) -> Split:
        """Return the corrupted test images.

        Raises:
            WeeError: the ID data has too few images of a class, or has no images.
        """
        from wee.data.corrupted.split import CorruptedImages, choose

        if self._source is None:
            raise WeeError(f"{self.name} has no images of its own: it is a shifted test set of ID data (shift=...)")
        (corruption,), (severity,) = as_list(self.corruption), as_list(self.severity)
        originals = self._source.split("test")
        chosen = choose(originals.labels, self.per_class, self.seed, f"{self.name}.per_class")
        seed = [self.seed, NAMES.index(corruption), severity]
        return CorruptedImages(
            self.identity(name), originals, self._source.channels, chosen, str(corruption), int(severity), seed
        )
