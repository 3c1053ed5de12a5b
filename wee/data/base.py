"""Base classes of splits, batches and transforms.

A split holds its labels, ids and groups (of dependent samples) in memory, and reads its images lazily.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self, TypedDict

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.utils.data import Dataset

from wee.errors import WeeError, unknown
from wee.method import NO_LABEL

if TYPE_CHECKING:
    from PIL import Image


class Batch(TypedDict):
    """A batch of samples, as a network receives it.

    `index` is the place of each sample in its split. It is part of the batch, so that no code relies on the order in which
    a sampler, or several processes, return samples.
    """

    image: Tensor
    label: Tensor
    index: Tensor


@dataclass(frozen=True)
class Transform:
    """The preprocessing of an image for a network; it is part of the identity of the logits.

    Attributes:
        size: side of the square input in pixels.
        mean, std: mean and standard deviation of the normalisation, one number for each channel.
        interpolation: interpolation mode of the resizing, which is antialiased.
        crop_pct: side of the centre crop, as a share of the side of the resized image.
    """

    size: int
    mean: Sequence[float]
    std: Sequence[float]
    interpolation: str = "bilinear"
    crop_pct: float = 1.0

    def describe(self) -> dict[str, Any]:
        """Return the transform as plain data, for identities."""
        return asdict(self)

    def normalisation(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation, [1, channels, 1, 1] each."""
        mean, std = (torch.tensor(list(v)).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return mean, std


ANTIALIASED = ("bilinear", "bicubic")
"""The interpolations by which tensors are resized; those of image files are timm's."""


def as_floats(pixels: Tensor) -> Tensor:
    """Return pixels in [0, 1]: those of bytes divided by 255, floating-point ones as they are."""
    return pixels if pixels.is_floating_point() else pixels.float() / 255


def resized(pixels: Tensor, height: int, width: int, interpolation: str) -> Tensor:
    """Resize images with antialiasing.

    Args:
        pixels: images [n, channels, h, w]: bytes, or floating-point numbers in [0, 1].
        height, width: in pixels, of the result.
        interpolation: "bilinear" or "bicubic".

    Returns:
        Floating-point images [n, channels, height, width]; bicubic interpolation may leave [0, 1].

    Raises:
        WeeError: the interpolation is another one.
    """
    if interpolation not in ANTIALIASED:
        raise unknown("interpolation", interpolation, ANTIALIASED, of="images in memory")
    return torch.nn.functional.interpolate(as_floats(pixels), (height, width), mode=interpolation, antialias=True)


class ArrayImages(Dataset[Any]):
    """A data set of images in memory, which are resized once and returned in batches.

    Args:
        images: uint8 [N, channels, height, width].
        labels: [N].
        transform: resizing and normalisation.
    """

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64], transform: Transform) -> None:
        self.pixels = torch.from_numpy(images)
        if self.pixels.shape[-1] != transform.size:
            self.pixels = resized(self.pixels, transform.size, transform.size, transform.interpolation)
        self.mean, self.std = transform.normalisation()
        self.labels = torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return pixels [n, channels, size, size], 8-bit or in [0, 1], as normalised input of a network."""
        return (as_floats(pixels) - self.mean) / self.std

    def __getitems__(self, indices: list[int]) -> Batch:
        """Return a whole batch; torch's loader calls this method if it exists."""
        chosen = torch.as_tensor(indices)
        return {"image": self.normalise(self.pixels[chosen]), "label": self.labels[chosen], "index": chosen}


class Split(ABC):
    """One part of a data set, with its labels, ids and groups; images are read when they are used.

    Attributes:
        identity: plain data from the config that determines the samples: if the files are equal too, splits with equal
            identities have equal samples.
        files: fingerprint of the files that the samples come from; None if there are no files.
        place: location of the samples, for reports; empty if there is none.
        classes: names of the classes, in the order of the labels; empty if they have no names.
        ids: unique id of every sample [N], bytes.
        groups: group of every sample [N], bytes; samples of a group depend on each other (draws from the same image).
        labels: true classes [N], int64; `NO_LABEL` for a sample without a class.
    """

    identity: dict[str, Any]
    files: str | None = None
    place: str = ""
    classes: Sequence[str] = ()
    ids: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def unlabelled(self) -> Self:
        """Return the same samples without labels, for a set whose classes are not those of the model."""
        return self.relabelled(np.full_like(self.labels, NO_LABEL))

    def relabelled(self, labels: NDArray[np.int64]) -> Self:
        """Return the same samples with other labels [N]."""
        split = copy.copy(self)
        split.labels = labels
        return split

    def check_classes(self, expected: int, name: str) -> None:
        """Check the classes of the samples against the config.

        Args:
            expected: number of classes in the config.
            name: name of the data set, for messages.

        Raises:
            WeeError: a class number is too large.
        """
        check_class_numbers(self.labels, expected, name, self.place or name)

    def image(self, place: int) -> Image.Image | None:
        """Return one image before any resizing; None if the split has no individual images.

        Args:
            place: place of the sample in the split.

        Raises:
            WeeError: the image cannot be read.
        """
        return None

    def as_image(self, place: int) -> Image.Image:
        """Return one sample as an 8-bit image before any resizing, also of a split without individual images.

        Args:
            place: place of the sample in the split.

        Raises:
            WeeError: the image cannot be read, or the split has nothing that is an image.
        """
        image = self.image(place)
        if image is None:
            raise WeeError(f"the samples of {self.place or type(self).__name__} are not images, and cannot be written")
        return image

    @abstractmethod
    def dataset(self, transform: Transform) -> Dataset[Any]:
        """Return the samples as a map-style torch data set whose items, collated, are a `Batch`."""


class ArraySplit(Split):
    """A split with images in an array in memory.

    Args:
        images: pixels, uint8 [N, channels, height, width]; height and width are equal.
        labels: true classes [N]; None if the samples have no classes.
        ids: unique id of every sample [N]; None for "0", "1", and so on.
        groups: group of every sample [N]; samples of a group depend on each other; None if all are independent.
        identity: plain data that determines the samples; `wee.data.samples.read_split` sets it.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: ArrayLike | None = None,
        ids: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        identity: dict[str, Any] | None = None,
    ) -> None:
        self.images, self.identity = images, identity or {}
        self.labels = np.full(len(images), NO_LABEL) if labels is None else np.asarray(labels, dtype=np.int64)
        self.ids = np.asarray([str(place) for place in range(len(images))] if ids is None else ids, dtype=np.bytes_)
        self.groups = self.ids if groups is None else np.asarray(groups, dtype=np.bytes_)

    def as_image(self, place: int) -> Image.Image:
        """Return one sample as an image."""
        return image_of(self.images[place])

    def dataset(self, transform: Transform) -> Dataset[Any]:
        """Return the images as a torch data set."""
        return ArrayImages(self.images, self.labels, transform)


def image_of(pixels: NDArray[np.uint8]) -> Image.Image:
    """Return pixels [channels, height, width] as an image, grey or in colour.

    Raises:
        WeeError: there is neither one channel nor three.
    """
    from PIL import Image

    if len(pixels) not in (1, 3):
        raise WeeError(f"an image has one channel or three; these pixels have {len(pixels)}")
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def check_class_numbers(labels: NDArray[np.int64], expected: int, name: str, place: str) -> None:
    """Check that no class number is too large.

    Args:
        labels: true classes [N].
        expected: number of classes in the config.
        name: name of the data set, for messages.
        place: location of the samples, for messages.

    Raises:
        WeeError: a class number is too large.
    """
    if len(labels) and labels.max() >= expected:
        raise WeeError(
            f"{place} has the class number {labels.max()}, but {name}.classes is {expected}: "
            f"class numbers lie in 0..{expected - 1}"
        )
