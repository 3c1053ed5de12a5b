"""Augmentation with random numbers that depend only on (seed, epoch, sample), so that resuming changes no result."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from wee.data.augment import Augment
from wee.data.base import ArrayImages, Batch, Split, Transform
from wee.errors import WeeError
from wee.method.draws import uniform

_ATTEMPTS = 10
_AREA, _RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


def varied(split: Split, transform: Transform, augment: Augment, seed: int) -> Dataset[Any]:
    """Return a data set of the samples of a split for training.

    If images are augmented, an item is the place of a sample plus its epoch times the number of samples.

    Args:
        split: the split.
        transform: the preprocessing for the network.
        augment: the augmentation.
        seed: seed of the augmentation.

    Raises:
        WeeError: this kind of augmentation does not suit these images.
    """
    if augment.kind == "none":
        return split.dataset(transform)
    if augment.kind == "crop" and split.image(0) is not None:
        return ResizedCrops(split, seed, transform)
    if augment.kind == "shift":
        plain = split.dataset(transform)
        if isinstance(plain, ArrayImages) and not plain.pixels.is_floating_point():
            return ShiftedImages(plain, seed, augment.padding)
    raise WeeError(f"trainer.augment.kind={augment.kind} is not for these images; choose none")


class ShiftedImages(Dataset[Any]):
    """Small images in memory, shifted by a few pixels and flipped at random (He et al., CVPR 2016: "padded crop").

    An item is a sample's place plus its epoch times the number of samples.

    Args:
        images: the images; their pixels are 8-bit and have the size of the network's input.
        seed: seed of the random numbers.
        padding: the largest shift in either direction in pixels; pixels from outside the image are black.
    """

    def __init__(self, images: ArrayImages, seed: int, padding: int) -> None:
        self._images, self._seed, self._padding = images, seed, padding
        edge = (padding,) * 4
        self._padded = torch.nn.functional.pad(images.pixels, edge)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, item: int) -> Any:
        return self.__getitems__([item])

    def __getitems__(self, items: list[int]) -> Batch:
        """Return a whole batch."""
        epochs, places = np.divmod(np.asarray(items), len(self))
        drawn = uniform(self._seed, epochs, places, 3)
        size = self._images.pixels.shape[-1]
        down, right = (torch.from_numpy((drawn[:, k] * (2 * self._padding + 1)).astype(np.int64)) for k in (0, 1))
        chosen = torch.from_numpy(places)
        windows = self._padded.unfold(2, size, 1).unfold(3, size, 1)
        pixels = windows[chosen, :, down, right]
        flipped = torch.from_numpy(drawn[:, 2] < 0.5).view(-1, 1, 1, 1)
        pixels = torch.where(flipped, pixels.flip(-1), pixels)
        return {"image": self._images.normalise(pixels), "label": self._images.labels[chosen], "index": chosen}


class ResizedCrops(Dataset[Any]):
    """Random crops of images, resized, and flipped at random (Szegedy et al., CVPR 2015: "random resized crop").

    An item is a sample's place plus its epoch times the number of samples.

    Args:
        split: the split, whose images can be opened individually.
        seed: seed of the random numbers.
        transform: size, interpolation and normalisation.
    """

    def __init__(self, split: Split, seed: int, transform: Transform) -> None:
        self._split, self._labels, self._seed = split, torch.from_numpy(split.labels), seed
        self._size, self._resampling = transform.size, Image.Resampling[transform.interpolation.upper()]
        self._mean, self._std = transform.normalisation()

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, item: int) -> dict[str, Tensor]:
        epoch, place = divmod(item, len(self))
        drawn = uniform(self._seed, np.array([epoch]), np.array([place]), 4 * _ATTEMPTS + 1)[0]
        image = self._split.image(place)
        assert image is not None
        box = crop_box(image.width, image.height, drawn[1:])
        part = image.resize((self._size, self._size), self._resampling, box)
        if drawn[0] < 0.5:
            part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(part)).reshape(self._size, self._size, -1).permute(2, 0, 1)
        return {
            "image": ((pixels.float() / 255 - self._mean[0]) / self._std[0]).contiguous(),
            "label": self._labels[place],
            "index": torch.tensor(place),
        }


def crop_box(width: int, height: int, drawn: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Return a random box with 8 to 100 % of an image's area and an aspect ratio between 3:4 and 4:3.

    If none of ten attempts fits the image, return the largest central box with such an aspect ratio.

    Args:
        width, height: size of the image in pixels.
        drawn: random numbers in [0, 1), four for each attempt.

    Returns:
        (left, upper, right, lower) in pixels.
    """
    for area, ratio, x, y in drawn.reshape(_ATTEMPTS, 4):
        crop_area = width * height * (_AREA[0] + area * (_AREA[1] - _AREA[0]))
        aspect = math.exp(math.log(_RATIO[0]) + ratio * math.log(_RATIO[1] / _RATIO[0]))
        w, h = round(math.sqrt(crop_area * aspect)), round(math.sqrt(crop_area / aspect))
        if 0 < w <= width and 0 < h <= height:
            left, upper = int(x * (width - w + 1)), int(y * (height - h + 1))
            return left, upper, left + w, upper + h
    side_w = min(width, round(height * _RATIO[1]))
    side_h = min(height, round(width / _RATIO[0]))
    left, upper = (width - side_w) // 2, (height - side_h) // 2
    return left, upper, left + side_w, upper + side_h
