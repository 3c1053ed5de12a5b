"""Rankings of samples by descending confidence, which curves and thresholds are computed from.

Sorting is the expensive part of evaluating a cascade, and the settings of a sweep differ only in the stage at which each
sample leaves. The confidences of all stages are therefore sorted together once (`StageRanking`). The ranking of a cascade is
a selection from this order (`StageRanking.select`), which takes linear time and no sorting.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats, Ints, counts


class StageRanking:
    """The confidences of N samples at each of S stages, in descending order.

    Equal confidences keep the order of the samples.

    Args:
        scores: confidences [N, S], in any order.
        wrong: whether each prediction is wrong [N, S].

    Attributes:
        scores, wrong: the sorted values [N S].
        samples, stages: the sample and the stage of each value [N S].
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
        """Return the ranking of the samples, each with its value at the stage at which it leaves [N]."""
        return Ranking(self, np.flatnonzero(exits.astype(np.int8).take(self.samples) == self.stages), self.tied)


class Ranking:
    """N samples in the order of descending confidence; equal confidences keep the order of the samples.

    Args:
        order: the ranking of all stages, from which the samples are selected.
        chosen: the places of the samples in `order` [N], ascending; a place is repeated if a sample counts several times.
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
        """Return the ranking of samples that have one value each [N]."""
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
        """The index of each sample [N]."""
        return self._order.samples.take(self._chosen)

    @cached_property
    def ends(self) -> Ints:
        """The numbers of samples, other than 0, that can be accepted without splitting equal confidences [P], ascending."""
        if not self.tied:
            return counts(len(self))[1:]
        return np.append(np.flatnonzero(self.scores[:-1] != self.scores[1:]) + 1, len(self))

    def above(self, score: float, inclusive: bool = False) -> int:
        """Return the number of samples with a confidence above `score`, or, if `inclusive`, of at least `score`."""
        return len(self) - int(np.searchsorted(self.ascending, score, "left" if inclusive else "right"))

    def repeat(self, times: Ints) -> Ranking:
        """Return the ranking in which sample i occurs times[i] times (0 removes it); `times` [N] is in sample order."""
        return Ranking(self._order, np.repeat(self._chosen, times[self.samples]), tied=True)


def descending(scores: Floats) -> tuple[Ints, bool]:
    """Return the indices that sort confidences in descending order, stably, and whether there are equal confidences.

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
