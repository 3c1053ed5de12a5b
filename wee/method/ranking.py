"""Samples in the order of descending confidence: what every curve and every threshold is read off.

Sorting is the expensive part of a cascade's numbers, and the settings of a sweep differ only in which stage each sample
leaves at. So all stages' confidences are sorted once, together (`Order`); where each sample leaves at some stage, its place
in that order is known, and the cascade's own ranking is a selection (`Order.select`), in linear time and without a sort.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

T = TypeVar("T")


class Memo:
    """Something that keeps what has been derived from it, so that settings can share it."""

    def once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What `make` gives, computed at the first call with that key."""
        kept: dict[tuple[Any, ...], Any] = self.__dict__.setdefault("_memo", {})
        if key not in kept:
            kept[key] = make()
        return cast("T", kept[key])


class Order:
    """All that N samples may end with, S values each, in the order of descending confidence.

    Equal confidences are in the order of the samples.

    Args:
        scores: confidences [N, S], in any order.
        wrong: whether each prediction is wrong [N, S].

    Attributes:
        scores, wrong: sorted [N S].
        samples, stages: whose value each is, and of which stage [N S].
        tied: whether any two values are equal.

    Raises:
        WeeError: there is no sample, or a score is NaN.
    """

    def __init__(self, scores: Floats, wrong: Bools) -> None:
        flat = np.ascontiguousarray(scores).reshape(-1)
        order, self.tied = descending(flat)
        count = scores.shape[1]
        self.scores: Floats = flat[order]
        self.wrong: Bools = np.ascontiguousarray(wrong).reshape(-1)[order]
        self.samples: Ints = order if count == 1 else order // count
        self.stages: NDArray[np.int8] = (order % count).astype(np.int8)

    def select(self, exits: NDArray[np.integer]) -> Ranked:
        """The samples, each with its value at the stage at which it leaves [N]."""
        return Ranked(self, np.flatnonzero(exits.astype(np.int8).take(self.samples) == self.stages), self.tied)


class Ranked:
    """N samples in the order of descending confidence; equal confidences keep the order of the samples.

    Args:
        order: where they are chosen from.
        chosen: their places in it [N], ascending; the same place again where a sample counts several times.
        tied: whether any two confidences may be equal.

    Example:
        >>> ranked = Ranked.of(np.array([0.2, 0.9]), np.array([True, False]))
        >>> ranked.scores.tolist(), ranked.samples.tolist()
        ([0.9, 0.2], [1, 0])
    """

    def __init__(self, order: Order, chosen: Ints, tied: bool) -> None:
        self._order, self._chosen, self.tied = order, chosen, tied

    @classmethod
    def of(cls, scores: Floats, wrong: Bools) -> Ranked:
        """Samples that have one value each [N]."""
        order = Order(scores[:, None], wrong[:, None])
        return cls(order, np.arange(len(scores)), order.tied)

    def __len__(self) -> int:
        return len(self._chosen)

    @cached_property
    def scores(self) -> Floats:
        """Confidences [N], descending."""
        return self._order.scores.take(self._chosen)

    @cached_property
    def ascending(self) -> Floats:
        """Confidences [N], ascending."""
        return np.ascontiguousarray(self.scores[::-1])

    @cached_property
    def wrong(self) -> Bools:
        """Whether each prediction is wrong [N]."""
        return self._order.wrong.take(self._chosen)

    @cached_property
    def samples(self) -> Ints:
        """Which sample each is [N]."""
        return self._order.samples.take(self._chosen)

    @cached_property
    def ends(self) -> Ints:
        """How many samples can be accepted without splitting equal confidences [P], ascending, without 0."""
        if not self.tied:
            return counts(len(self))[1:]
        return np.append(np.flatnonzero(self.scores[:-1] != self.scores[1:]) + 1, len(self))

    def above(self, score: float, inclusive: bool = False) -> int:
        """How many samples have a higher confidence, or at least an equal one."""
        return len(self) - int(np.searchsorted(self.ascending, score, "left" if inclusive else "right"))

    def repeat(self, times: Ints) -> Ranked:
        """Every sample as often as a number says [number of samples, by sample]."""
        return Ranked(self._order, np.repeat(self._chosen, times[self.samples]), tied=True)


def descending(scores: Floats) -> tuple[Ints, bool]:
    """The order of descending confidence, equal ones in the order given; and whether there are equal ones.

    Raises:
        WeeError: there is no score, or one is NaN.
    """
    if len(scores) == 0:
        raise WeeError("a curve needs a score and a correctness a sample; there are none")
    if np.isnan(scores).any():
        raise WeeError(f"{int(np.isnan(scores).sum())} of {len(scores)} scores are NaN; NaN cannot be ranked")
    order = np.argsort(-scores)  # numpy's fastest sort is not stable; equal scores are put in order afterwards
    ranked = scores[order]
    steps = ranked[1:] != ranked[:-1]
    if steps.all():
        return order, False
    block = np.concatenate([[0], np.cumsum(steps)]) * len(scores)
    return np.sort(block + order) - block, True


@lru_cache(maxsize=8)
def counts(n: int) -> Ints:
    """0, 1, .., n; not to be written to."""
    found = np.arange(n + 1)
    found.flags.writeable = False
    return found


@lru_cache(maxsize=8)
def shares(n: int) -> Floats:
    """0, 1/n, .., 1; not to be written to."""
    found = counts(n) / n
    found.flags.writeable = False
    return found
