"""What a data set is to the rest of wee: labels, ids and groups at once, images when they are asked for."""

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
    """Samples on their way to a network.

    `index` is each sample's place in its split: it travels with the sample, so that nothing has to trust the
    order in which a sampler, or several processes, hand samples out.
    """

    image: Tensor
    label: Tensor
    index: Tensor


@dataclass(frozen=True)
class Transform:
    """What is done to an image before a network sees it; part of the identity of its logits.

    Attributes:
        size: side of the square input in pixels.
        mean, std: of the normalisation, one a channel.
        interpolation: of the resizing, antialiased.
        crop_pct: the share of the resized image's side that is kept, from its centre.
    """

    size: int
    mean: Sequence[float]
    std: Sequence[float]
    interpolation: str = "bilinear"
    crop_pct: float = 1.0

    def describe(self) -> dict[str, Any]:
        """What identifies it."""
        return asdict(self)

    def normalisation(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, [1, channels, 1, 1] each."""
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
    """Images that fit in memory: resized once, handed out a batch at a time.

    Args:
        images: uint8 [N, channels, height, width].
        labels: [N].
        transform: resize and normalise.
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
        """Some of the pixels [n, channels, size, size] as the network sees them."""
        return (as_floats(pixels) - self.mean) / self.std

    def __getitems__(self, indices: list[int]) -> Batch:
        """A whole batch; torch's loader asks for one where this method exists."""
        chosen = torch.as_tensor(indices)
        return {"image": self.normalise(self.pixels[chosen]), "label": self.labels[chosen], "index": chosen}


class Split(ABC):
    """One part of a data set: labels, ids and groups at once, images when they are asked for.

    Attributes:
        identity: what fixes its samples, as plain data, from the config; with equal files, equal identities mean equal
            samples.
        files: fingerprint of the files that the samples come from; None if they come from no files.
        place: where the samples lie, for reports; empty if they lie in no place.
        classes: the names of the classes, in the order of the labels; empty if they have no names.
        ids: an id for every sample [N], bytes; unique.
        groups: what samples depend on together (the image that several draws come from) [N], bytes.
        labels: true classes [N], int64; `NO_LABEL` for a sample of no class.
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
        """The same samples as members of no class: what a labelled set is to a model that knows other classes."""
        return self.relabelled(np.full_like(self.labels, NO_LABEL))

    def relabelled(self, labels: NDArray[np.int64]) -> Self:
        """The same samples with other labels [N]."""
        split = copy.copy(self)
        split.labels = labels
        return split

    def check_classes(self, expected: int, name: str) -> None:
        """Compare the classes of the samples with the config.

        Args:
            expected: how many classes there are, by the config.
            name: of the data set, for messages.

        Raises:
            WeeError: a class number is too large.
        """
        check_class_numbers(self.labels, expected, name, self.place or name)

    def image(self, place: int) -> Image.Image | None:
        """One image as it is before any resizing; None if the images are not opened one by one.

        Args:
            place: of the sample in the split.

        Raises:
            WeeError: it cannot be read.
        """
        return None

    @abstractmethod
    def dataset(self, transform: Transform) -> Dataset[Any]:
        """The samples as a map-style torch data set whose items, collated, are a `Batch`."""


class ArraySplit(Split):
    """A split whose images are an array in memory.

    Args:
        images: pixels, uint8 [N, channels, height, width]; height and width are equal.
        labels: true classes [N]; None if the samples are of no class.
        ids: a unique id for every sample [N]; None for "0", "1", and so on.
        groups: what samples depend on together [N]; None if they are independent.
        identity: what fixes the samples; `wee.data.samples.read_split` sets it.
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

    def dataset(self, transform: Transform) -> Dataset[Any]:
        """The images as a torch data set."""
        return ArrayImages(self.images, self.labels, transform)


def check_class_numbers(labels: NDArray[np.int64], expected: int, name: str, place: str) -> None:
    """Refuse class numbers that are too large.

    Args:
        labels: true classes [N].
        expected: how many classes there are, by the config.
        name: of the data set, for messages.
        place: where the samples lie, for messages.

    Raises:
        WeeError: a class number is too large.
    """
    if len(labels) and labels.max() >= expected:
        raise WeeError(
            f"{place} has the class number {labels.max()}, but {name}.classes is {expected}: "
            f"class numbers lie in 0..{expected - 1}"
        )
