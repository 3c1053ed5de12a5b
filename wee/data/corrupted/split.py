"""A split of corrupted images."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from wee.data.base import ArrayImages, Split, Transform
from wee.data.corrupted.corruptions import corrupted
from wee.data.images.split import images_dataset
from wee.errors import WeeError


class CorruptedImages(Split):
    """Corrupted images of another split. How an image is corrupted depends on its id, not on its place.

    Args:
        identity: plain data from the config that determines the samples, except for the originals.
        originals: the split that the images come from.
        channels: number of channels of an image.
        chosen: places of the images in `originals`, ascending.
        corruption: name of the corruption.
        severity: from 1 to 5.
        seed: seed of the corruption, to which a number for each image is added.
    """

    def __init__(
        self,
        identity: dict[str, Any],
        originals: Split,
        channels: int,
        chosen: NDArray[np.int64],
        corruption: str,
        severity: int,
        seed: Sequence[int],
    ) -> None:
        self.identity, self.files, self.place = identity, originals.files, originals.place
        self.labels = originals.labels[chosen]
        self.ids, self.groups = originals.ids[chosen], originals.groups[chosen]
        self._originals, self._chosen, self._channels = originals, chosen, channels
        self._change, self._seed = (corruption, severity), seed

    def as_image(self, place: int) -> Image.Image:
        """Return one corrupted image at its original size."""
        original = self._originals.as_image(int(self._chosen[place]))
        return corrupted(original, *self._change, [*self._seed, zlib.crc32(bytes(self.ids[place]))])

    def image(self, place: int) -> Image.Image | None:
        """Return one corrupted image at its original size; None if the originals are no individual images."""
        return None if self._originals.image(int(self._chosen[place])) is None else self.as_image(place)

    def dataset(self, transform: Transform) -> Dataset[Any]:
        """Return the corrupted images as a torch data set, resized and cropped as the originals are."""
        if len(self) and self._originals.image(int(self._chosen[0])) is not None:
            return images_dataset(self, self.labels, self._channels, transform)
        pixels = [np.asarray(self.as_image(place)) for place in range(len(self))]
        stacked = np.stack([image[None] if image.ndim == 2 else image.transpose(2, 0, 1) for image in pixels])
        return ArrayImages(stacked, self.labels, transform)


def choose(labels: NDArray[np.int64], per_class: int | None, seed: int, name: str) -> NDArray[np.int64]:
    """Choose images of each class at random.

    Args:
        labels: true classes [N].
        per_class: number of images of each class; None for all.
        seed: seed of the choice.
        name: name of the setting, for messages.

    Returns:
        The places of the chosen images, ascending.

    Raises:
        WeeError: a class has fewer images.
    """
    if per_class is None:
        return np.arange(len(labels))
    chosen = []
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        if len(places) < per_class:
            raise WeeError(f"{name} is {per_class}, but class {label} has {len(places)} test images")
        chosen.append(np.random.RandomState([seed, int(label)]).permutation(places)[:per_class])
    return np.sort(np.concatenate(chosen))
