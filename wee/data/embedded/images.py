"""Digits in colour, patches of photographs, and noise.

Random numbers come from numpy's `RandomState`, whose streams are frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch.utils.data import Dataset

from wee.data.base import ArrayImages, Split, Transform, image_of
from wee.method import NO_LABEL

Images = NDArray[np.uint8]
"""Images in colour [n, size, size, 3]."""


class EmbeddedImages(Split):
    """Images that need no files; they are made when they are first used.

    Args:
        identity: plain data that determines the samples.
        content: "digits", "photos" or "noise".
        size: side of an image in pixels.
        count: the largest number of images; there may be fewer.
        seed: seed of the choice of images, of colours and of noise.
        channels: 3 for colour, 1 for grey.
    """

    place = "embedded"

    def __init__(self, identity: dict[str, Any], content: str, size: int, count: int, seed: int, channels: int) -> None:
        self.identity = identity
        available = AVAILABLE[content](size)
        self._chosen = np.sort(np.random.RandomState([seed, 0]).permutation(available)[:count])
        self._draw, self._size, self._seed, self._channels = DRAW[content], size, seed, channels
        self.ids = np.array([f"{content}-{place:05d}" for place in self._chosen], dtype=np.bytes_)
        self.groups = self.ids
        self.labels = np.full(len(self.ids), NO_LABEL)

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """The images [N, channels, size, size]."""
        drawn = self._draw(self._chosen, self._size, self._seed)
        if self._channels == 1:
            drawn = np.rint(drawn @ [0.299, 0.587, 0.114]).astype(np.uint8)[..., None]
        return np.ascontiguousarray(drawn.transpose(0, 3, 1, 2))

    def as_image(self, place: int) -> Image.Image:
        """Return one image."""
        return image_of(self.images[place])

    def dataset(self, transform: Transform) -> Dataset[Any]:
        """Return the images as a torch data set."""
        return ArrayImages(self.images, self.labels, transform)


def digits(chosen: NDArray[np.int64], size: int, seed: int) -> Images:
    """Return scanned digits, enlarged, in a random colour on a random background."""
    from sklearn.datasets import load_digits

    scans = np.asarray(load_digits().images, dtype=np.float64)[chosen] / 16 * 255
    images = np.empty((len(chosen), size, size, 3), dtype=np.uint8)
    for place, number in enumerate(chosen):
        ink, paper = np.random.RandomState([seed, 1, int(number)]).random_sample((2, 3)) * 255
        scan = Image.fromarray(np.rint(scans[place]).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
        share = np.asarray(scan, dtype=np.float64)[..., None] / 255
        images[place] = np.rint(share * ink + (1 - share) * paper)
    return images


def photos(chosen: NDArray[np.int64], size: int, seed: int) -> Images:
    """Return patches of two photographs, side by side without overlap."""
    from sklearn.datasets import load_sample_images

    cut = []
    for photo in load_sample_images().images:
        rows, columns = photo.shape[0] // size, photo.shape[1] // size
        kept = np.asarray(photo)[: rows * size, : columns * size]
        cut.append(kept.reshape(rows, size, columns, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3))
    return np.concatenate(cut)[chosen]


def noise(chosen: NDArray[np.int64], size: int, seed: int) -> Images:
    """Return Gaussian noise, smoothed over a width between 0 and 3 32nds of the side, with the contrast restored."""
    images = np.empty((len(chosen), size, size, 3), dtype=np.uint8)
    for place, number in enumerate(chosen):
        random = np.random.RandomState([seed, 2, int(number)])
        width = random.uniform(0, 3) * size / 32
        smooth = ndimage.gaussian_filter(random.standard_normal((size, size, 3)), (width, width, 0), mode="wrap")
        images[place] = np.rint((0.5 + 0.25 * smooth / smooth.std()).clip(0, 1) * 255)
    return images


_PHOTO_HEIGHT, _PHOTO_WIDTH = 427, 640

AVAILABLE: Mapping[str, Callable[[int], int]] = {
    "digits": lambda size: 1797,
    "photos": lambda size: 2 * (_PHOTO_HEIGHT // size) * (_PHOTO_WIDTH // size),
    "noise": lambda size: 100_000,
}
"""The number of different images of a size, by content."""

DRAW: Mapping[str, Callable[[NDArray[np.int64], int, int], Images]] = {
    "digits": digits,
    "photos": photos,
    "noise": noise,
}
"""The functions that make images, by content, from their numbers, their size and a seed."""
