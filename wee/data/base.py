"""What a data set is to the rest of wee: labels, ids and groups at once, images when they are asked for."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from wee.data.augment import Augment
from wee.errors import WeeError
from wee.method.summaries import NO_LABEL


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


class Split(ABC):
    """One split of a data set.

    Attributes:
        identity: what fixes its samples, as plain data, from the config; with equal files, equal identities mean equal
            samples.
        files: fingerprint of the files that the samples come from; None where there are none.
        ids: an id for every sample [N], bytes; unique.
        groups: what samples depend on together (the image that several draws come from) [N], bytes.
        labels: true classes [N], int64; `NO_LABEL` where there is none.
    """

    identity: dict[str, Any]
    files: str | None = None
    ids: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def unlabelled(self) -> Self:
        """The same samples as members of no class: what a labelled set is to a model that knows other classes."""
        found = copy.copy(self)
        found.labels = np.full_like(self.labels, NO_LABEL)
        return found

    @abstractmethod
    def dataset(self, transform: Transform) -> Dataset[Any]:
        """The samples as a map-style torch data set whose items, collated, are a `Batch`."""

    def augmented(self, transform: Transform, augment: Augment, seed: int) -> Dataset[Any]:
        """The same for training; where images are augmented, an item is a place plus the epoch times the number of samples.

        Args:
            transform: what the network sees.
            augment: how images are varied.
            seed: of the variation.

        Raises:
            WeeError: these images cannot be varied so.
        """
        from wee.data.variation import ShiftedImages

        if augment.kind == "none":
            return self.dataset(transform)
        plain = self.dataset(transform)
        if augment.kind != "shift" or not isinstance(plain, ArrayImages) or plain.pixels.is_floating_point():
            raise WeeError(f"trainer.augment.kind={augment.kind} is not for these images; choose none")
        return ShiftedImages(plain, seed, augment.padding)


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
            size, mode = (transform.size, transform.size), transform.interpolation
            self.pixels = torch.nn.functional.interpolate(self.pixels.float() / 255, size, mode=mode, antialias=True)
        self.mean, self.std = transform.normalisation()
        self.labels = torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])

    def normalise(self, pixels: Tensor) -> Tensor:
        """Some of the pixels [n, channels, size, size] as the network sees them."""
        pixels = pixels if pixels.is_floating_point() else pixels.float() / 255
        return (pixels - self.mean) / self.std

    def __getitems__(self, indices: list[int]) -> Batch:
        """A whole batch; torch's loader asks for one where this method exists."""
        chosen = torch.as_tensor(indices)
        return {"image": self.normalise(self.pixels[chosen]), "label": self.labels[chosen], "index": chosen}
