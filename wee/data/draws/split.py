"""A split of perturbed draws of original images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from wee.data.base import ArrayImages, Split, Transform, image_of
from wee.data.draws.config import PerturbationConfig
from wee.data.draws.draw import perturb
from wee.method import NO_LABEL

if TYPE_CHECKING:
    from PIL import Image


class PerturbedDraws(Split):
    """Perturbed draws of original images, the same number of each; they are drawn when they are first used.

    Args:
        identity: plain data that determines the draws.
        originals: function that returns the original images, grey in [0, 1], [n, side, side].
        names: the id of each original [n].
        labels: the class of each original [n]; None if they have no classes.
        draws: number of draws of each original.
        seed: seed of the draws.
        corruption: the strength of the perturbations.
    """

    place = "embedded"

    def __init__(
        self,
        identity: dict[str, Any],
        originals: Callable[[], NDArray[np.float64]],
        names: Sequence[str],
        labels: NDArray[np.int64] | None,
        draws: int,
        seed: list[int],
        corruption: PerturbationConfig,
    ) -> None:
        self.identity = identity
        self.groups = np.repeat(np.array(names, dtype=np.bytes_), draws)
        self.ids = np.array([f"{name}-{k}" for name in names for k in range(draws)], dtype=np.bytes_)
        self.labels = np.full(len(self.ids), NO_LABEL) if labels is None else np.repeat(labels, draws)
        self._originals, self._draws, self._seed, self._corruption = originals, draws, seed, corruption

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """The draws, uint8 [N, 1, size, size]."""
        return perturb(np.repeat(self._originals(), self._draws, axis=0), self._seed, self._corruption)

    def as_image(self, place: int) -> Image.Image:
        """Return one draw as a grey image."""
        return image_of(self.images[place])

    def dataset(self, transform: Transform) -> Dataset[Any]:
        """Return the draws as a torch data set."""
        return ArrayImages(self.images, self.labels, transform)
