"""A split of image files, which are read individually, or kept in memory if they are small.

Images are resized and cropped by timm's evaluation transform, as 8-bit pixels, and normalised afterwards. Results
therefore do not depend on whether images are read each time or kept in memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from wee.data.base import ArrayImages, Batch, Split, Transform, check_class_numbers
from wee.data.images.listing import Listing, open_image
from wee.errors import WeeError

MEMORY_BYTES = 2**30
"""The largest size of the transformed pixels of a split that is kept in memory, in bytes."""


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading image files.

    Attributes:
        channels: 3 for colour, 1 for grey.
        memory: whether images are kept in memory: True, False, or "auto" to keep them if they are small.
        group: a regular expression with one (group). Images with the same match of the group in their paths depend on each
            other; empty if images are independent.
    """

    channels: int
    memory: bool | str = "auto"
    group: str = ""

    def group_of(self, name: str) -> str:
        """Return the group of the image with path `name`.

        Raises:
            WeeError: the pattern does not match.
        """
        if not self.group:
            return name
        match = re.search(self.group, name)
        if match is None:
            raise WeeError(
                f"dataset.group={self.group} finds nothing in {name}; it is a pattern with one (group) in it"
            )
        return match[1]


class ImageFiles(Split):
    """A split that consists of some or all images in one place.

    Args:
        identity: plain data from the config that determines the samples.
        listing: the images in the place.
        options: how files are read.
        chosen: the indices of the split's images in the listing, ascending; None for all.
    """

    def __init__(
        self, identity: dict[str, Any], listing: Listing, options: ReadOptions, chosen: NDArray[np.int64] | None = None
    ) -> None:
        self.identity, self.files = identity, listing.fingerprint
        self.place, self.classes = str(listing.place), listing.classes
        self._listing, self._options = listing, options
        self._chosen = np.arange(len(listing.names)) if chosen is None else chosen
        names = [listing.names[i] for i in self._chosen]
        self.labels = listing.labels[self._chosen]
        self.ids = np.array([name.encode() for name in names], dtype=np.bytes_)
        self.groups = np.array([options.group_of(name).encode() for name in names], dtype=np.bytes_)

    def check_classes(self, expected: int, name: str) -> None:
        """Check the classes of all images in the place against the config.

        Images outside this split count too, because a small split need not have images of every class.

        Args:
            expected: number of classes in the config.
            name: name of the data set, for messages.

        Raises:
            WeeError: the number of class folders differs, one of them is empty, or a class number is too large.
        """
        listing = self._listing
        if listing.classes and len(listing.classes) != expected:
            raise WeeError(
                f"{self.place} has {len(listing.classes)} classes, but {name}.classes is {expected}: "
                "a class folder is missing, or there is one too many"
            )
        if listing.empty_classes:
            listed = ", ".join(listing.empty_classes[:5])
            raise WeeError(f"{self.place} has no images of {len(listing.empty_classes)} of its classes: {listed}")
        check_class_numbers(listing.labels, expected, name, self.place)

    def image(self, place: int) -> Image.Image:
        """Return one image at its original size, in colour or grey.

        Args:
            place: place of the sample in the split.

        Raises:
            WeeError: the image cannot be read.
        """
        mode = "RGB" if self._options.channels == 3 else "L"
        image = open_image(self._listing, int(self._chosen[place]))
        try:
            return image.convert(mode)
        except Exception as error:  # as decoders, conversions raise exceptions of many types
            name = self._listing.names[int(self._chosen[place])]
            raise WeeError(f"the image {self._listing.place / name} cannot be converted to {mode}: {error}") from None

    def dataset(self, transform: Transform) -> Dataset[Any]:
        """Return the images as a torch data set, which keeps them in memory if they are small or if the config says so."""
        return images_dataset(self, self.labels, self._options.channels, transform, self._options.memory)


def images_dataset(
    split: Split, labels: NDArray[np.int64], channels: int, transform: Transform, memory: bool | str = "auto"
) -> Dataset[Any]:
    """Return individual images as a torch data set.

    Args:
        split: the images, which `split.image` opens.
        labels: true classes [N].
        channels: 3 for colour, 1 for grey.
        transform: resizing, cropping and normalisation.
        memory: whether images are kept in memory: True, False, or "auto" to keep them if they are small.
    """
    pixels = Pixels(split, channels, transform)
    size = len(split) * channels * transform.size**2
    if memory is True or (memory == "auto" and size <= MEMORY_BYTES):
        return ArrayImages(pixels.all(), labels, transform)
    return ReadImages(pixels, labels, transform)


def held_out_places(count: int, held_out: int, seed: int, place: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw a validation set from the images in a place.

    Args:
        count: number of images in the place.
        held_out: number of images to draw.
        seed: seed of the draw.
        place: the place, for messages.

    Returns:
        (indices of the drawn images, indices of the remaining images), both ascending.

    Raises:
        WeeError: one of both sets would be empty.
    """
    if not 0 < held_out < count:
        raise WeeError(
            f"dataset.validation.count is {held_out}, but {place} has {count:,} images; both parts must have at least one"
        )
    # numpy guarantees that the streams of this generator never change.
    drawn = np.sort(np.random.RandomState(seed).permutation(count)[:held_out])
    return drawn, np.setdiff1d(np.arange(count), drawn)


class Pixels:
    """Transformed 8-bit pixels of images, which are read when they are used.

    Args:
        split: the images, which `split.image` opens.
        channels: 3 for colour, 1 for grey.
        transform: resizing and cropping.
    """

    def __init__(self, split: Split, channels: int, transform: Transform) -> None:
        from timm.data.transforms_factory import create_transform

        self._split, self._shape = split, (channels, transform.size, transform.size)
        self._transform: Any = create_transform(
            input_size=self._shape,
            is_training=False,
            use_prefetcher=True,  # returns 8-bit pixels without normalisation
            interpolation=transform.interpolation,
            crop_pct=transform.crop_pct,
        )

    def __getitem__(self, place: int) -> NDArray[np.uint8]:
        image = self._split.image(place)
        assert image is not None
        return self.of(image)

    def of(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return the pixels of an image that has been read, [channels, size, size]."""
        return np.asarray(self._transform(image), dtype=np.uint8).reshape(self._shape)

    def all(self) -> NDArray[np.uint8]:
        """Return the pixels of all images, [N, channels, size, size]."""
        pixels = np.empty((len(self._split), *self._shape), dtype=np.uint8)
        for place in range(len(pixels)):
            pixels[place] = self[place]
        return pixels


class ReadImages(Dataset[Any]):
    """A data set of images that are read from their files each time."""

    def __init__(self, pixels: Pixels, labels: NDArray[np.int64], transform: Transform) -> None:
        self._pixels, self._labels = pixels, torch.from_numpy(labels)
        self._mean, self._std = transform.normalisation()

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Batch:
        image = (torch.tensor(self._pixels[index]).float() / 255 - self._mean[0]) / self._std[0]
        return {"image": image, "label": self._labels[index], "index": torch.tensor(index)}
