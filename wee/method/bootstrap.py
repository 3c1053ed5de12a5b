"""Bootstrap intervals: how much a number would move with other samples.

Samples that depend on each other (several draws of one image, several cuts of one photograph) are drawn together, as
one group: drawn one by one they make intervals several times too narrow. The same seed draws the same groups whatever is
measured, so that two policies can be compared draw by draw.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 8 and 13 (percentile intervals).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.method.arrays import Floats, Ints
from wee.method.metrics import Metric, RankedOutcome

KEPT_BYTES = 2**27
"""Draws are kept from one point of a sweep to the next where they are no more than this."""


def group_numbers(groups: NDArray[np.bytes_]) -> Ints:
    """The groups of samples [N] as numbers from 0 on."""
    return np.unique(groups, return_inverse=True)[1].reshape(-1).astype(np.int64)


def resamples(groups: Ints, count: int, seed: int) -> Iterator[Ints]:
    """How often each sample is drawn, [N], once for each resample.

    Args:
        groups: the group of each sample [N], numbered from 0.
        count: of resamples.
        seed: of the draws.
    """
    total = int(groups.max()) + 1
    single = total == len(groups) and np.array_equal(groups, np.arange(total))
    kept = _kept_draws if 2 * total * count <= KEPT_BYTES else _draws
    for drawn in kept(total, count, seed):
        yield drawn if single else drawn[groups]


def _draws(total: int, count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each of some groups is drawn, [total], once for each resample."""
    rng = np.random.Generator(np.random.PCG64(seed))
    for _ in range(count):
        yield np.bincount(rng.integers(total, size=total), minlength=total)


@lru_cache(maxsize=8)
def _kept_draws(total: int, count: int, seed: int) -> NDArray[np.uint16]:
    """The same for every point of a sweep, so kept: [count, total]."""
    drawn = np.empty((count, total), dtype=np.uint16)
    for k, one in enumerate(_draws(total, count, seed)):
        drawn[k] = one
    return drawn


def bootstrap(
    ranking: RankedOutcome,
    metrics: Sequence[Metric],
    id_groups: Ints,
    ood_groups: Ints | None = None,
    count: int = 1000,
    seed: int = 0,
) -> Floats:
    """Every metric on every resample.

    Args:
        ranking: the outcome and its score; its OOD data, if any, is resampled too, independently.
        metrics: what to measure.
        id_groups: the group of each ID sample [N].
        ood_groups: the group of each OOD sample, where there are any.
        count: of resamples.
        seed: of the draws.

    Returns:
        [metrics, count].

    Raises:
        WeeError: there is OOD data without groups.
    """
    if ranking.ood is not None and ood_groups is None:
        raise WeeError("a bootstrap with OOD data needs the groups of its samples")
    values = np.empty((len(metrics), count))
    id_draws = resamples(id_groups, count, seed)
    ood_draws = None if ood_groups is None else resamples(ood_groups, count, seed + 1)
    for k, times in enumerate(id_draws):
        ood_times = None if ood_draws is None else next(ood_draws)
        # A resample of sorted samples is sorted: nothing is sorted here.
        again = RankedOutcome(
            ranking.outcome, ranking.score, ranking.ood, ranking.convention, times, ood_times, ranking.thresholds
        )
        for m, metric in enumerate(metrics):
            values[m, k] = metric.of_ranking(again) if metric.ranks else metric.of_outcome(ranking.outcome, times)
    return values


def at_macs(macs: Floats, values: Floats, wanted: float) -> Floats:
    """Values between the points of a curve, linear in the logarithm of MACs.

    Args:
        macs: of the points [n], ascending.
        values: at the points [n, ...].
        wanted: where to read, within the points.

    Returns:
        [...]; NaN outside the curve.
    """
    if not macs[0] <= wanted <= macs[-1]:
        return np.full(values.shape[1:], np.nan)
    above = min(max(int(np.searchsorted(macs, wanted)), 1), len(macs) - 1)
    if len(macs) == 1:
        return np.asarray(values[0])
    left, right = np.log(macs[above - 1]), np.log(macs[above])
    share = (np.log(wanted) - left) / (right - left)
    return np.asarray((1 - share) * values[above - 1] + share * values[above])
