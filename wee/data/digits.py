"""The embedded data: scikit-learn's scanned digits and sample photographs, corrupted. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from wee.data.base import ArrayImages, Split, Transform
from wee.data.config import CorruptionConfig, DigitsConfig, PhotosConfig
from wee.data.corrupt import corrupt
from wee.errors import WeeError
from wee.method.summaries import NO_LABEL

_STREAMS = {"train": 1, "val": 2, "test": 3}
_BASE_IMAGES = 1797


class Drawn(Split):
    """Corrupted draws of base images, a fixed number of each; drawn when first asked for.

    Args:
        identity: what fixes the draws.
        base: reads the base images, grey in [0, 1], [n, side, side].
        names: the id of each base image [n].
        labels: the class of each [n].
        draws: how many of each base image.
        seed: of the draws.
        corruption: how a draw is made.
    """

    def __init__(
        self,
        identity: dict[str, Any],
        base: Callable[[], NDArray[np.float64]],
        names: list[str],
        labels: NDArray[np.int64],
        draws: int,
        seed: list[int],
        corruption: CorruptionConfig,
    ) -> None:
        self.identity = identity
        self.groups = np.repeat(np.array(names, dtype=np.bytes_), draws)
        self.ids = np.array([f"{name}-{k}" for name in names for k in range(draws)], dtype=np.bytes_)
        self.labels = np.repeat(labels, draws)
        self._base, self._draws, self._seed, self._corruption = base, draws, seed, corruption

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """The draws, [N, 1, size, size]."""
        return corrupt(np.repeat(self._base(), self._draws, axis=0), self._seed, self._corruption)

    def dataset(self, transform: Transform) -> Dataset[Any]:
        """The draws as a torch data set."""
        return ArrayImages(self.images, self.labels, transform)


def digits(config: DigitsConfig, name: str) -> Split:
    """One split of the digits. Base images are dealt out once, from the seed; no original is in two splits.

    Raises:
        WeeError: there is no such split, or there are fewer originals than the splits want.
    """
    first, count = config.dealt(name)
    targets = _digit_targets()
    mine = np.flatnonzero(np.isin(targets, config.digits))
    wanted = sum(config.base_images.values())
    if wanted > len(mine):
        raise WeeError(
            f"{config.name}.base_images wants {wanted} originals, but digits {config.digits} have {len(mine)}"
        )
    order = np.random.RandomState([config.seed, 0]).permutation(len(mine))
    chosen = np.sort(mine[order[first : first + count]])
    classes = np.full(10, NO_LABEL)
    classes[config.digits] = np.arange(len(config.digits))
    return Drawn(
        identity=config.identity(name),
        base=lambda: _digit_images()[chosen],
        names=[f"digit-{i:04d}" for i in chosen],
        labels=classes[targets[chosen]].astype(np.int64),
        draws=config.draws[name],
        seed=[config.seed, _STREAMS.get(name, 4)],
        corruption=config.corruption,
    )


def photos(config: PhotosConfig, name: str) -> Split:
    """Patches of the two photographs: whole regions, averaged down to 8x8 like the digits' originals.

    Each region is a group, although the regions of one photograph depend on each other; see `PhotosConfig`.

    Raises:
        WeeError: the split is not "test", or a region does not divide into 8x8 blocks or fit a photograph.
    """
    if config.region % 8 or not 0 < config.region <= 424:
        raise WeeError(f"{config.name}.region is {config.region}: it must be a multiple of 8, from 8 to 424")
    identity = config.identity(name)
    rows, columns = 427 // config.region, 640 // config.region
    names = [f"photo-{p}-{r:02d}-{c:02d}" for p in range(2) for r in range(rows) for c in range(columns)]
    return Drawn(
        identity=identity,
        base=lambda: _photo_patches(config.region),
        names=names,
        labels=np.full(len(names), NO_LABEL, dtype=np.int64),
        draws=config.draws,
        seed=[config.seed, 5],
        corruption=config.corruption,
    )


@cache
def _digit_images() -> NDArray[np.float64]:
    from sklearn.datasets import load_digits

    images = np.asarray(load_digits().images, dtype=np.float64) / 16
    assert images.shape == (_BASE_IMAGES, 8, 8)
    return images


@cache
def _digit_targets() -> NDArray[np.int64]:
    from sklearn.datasets import load_digits

    return np.asarray(load_digits().target, dtype=np.int64)


def _photo_patches(region: int) -> NDArray[np.float64]:
    from sklearn.datasets import load_sample_images

    patches = []
    for photo in load_sample_images().images:
        grey = np.asarray(photo, dtype=np.float64) @ [0.299, 0.587, 0.114] / 255
        rows, columns = grey.shape[0] // region, grey.shape[1] // region
        block = region // 8
        cut = grey[: rows * region, : columns * region].reshape(rows, 8, block, columns, 8, block).mean((2, 5))
        patches.append(cut.transpose(0, 2, 1, 3).reshape(-1, 8, 8))
    return np.concatenate(patches)
