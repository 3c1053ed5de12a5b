"""The scanned digits of scikit-learn, from which corrupted images are drawn. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

_COUNT = 1797


@dataclass(frozen=True)
class Originals:
    """A subset of the scanned digits.

    Attributes:
        digits: The digits of classes 0, 1, ..
        places: The indices of the originals in scikit-learn's data set [n].
    """

    digits: Sequence[int]
    places: NDArray[np.intp]

    @classmethod
    def of(cls, digits: Sequence[int]) -> Originals:
        """Return all originals of some digits."""
        return cls(digits, np.flatnonzero(np.isin(_targets(), digits)))

    def __len__(self) -> int:
        return len(self.places)

    def deal(self, seed: int, first: int, count: int) -> Originals:
        """Shuffle the originals and return a contiguous part of them, in ascending order.

        Args:
            seed: seed of the shuffling.
            first: the position of the first original of the part in the shuffled sequence.
            count: the number of originals in the part.
        """
        order = np.random.RandomState([seed, 0]).permutation(len(self))
        return Originals(self.digits, np.sort(self.places[order[first : first + count]]))

    @property
    def names(self) -> list[str]:
        """The id of each original."""
        return [f"digit-{place:04d}" for place in self.places]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each original [n]."""
        classes = np.zeros(10, dtype=np.int64)
        classes[list(self.digits)] = np.arange(len(self.digits))
        return classes[_targets()[self.places]]

    def images(self) -> NDArray[np.float64]:
        """Return the images as grey values in [0, 1], [n, 8, 8]."""
        return _images()[self.places]


@cache
def _images() -> NDArray[np.float64]:
    from sklearn.datasets import load_digits

    images = np.asarray(load_digits().images, dtype=np.float64) / 16
    assert images.shape == (_COUNT, 8, 8)
    return images


@cache
def _targets() -> NDArray[np.int64]:
    from sklearn.datasets import load_digits

    return np.asarray(load_digits().target, dtype=np.int64)
