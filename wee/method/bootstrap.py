"""The bootstrap over groups of samples, for intervals of metrics.

Samples that depend on each other (several draws of one image, several patches of one photograph) form a group and are
drawn together; intervals from samples drawn individually would be several times too narrow. The groups that a resample
draws depend only on the seed and not on the metric, so that two policies can be compared resample by resample.

If numba is installed (the extra `fast`), metrics are computed by compiled code in several threads (see
`wee.method.kernels`); otherwise each resample is ranked and measured separately, which takes many times longer. The
values do not depend on the number of threads. Values with and without numba are equal to the last bit if they are read
at one point of a curve or are shares; areas and means of other numbers agree to 1e-12, because the order of summation
differs.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 8 and 13 (percentile intervals).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.machine import processors
from wee.method import kernels
from wee.method.arrays import Floats, Ints, counts
from wee.method.curves import NOISY_START
from wee.method.kernels import LANES, Counts, Kind, Reading, Rows, harmonic_tables
from wee.method.metrics import Metric, RankedOutcome
from wee.method.metrics.base import Terms
from wee.method.rankings import Ranking

KEPT_BYTES = 2**30
"""Memory for draws that are cached between points of a sweep, in bytes; 5,000 resamples of 50,000 groups need 2.5e8."""

_kept: OrderedDict[tuple[int, ...], Counts] = OrderedDict()
_lock = Lock()

_NO_DRAWS = np.empty((0, LANES), dtype=np.uint8)
_NO_DRAWS.flags.writeable = (
    False  # read-only like the draws, because numba types read-only and writable arrays differently
)

Part = Callable[..., Floats]
"""A function of `width` and the `draws` of ID and, if any, OOD groups that returns metrics on resamples [metrics, width]."""


def group_numbers(groups: NDArray[np.bytes_]) -> Ints:
    """Return the number of each sample's group [N], counted from 0."""
    return np.unique(groups, return_inverse=True)[1].reshape(-1).astype(np.int64)


def draws(total: int, number: int, seed: int = 0, stream: int = 0) -> Counts:
    """Return how often each group is drawn in each of `LANES` resamples.

    Each resample has its own random stream, so it does not depend on the order, the thread or the number of resamples. The
    most recently used draws are cached, up to `KEPT_BYTES`.

    Args:
        total: the number of groups.
        number: the index of the block of resamples, which starts at resample `number * LANES`.
        seed: seed of the draws.
        stream: draws with the same seed and different streams are independent: 0 for ID samples, 1 for OOD samples.

    Returns:
        Read-only array [total, LANES]; each column has the sum `total`.
    """
    key = (total, number, seed, stream)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    rows = np.empty((LANES, total), dtype=np.uint32)
    for lane in range(LANES):
        sequence = np.random.SeedSequence(seed, spawn_key=(stream, number * LANES + lane))
        rng = np.random.Generator(np.random.PCG64(sequence))
        rows[lane] = np.bincount(rng.integers(total, size=total), minlength=total)
    # One byte for each count, unless a group is drawn more than 255 times, which has a probability below 1e-500.
    block: Counts = np.ascontiguousarray(rows.astype(np.min_scalar_type(rows.max())).T)
    block.flags.writeable = False
    with _lock:
        _kept[key] = block
        while sum(kept.nbytes for kept in _kept.values()) > KEPT_BYTES:
            _kept.popitem(last=False)
    return block


def bootstrap(
    ranking: RankedOutcome,
    metrics: Sequence[Metric],
    id_groups: Ints,
    ood_groups: Ints | None = None,
    count: int = 1000,
    seed: int = 0,
) -> Floats:
    """Compute metrics on bootstrap resamples.

    Args:
        ranking: the outcome and its score; its OOD data, if any, is resampled too, independently.
        metrics: the metrics to compute.
        id_groups: the group of each ID sample [N], numbered from 0.
        ood_groups: the group of each OOD sample; None if there are no OOD samples.
        count: the number of resamples.
        seed: seed of the draws.

    Returns:
        The value of each metric on each resample [metrics, count].

    Raises:
        WeeError: there is OOD data without groups.
    """
    groups = [id_groups]
    if ranking.ood is not None:
        if ood_groups is None:
            raise WeeError("a bootstrap with OOD data needs the groups of its samples")
        groups.append(ood_groups)
    totals = [int(numbers.max()) + 1 for numbers in groups]
    parts = _parts(ranking, metrics, groups)
    values = np.empty((len(metrics), count))

    def measure(number: int) -> None:
        start = number * LANES
        width = min(LANES, count - start)
        drawn = [draws(total, number, seed, stream) for stream, total in enumerate(totals)]
        for places, part in parts:
            values[places, start : start + width] = part(width, *drawn)

    numbers = range(-(-count // LANES))
    if kernels.load() and len(numbers) > 1:
        with ThreadPoolExecutor(processors()) as threads:
            list(threads.map(measure, numbers))
    else:
        for number in numbers:
            measure(number)
    return values


def prepare(
    ranking: RankedOutcome,
    metrics: Sequence[Metric],
    id_groups: Ints,
    ood_groups: Ints | None = None,
    count: int = 1000,
    seed: int = 0,
) -> None:
    """Load the compiled code and make draws, so that processes that are forked afterwards have both from the start.

    Args:
        ranking: a ranking like those that will be resampled.
        metrics, id_groups, ood_groups, count, seed: the arguments of `bootstrap`.
    """
    bootstrap(ranking, metrics, id_groups, ood_groups, count=1, seed=seed)
    totals = [int(groups.max()) + 1 for groups in (id_groups, ood_groups) if groups is not None]
    if sum(totals) * count > KEPT_BYTES:  # one byte for each count
        return
    wanted = [(total, number, stream) for stream, total in enumerate(totals) for number in range(-(-count // LANES))]
    with ThreadPoolExecutor(processors()) as threads:
        list(threads.map(lambda block: draws(block[0], block[1], seed, block[2]), wanted))


def _parts(ranking: RankedOutcome, metrics: Sequence[Metric], groups: Sequence[Ints]) -> list[tuple[list[int], Part]]:
    """Return functions that compute groups of metrics, each with the indices of its metrics."""
    if not kernels.load():
        return [(list(range(len(metrics))), _one_by_one(ranking, metrics, groups))]
    readings = {
        place: reading
        for place, metric in enumerate(metrics)
        if metric.ranks and (reading := metric.reading(ranking)) is not None
    }
    terms = {
        place: terms
        for place, metric in enumerate(metrics)
        if not metric.ranks and (terms := metric.terms(ranking.outcome)) is not None
    }
    unknown = [place for place in range(len(metrics)) if place not in readings and place not in terms]
    parts = []
    if terms:
        scales = np.array([[metrics[place].kind.scale] for place in terms])
        parts.append((list(terms), _means(list(terms.values()), scales, groups[0])))
    if unknown:
        parts.append((unknown, _one_by_one(ranking, [metrics[place] for place in unknown], groups)))
    if readings:
        ranked = ranking.ranked if ranking.ood is None else ranking.beside
        # The generalised curve of the paper's convention has a point after every sample, even among equal scores.
        split = [k for k, reading in readings.items() if ranked.tied and reading.kind == Kind.AUGRC_PAPER]
        for places in ([k for k in readings if k not in split], split):
            if places:
                scales = np.array([[metrics[place].kind.scale] for place in places])
                chosen = [readings[place] for place in places]
                blocks = places is not split
                parts.append((places, _read(ranked, chosen, scales, groups, blocks, ranking.ood_share)))
    return parts


def _one_by_one(ranking: RankedOutcome, metrics: Sequence[Metric], groups: Sequence[Ints]) -> Part:
    """Return a function that ranks and measures each resample separately."""

    def part(width: int, *drawn: Counts) -> Floats:
        values = np.empty((len(metrics), width))
        for lane in range(width):
            times = [block[:, lane][numbers].astype(np.int64) for block, numbers in zip(drawn, groups, strict=True)]
            # A resample of sorted samples is sorted, so that no sorting is necessary here.
            id_times, ood_times = times if len(times) > 1 else (times[0], None)
            resampled = RankedOutcome(
                ranking.outcome,
                ranking.score,
                ranking.ood,
                ranking.convention,
                id_times,
                ood_times,
                ranking.thresholds,
                ranking.ood_share,
            )
            for m, metric in enumerate(metrics):
                values[m, lane] = (
                    metric.of_ranking(resampled) if metric.ranks else metric.of_outcome(ranking.outcome, times[0])
                )
        return values

    return part


def _means(terms: Sequence[Terms], scales: Floats, id_groups: Ints) -> Part:
    """Return a function that computes metrics of the predictions alone with compiled code.

    Args:
        terms: the terms of each metric.
        scales: factors of the metrics [metrics, 1].
        id_groups: the groups of the ID samples [N].
    """
    columns = [np.bincount(id_groups)[:, None].astype(np.float64)]
    for values, bins in terms:
        width = 1 if bins is None else int(bins.max()) + 1
        cells = id_groups * width + (0 if bins is None else bins)
        sums = np.bincount(cells, values, minlength=len(columns[0]) * width)
        columns.append(sums.reshape(-1, width).astype(np.float64))
    table = np.concatenate(columns, axis=1)
    ends = np.cumsum([column.shape[1] for column in columns])

    def part(width: int, id_counts: Counts, ood_counts: Counts = _NO_DRAWS) -> Floats:
        sums = kernels.weigh(id_counts, table)[:, :width]
        means = [np.abs(sums[start:end]).sum(axis=0) / sums[0] for start, end in pairwise(ends)]
        return np.asarray(scales * means)

    return part


def _read(
    ranked: Ranking,
    readings: Sequence[Reading],
    scales: Floats,
    groups: Sequence[Ints],
    blocks: bool,
    ood_share: float,
) -> Part:
    """Return a function that computes metrics of a ranking with compiled code.

    Args:
        ranked: the ranking of the ID samples, or of the ID and the OOD samples.
        readings: the kind and the parameter of each metric.
        scales: factors of the metrics [readings, 1].
        groups: the groups of the ID samples and, if any, of the OOD samples.
        blocks: whether equal scores form a block; otherwise each row is a block.
        ood_share: the share of OOD data in the mixture.
    """
    ends = ranked.ends if blocks else counts(len(ranked))[1:]
    lengths = np.diff(ends, prepend=0)
    rows = Rows(
        np.concatenate([groups[0], *(~numbers for numbers in groups[1:])])[ranked.samples].astype(np.int32),
        ranked.wrong,
        np.repeat(ends - lengths, lengths),
        np.repeat(ends, lengths),
    )
    kinds = np.array([reading.kind for reading in readings], dtype=np.int64)
    parameters = np.array(
        [ranked.above(parameter, inclusive=True) if kind.at_threshold else parameter for kind, parameter in readings],
        dtype=np.float64,
    )
    sizes = np.bincount(groups[0])[:, None].astype(np.float64)

    def part(width: int, id_counts: Counts, ood_counts: Counts = _NO_DRAWS) -> Floats:
        most = 0
        if Kind.AURC_PAPER in kinds and len(groups) == 1:
            most = len(groups[0]) if sizes.min() == sizes.max() else int(kernels.weigh(id_counts, sizes).max())
        tables = harmonic_tables(most)
        values = kernels.read(rows, id_counts, ood_counts, kinds, parameters, tables, NOISY_START, ood_share)
        return np.asarray(scales * values[:, :width])

    return part


def at_macs(macs: Floats, values: Floats, wanted: float) -> Floats:
    """Interpolate values between the points of a curve, linearly in the logarithm of MACs.

    Args:
        macs: MACs of the points [n], ascending.
        values: values at the points [n, ...].
        wanted: the MACs at which to interpolate.

    Returns:
        The interpolated values [...]; NaN outside the curve.
    """
    if not macs[0] <= wanted <= macs[-1]:
        return np.full(values.shape[1:], np.nan)
    above = min(max(int(np.searchsorted(macs, wanted)), 1), len(macs) - 1)
    if len(macs) == 1:
        return np.asarray(values[0])
    left, right = np.log(macs[above - 1]), np.log(macs[above])
    share = (np.log(wanted) - left) / (right - left) if right > left else 1.0
    return np.asarray((1 - share) * values[above - 1] + share * values[above])
