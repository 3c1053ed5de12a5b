"""Samples in the order of descending confidence: what every curve and every threshold is read off.

Sorting is the expensive part of a cascade's numbers, and the settings of a sweep differ only in which stage each sample
leaves at. So the confidences of all stages are sorted once, together (`StageRanking`). Where each sample leaves at some
stage, its place in that order is known, and the cascade's own ranking is a selection (`StageRanking.select`), in linear
time and without a sort.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats, Ints, counts


class StageRanking:
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

    def select(self, exits: NDArray[np.integer]) -> Ranking:
        """The samples, each with its value at the stage at which it leaves [N]."""
        return Ranking(self, np.flatnonzero(exits.astype(np.int8).take(self.samples) == self.stages), self.tied)


class Ranking:
    """N samples in the order of descending confidence; equal confidences keep the order of the samples.

    Args:
        order: where they are chosen from.
        chosen: their places in it [N], ascending; the same place again where a sample counts several times.
        tied: whether any two confidences may be equal.

    Example:
        >>> ranked = Ranking.of(np.array([0.2, 0.9]), np.array([True, False]))
        >>> ranked.scores.tolist(), ranked.samples.tolist()
        ([0.9, 0.2], [1, 0])
    """

    def __init__(self, order: StageRanking, chosen: Ints, tied: bool) -> None:
        self._order, self._chosen, self.tied = order, chosen, tied

    @classmethod
    def of(cls, scores: Floats, wrong: Bools) -> Ranking:
        """Samples that have one value each [N]."""
        order = StageRanking(scores[:, None], wrong[:, None])
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

    def repeat(self, times: Ints) -> Ranking:
        """Every sample as often as a number says [number of samples, by sample]."""
        return Ranking(self._order, np.repeat(self._chosen, times[self.samples]), tied=True)


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
