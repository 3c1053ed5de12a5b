"""Functions that compute metrics on bootstrap resamples of a ranking, compiled by numba.

A resample is a count for each group of samples: how often the group was drawn. `LANES` resamples (*lanes*) are processed
at a time, and their counts of a group are contiguous in memory. A resample of a sorted ranking is sorted, so there is no
sorting here. `_walk` accumulates the counts along the ranking, once for all metrics, and stores the sums at every
`STRIDE`-th row. A value that depends on one point of a curve is found between two of these rows, and only the rows between
them are processed again. A value that depends on all points is accumulated by `_walk` or in one more pass.

The operations in each lane are those of `wee.method.curves` and `wee.method.detection`: values that are read at a point are
equal to the last bit, and areas are equal up to the order of summation.

A metric is passed to these functions as a `Reading`: a kind and a parameter. A metric of a known kind with another name or
parameter therefore needs no other compiled code.

Importing this module does not import numba; `load` does. All code that is compiled is in this file, because numba
recompiles cached functions only if their file changes.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from wee.method.arrays import Bools, Floats, Ints

LANES = 64
"""Number of resamples that are processed at a time. It is a constant, so that the compiler can vectorise over lanes."""

STRIDE = 64
"""Number of rows of a ranking between two stored sums."""

_LINE = 64
"""Number of bytes that a processor reads from memory at once."""

Int32s = NDArray[np.int32]
Counts = NDArray[np.unsignedinteger[Any]]
F = TypeVar("F", bound=Callable[..., Any])


class Kind(IntEnum):
    """Kinds of values of a ranking of ID samples, or of ID and OOD samples.

    `PAPER` and `STRICT` are the conventions of `wee.method.curves`. The parameter is a share in [0, 1] for the first six
    kinds, an acceptance threshold (a score) for those `AT_THRESHOLD`, and has no meaning for the others.
    """

    COVERAGE_PAPER = 0
    """The coverage at a risk, on ID samples alone."""
    COVERAGE_STRICT = 1
    RISK_PAPER = 2
    """The risk at a coverage of the ID samples; with OOD samples, the risk in the mixture."""
    RISK_STRICT = 3
    FPR_PAPER = 4
    """The share of OOD samples that are accepted when a share of the ID samples is accepted."""
    FPR_STRICT = 5
    COVERAGE_AT_THRESHOLD = 6
    """The share of ID samples whose score is at least the threshold."""
    FPR_AT_THRESHOLD = 7
    """The share of OOD samples whose score is at least the threshold."""
    RISK_AT_THRESHOLD = 8
    """The risk among samples whose score is at least the threshold, in the mixture if there are OOD samples; 0 if none is."""
    AURC_PAPER = 9
    AURC_STRICT = 10
    AUGRC_PAPER = 11
    AUGRC_STRICT = 12
    ERROR_AUROC = 13
    """The AUROC of correct predictions against errors, on ID samples alone; NaN if one of both sets is empty."""
    AUROC = 14
    """The AUROC of ID against OOD samples."""
    AUPR_IN = 15
    """The average precision with ID samples as positives."""
    AUPR_OUT = 16
    """The average precision with OOD samples as positives."""

    @property
    def at_threshold(self) -> bool:
        """Whether the parameter is an acceptance threshold."""
        return self in (Kind.COVERAGE_AT_THRESHOLD, Kind.FPR_AT_THRESHOLD, Kind.RISK_AT_THRESHOLD)


class Reading(NamedTuple):
    """A value of a ranking.

    Attributes:
        kind: the kind of the value.
        parameter: the share or threshold at which it is read, for kinds with a parameter.
    """

    kind: Kind
    parameter: float = 0.0


class Rows(NamedTuple):
    """The samples of a ranking by descending confidence, in one row each.

    Attributes:
        groups: the group of each sample [N]; for an OOD sample `~group`, which is negative.
        wrong: whether the prediction for an ID sample is wrong [N].
        starts: the first row with the same score [N].
        stops: the row after the last one with the same score [N].
    """

    groups: Int32s
    wrong: Bools
    starts: Ints
    stops: Ints


class Walk(NamedTuple):
    """A ranking, `LANES` resamples of it, and the numbers of samples above every `STRIDE`-th row.

    Attributes:
        rows: the ranking.
        id_counts: how often each ID group was drawn [groups, LANES].
        ood_counts: how often each OOD group was drawn [groups, LANES]; no groups if there are no OOD samples.
        states: numbers of ID samples, of errors among them, and of OOD samples above a row [rows, 3, LANES].
        ood_share: the share of OOD data in the mixture, in (0, 1).
    """

    rows: Rows
    id_counts: Counts
    ood_counts: Counts
    states: Int32s
    ood_share: float


_KERNELS: list[str] = []


def _kernel(function: F) -> F:
    """Mark a function for compilation by `load`."""
    _KERNELS.append(function.__name__)
    return function


@lru_cache(maxsize=1)
def load() -> bool:
    """Replace the functions of this module by compiled ones, if numba is installed.

    Functions are compiled at the first call, which takes some seconds, and cached on disk if a folder is writable: the one
    next to this file, or the user's cache folder.

    Returns:
        Whether numba is installed.
    """
    try:
        import numba
    except ImportError:
        return False
    compiled: Any = partial(numba.njit, nogil=True, error_model="numpy")
    for name in _KERNELS:
        function = globals()[name]
        if name.startswith("_"):  # called only from compiled code, and cached as a part of it
            globals()[name] = compiled(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
            continue
        try:
            globals()[name] = compiled(cache=True)(function)
        except RuntimeError:  # there is no writable folder for the cache
            globals()[name] = compiled()(function)
    return True


@_kernel
def _fetched(counts: Counts) -> int:
    """Read an array from the first to the last byte, so that it is in the processor's cache; return the sum of some counts.

    Rankings read the groups in random order. From main memory, that takes 2.5 times as long as reading them in order first.
    """
    flat, total = counts.reshape(counts.size), 0
    for k in range(0, flat.size, _LINE // flat.itemsize):
        total += flat[k]
    return total


@_kernel
def _walk(rows: Rows, id_counts: Counts, ood_counts: Counts, kinds: Ints, tails: Floats) -> tuple[Int32s, Floats]:
    """Accumulate the counts of resamples along a ranking.

    Args:
        rows: the ranking.
        id_counts: how often each ID group was drawn [groups, LANES].
        ood_counts: how often each OOD group was drawn [groups, LANES].
        kinds: the kinds of values to compute; sums that no kind needs stay 0.
        tails: row 1 of `harmonic_tables`.

    Returns:
        (states, sums). states [rows, 3, LANES]: the numbers of ID samples, errors and OOD samples above every `STRIDE`-th row
        and at the end. sums [4, LANES]: the number of pairs of an error and an ID sample that is ranked above it, counted
        twice, or once if both have the same score (an error and itself included); the same for errors and OOD samples; the
        same for OOD and ID samples; and for each error at position i, counted from 1, the sum of 1 / i to 1 / the last number
        in the table.
    """
    count, mixed = len(rows.groups), len(ood_counts) > 0
    fetched = _fetched(id_counts) + _fetched(ood_counts)
    pairs = harmonic = False
    for kind in kinds:
        harmonic |= kind == Kind.AURC_PAPER and not mixed
        pairs |= kind in (Kind.AUGRC_PAPER, Kind.AUGRC_STRICT, Kind.ERROR_AUROC, Kind.AUROC)
    blocks = (count + STRIDE - 1) // STRIDE
    states = np.zeros((blocks + 1, 3, LANES), dtype=np.int32)
    sums = np.zeros((4, LANES))
    # Flat views, so that the compiler knows the strides.
    counts_flat, sums_flat = states.reshape(states.size), sums.reshape(sums.size)
    above = np.zeros(3 * LANES, dtype=np.int32)
    if fetched < 0:  # never: but without a use of the sum, the compiler would leave out the reading
        return states, sums
    for block in range(blocks):
        ids = (block + 1) * 3 * LANES
        errors, oods = ids + LANES, ids + 2 * LANES
        for k in range(3 * LANES):
            counts_flat[ids + k] = counts_flat[ids - 3 * LANES + k]
        for row in range(block * STRIDE, min((block + 1) * STRIDE, count)):
            group = rows.groups[row]
            alone = rows.stops[row] - rows.starts[row] == 1
            if pairs and not alone and rows.starts[row] == row:
                for k in range(3 * LANES):
                    above[k] = counts_flat[ids + k]
            if group < 0:
                if pairs and alone:
                    for lane in range(LANES):
                        sums_flat[2 * LANES + lane] += 2.0 * ood_counts[~group, lane] * counts_flat[ids + lane]
                for lane in range(LANES):
                    counts_flat[oods + lane] += ood_counts[~group, lane]
            else:
                if rows.wrong[row]:
                    if harmonic:
                        for lane in range(LANES):
                            first = counts_flat[ids + lane]
                            sums_flat[3 * LANES + lane] += tails[first] - tails[first + id_counts[group, lane]]
                    if pairs and alone:
                        for lane in range(LANES):
                            times = float(id_counts[group, lane])
                            sums_flat[lane] += times * (2.0 * counts_flat[ids + lane] + times)
                        if mixed:
                            for lane in range(LANES):
                                sums_flat[LANES + lane] += 2.0 * id_counts[group, lane] * counts_flat[oods + lane]
                    for lane in range(LANES):
                        counts_flat[errors + lane] += id_counts[group, lane]
                for lane in range(LANES):
                    counts_flat[ids + lane] += id_counts[group, lane]
            if pairs and not alone and rows.stops[row] == row + 1:
                for lane in range(LANES):
                    both_ids = float(counts_flat[ids + lane]) + above[lane]
                    both_oods = float(counts_flat[oods + lane]) + above[2 * LANES + lane]
                    new_errors = float(counts_flat[errors + lane]) - above[LANES + lane]
                    sums_flat[lane] += new_errors * both_ids
                    sums_flat[LANES + lane] += new_errors * both_oods
                    sums_flat[2 * LANES + lane] += (
                        float(counts_flat[oods + lane]) - above[2 * LANES + lane]
                    ) * both_ids
    return states, sums


@_kernel
def _state(walk: Walk, position: int, lane: int) -> tuple[int, int, int]:
    """Return the numbers of ID samples, errors and OOD samples in the first `position` rows."""
    block = position // STRIDE
    ids, errors, oods = walk.states[block, 0, lane], walk.states[block, 1, lane], walk.states[block, 2, lane]
    for row in range(block * STRIDE, position):
        group = walk.rows.groups[row]
        if group < 0:
            oods += walk.ood_counts[~group, lane]
        else:
            times = walk.id_counts[group, lane]
            ids += times
            errors += times * walk.rows.wrong[row]
    return ids, errors, oods


@_kernel
def _row_of(walk: Walk, number: int, lane: int) -> int:
    """Return the row of the ID sample with index `number` in the resample, counted from 0."""
    low, high = 0, len(walk.states) - 2
    while low < high:
        middle = (low + high) // 2
        if walk.states[middle + 1, 0, lane] > number:
            high = middle
        else:
            low = middle + 1
    row, ids = low * STRIDE, walk.states[low, 0, lane]
    while True:
        group = walk.rows.groups[row]
        if group >= 0:
            ids += walk.id_counts[group, lane]
        if ids > number:
            return row
        row += 1


@_kernel
def _nearest(share: float, count: int) -> int:
    """Return the smallest number in 0 .. count for which number / count is nearest to `share`."""
    first = min(max(int(share * count) - 2, 0), count)
    nearest = first
    for number in range(first + 1, min(first + 6, count + 1)):
        if abs(number / count - share) < abs(nearest / count - share):
            nearest = number
    return nearest


@_kernel
def _least(share: float, count: int) -> int:
    """Return the smallest number in 0 .. count for which number / count is at least `share`."""
    number = min(max(int(share * count) - 2, 0), count)
    while number < count and number / count < share:
        number += 1
    return number


@_kernel
def _coverage_paper(walk: Walk, risk: float, noisy_start: int) -> Floats:
    """Return the coverage at the first point whose risk is nearest to `risk` [LANES]."""
    states = walk.states.reshape(walk.states.size)  # a flat view, so that the compiler knows the strides
    blocks, end = len(walk.states) - 1, 3 * LANES * (len(walk.states) - 1)
    firsts = np.empty(LANES, dtype=np.int32)
    for lane in range(LANES):
        firsts[lane] = min(noisy_start, states[end + lane] // 2)
    bounds = np.full(LANES, np.inf)  # the distance of some point
    for block in range(1, blocks + 1):
        for lane in range(LANES):
            ids, errors = states[3 * LANES * block + lane], states[3 * LANES * block + LANES + lane]
            distance = abs(errors / max(ids, 1) - risk)
            bounds[lane] = min(bounds[lane], distance if ids >= max(firsts[lane], 1) else np.inf)
    points, distances = np.zeros(LANES), np.empty(LANES)
    best = np.empty(LANES)
    for lane in range(LANES):
        best[lane] = risk if firsts[lane] == 0 else np.inf
    for block in range(blocks):
        ids_at, near = 3 * LANES * block, 0
        for lane in range(LANES):
            ids, errors = states[ids_at + lane], states[ids_at + LANES + lane]
            last, last_errors = states[ids_at + 3 * LANES + lane], states[ids_at + 4 * LANES + lane]
            # The risk grows with every error and falls with every correct prediction, so it is within these limits.
            lowest = errors / max(errors + last - last_errors, 1)
            highest = last_errors / max(last_errors + ids - errors, 1)
            distance = max(lowest - risk, risk - highest)
            distances[lane] = distance if last >= firsts[lane] and last > ids else np.inf
            near += distances[lane] <= bounds[lane]
        if not near:
            continue
        for lane in range(LANES):
            if distances[lane] > bounds[lane] or distances[lane] >= best[lane]:
                continue
            ids, errors = states[ids_at + lane], states[ids_at + LANES + lane]
            for row in range(block * STRIDE, min((block + 1) * STRIDE, len(walk.rows.groups))):
                for _ in range(walk.id_counts[walk.rows.groups[row], lane]):
                    ids += 1
                    errors += walk.rows.wrong[row]
                    if ids >= firsts[lane] and abs(errors / ids - risk) < best[lane]:
                        points[lane], best[lane] = ids, abs(errors / ids - risk)
    for lane in range(LANES):
        points[lane] /= states[end + lane]
    return points


@_kernel
def _coverage_strict(walk: Walk, risk: float, lane: int) -> float:
    """Return the coverage at the last point whose risk is at most `risk`."""
    states = walk.states
    for block in range(len(states) - 2, -1, -1):
        ids, errors = states[block, 0, lane], states[block, 1, lane]
        right = states[block + 1, 0, lane] - states[block + 1, 1, lane]
        if errors and errors / (errors + right) > risk:
            continue  # as in `_coverage_paper`, this is a lower limit of the risk
        point = -1
        for row in range(block * STRIDE, min((block + 1) * STRIDE, len(walk.rows.groups))):
            times = walk.id_counts[walk.rows.groups[row], lane]
            ids += times
            errors += times * walk.rows.wrong[row]
            if walk.rows.stops[row] == row + 1 and ids and errors / ids <= risk:
                point = ids
        if point >= 0:
            return float(point / states[-1, 0, lane])
    return 0.0


@_kernel
def _risk_of(walk: Walk, position: int, lane: int) -> float:
    """Return the risk among the first `position` rows, in the mixture if there are OOD samples; 0 if nothing is accepted."""
    ids, errors, oods = _state(walk, position, lane)
    if len(walk.ood_counts) == 0:
        return float(errors / ids if ids else 0.0)
    id_weight, ood_weight = (1 - walk.ood_share) / walk.states[-1, 0, lane], walk.ood_share / walk.states[-1, 2, lane]
    weight = ids * id_weight + oods * ood_weight
    return float((errors * id_weight + oods * ood_weight) / weight if weight else 0.0)


@_kernel
def _risk_paper(walk: Walk, coverage: float, lane: int) -> float:
    """Return the risk at the point with the nearest coverage of ID samples; in a mixture, above the threshold of that point."""
    count = walk.states[-1, 0, lane]
    point = _nearest(coverage, count)
    if len(walk.ood_counts):
        return _risk_of(walk, walk.rows.starts[_row_of(walk, min(point, count - 1), lane)], lane)
    if point == 0:
        return 0.0
    row = _row_of(walk, point - 1, lane)
    ids, errors, _ = _state(walk, row, lane)
    return float((errors + (point - ids) * walk.rows.wrong[row]) / point)


@_kernel
def _risk_strict(walk: Walk, coverage: float, lane: int) -> float:
    """Return the risk at the first point whose coverage of ID samples is at least `coverage`."""
    point = _least(coverage, walk.states[-1, 0, lane])
    return _risk_of(walk, walk.rows.stops[_row_of(walk, point - 1, lane)], lane) if point else 0.0


@_kernel
def _fpr_paper(walk: Walk, share: float, lane: int) -> float:
    """Return the share of OOD samples accepted at the smallest observed score whose recall is nearest to a share.

    See `wee.method.detection.ranked_fpr_at`, which considers the same numbers of accepted ID samples.
    """
    count = walk.states[-1, 0, lane]
    candidate = min(int(share * count), count)
    if candidate < count:
        candidate = _state(walk, walk.rows.starts[_row_of(walk, candidate, lane)], lane)[0]
    best = candidate
    if candidate == 0 and _state(walk, walk.rows.starts[_row_of(walk, candidate, lane)], lane)[2] == 0:
        best = -1  # every observed score accepts an ID sample
    for _ in range(2):
        if candidate < count:
            candidate = _state(walk, walk.rows.stops[_row_of(walk, candidate, lane)], lane)[0]
        if best < 0 or abs(candidate / count - share) <= abs(best / count - share):
            best = candidate
    if best == count:
        return 1.0
    return float(_state(walk, walk.rows.starts[_row_of(walk, best, lane)], lane)[2] / walk.states[-1, 2, lane])


@_kernel
def _fpr_strict(walk: Walk, share: float, lane: int) -> float:
    """Return the share of OOD samples accepted at the largest threshold that accepts at least a share of the ID samples."""
    point = max(_least(share, walk.states[-1, 0, lane]), 1)
    return float(_state(walk, walk.rows.stops[_row_of(walk, point - 1, lane)], lane)[2] / walk.states[-1, 2, lane])


@_kernel
def _at_threshold(walk: Walk, kind: int, position: int, lane: int) -> float:
    """Return the share of ID or OOD samples among the first `position` rows, or the risk, if these rows are accepted."""
    ids, errors, oods = _state(walk, position, lane)
    coverage = float(ids / walk.states[-1, 0, lane])
    false_positives = float(oods / walk.states[-1, 2, lane]) if len(walk.ood_counts) else 0.0
    if kind == Kind.COVERAGE_AT_THRESHOLD:
        return coverage
    if kind == Kind.FPR_AT_THRESHOLD:
        return false_positives
    if len(walk.ood_counts) == 0:
        return float(errors / ids if ids else 0.0)
    id_errors, ood_weight = errors / walk.states[-1, 0, lane], walk.ood_share * false_positives
    weight = (1 - walk.ood_share) * coverage + ood_weight
    return float(((1 - walk.ood_share) * id_errors + ood_weight) / weight if weight else 0.0)


@_kernel
def _aurc_mixed(rows: Rows, id_counts: Counts, ood_counts: Counts, weight: Floats) -> Floats:
    """Return twice the area under the risk of a mixture over the accepted weight, with a point after every sample [LANES].

    Args:
        rows: the ranking.
        id_counts: how often each ID group was drawn [groups, LANES].
        ood_counts: how often each OOD group was drawn [groups, LANES].
        weight: the weight of an OOD sample relative to an ID sample [LANES].
    """
    work = np.zeros(4 * LANES)  # accepted weight, weight in error, risk, and the sum
    for row in range(len(rows.groups)):
        group, most = rows.groups[row], 0
        is_ood, is_error = group < 0, group < 0 or rows.wrong[row]
        for lane in range(LANES):
            most = max(most, ood_counts[~group, lane] if is_ood else id_counts[group, lane])
        for copy in range(most):
            for lane in range(LANES):
                if is_ood:
                    step = weight[lane] if copy < ood_counts[~group, lane] else 0.0
                else:
                    step = 1.0 if copy < id_counts[group, lane] else 0.0
                accepted = work[lane] + step
                cost = work[LANES + lane] + (step if is_error else 0.0)
                risk = cost / max(accepted, 1e-300)
                work[3 * LANES + lane] += (work[2 * LANES + lane] + risk) * step
                work[lane], work[LANES + lane], work[2 * LANES + lane] = accepted, cost, risk
    return work[3 * LANES :]


@_kernel
def _aurc_strict(rows: Rows, id_counts: Counts, ood_counts: Counts, weight: Floats) -> Floats:
    """Return the area of `_aurc_mixed` with a point after each block of equal scores, and the first risk down to coverage 0."""
    work = np.zeros(5 * LANES)  # accepted weight, weight in error, accepted weight above the block, risk, and the sum
    for row in range(len(rows.groups)):
        group = rows.groups[row]
        if group < 0:
            for lane in range(LANES):
                step = ood_counts[~group, lane] * weight[lane]
                work[lane] += step
                work[LANES + lane] += step
        else:
            for lane in range(LANES):
                work[lane] += float(id_counts[group, lane])
            if rows.wrong[row]:
                for lane in range(LANES):
                    work[LANES + lane] += float(id_counts[group, lane])
        if rows.stops[row] == row + 1:
            for lane in range(LANES):
                accepted, before = work[lane], work[2 * LANES + lane]
                risk = work[LANES + lane] / max(accepted, 1e-300)
                last_risk = work[3 * LANES + lane] if before > 0 else risk
                work[4 * LANES + lane] += (last_risk + risk) * (accepted - before)
                work[2 * LANES + lane], work[3 * LANES + lane] = accepted, risk
    return work[4 * LANES :]


@_kernel
def _precision(rows: Rows, id_counts: Counts, ood_counts: Counts, totals: Int32s, of_ood: bool) -> Floats:
    """Return the sum of the precisions at the positives over blocks of equal scores [LANES].

    If OOD samples are the positives, they are ranked by ascending score.
    """
    work = np.zeros(5 * LANES)  # numbers of ID and OOD samples, the same above the block, and the sum
    for row in range(len(rows.groups)):
        group = rows.groups[row]
        if group < 0:
            for lane in range(LANES):
                work[LANES + lane] += float(ood_counts[~group, lane])
        else:
            for lane in range(LANES):
                work[lane] += float(id_counts[group, lane])
        if rows.stops[row] == row + 1:
            for lane in range(LANES):
                ids, oods = work[lane], work[LANES + lane]
                ids_above, oods_above = work[2 * LANES + lane], work[3 * LANES + lane]
                if of_ood:
                    new, positives = oods - oods_above, totals[2, lane] - oods_above
                    every = positives + totals[0, lane] - ids_above
                else:
                    new, positives, every = ids - ids_above, ids, ids + oods
                work[4 * LANES + lane] += new * (positives / max(every, 1.0))
                work[2 * LANES + lane], work[3 * LANES + lane] = ids, oods
    return work[4 * LANES :]


@_kernel
def read(
    rows: Rows,
    id_counts: Counts,
    ood_counts: Counts,
    kinds: Ints,
    parameters: Floats,
    tables: Floats,
    noisy_start: int,
    ood_share: float,
) -> Floats:
    """Compute values of a ranking on every resample.

    Args:
        rows: the ranking. For `AUGRC_PAPER` every row must be a separate block.
        id_counts: how often each ID group was drawn [groups, LANES].
        ood_counts: how often each OOD group was drawn [groups, LANES]; no groups if there are no OOD samples.
        kinds: the kinds of the values [kinds].
        parameters: the parameter of each value [kinds]; for kinds at a threshold, the number of rows with at least that score.
        tables: `harmonic_tables` for at least the number of ID samples.
        noisy_start: `wee.method.curves.NOISY_START`.
        ood_share: the share of OOD data in the mixture, in (0, 1); it has no meaning without OOD samples.

    Returns:
        The values [kinds, LANES].
    """
    mixed = len(ood_counts) > 0
    states, sums = _walk(rows, id_counts, ood_counts, kinds, tables[1])
    walk, totals = Walk(rows, id_counts, ood_counts, states, ood_share), states[-1]
    weight = np.zeros(LANES)  # weight of an OOD sample relative to an ID sample
    if mixed:
        for lane in range(LANES):
            weight[lane] = ood_share / (1 - ood_share) * (totals[0, lane] / totals[2, lane])
    values, of_lanes = np.empty((len(kinds), LANES)), weight
    for k in range(len(kinds)):
        kind, at = kinds[k], parameters[k]
        if kind == Kind.AURC_STRICT:
            of_lanes = _aurc_strict(rows, id_counts, ood_counts, weight)
        elif kind == Kind.AURC_PAPER and mixed:
            of_lanes = _aurc_mixed(rows, id_counts, ood_counts, weight)
        elif kind == Kind.COVERAGE_PAPER:
            of_lanes = _coverage_paper(walk, at, noisy_start)
        elif kind in (Kind.AUPR_IN, Kind.AUPR_OUT):
            of_lanes = _precision(rows, id_counts, ood_counts, totals, kind == Kind.AUPR_OUT)
        for lane in range(LANES):
            ids, errors, oods = float(totals[0, lane]), float(totals[1, lane]), float(totals[2, lane])
            every, cost = ids + oods * weight[lane], errors + oods * weight[lane]
            if kind == Kind.COVERAGE_PAPER:
                value = of_lanes[lane]
            elif kind == Kind.COVERAGE_STRICT:
                value = _coverage_strict(walk, at, lane)
            elif kind == Kind.RISK_PAPER:
                value = _risk_paper(walk, at, lane)
            elif kind == Kind.RISK_STRICT:
                value = _risk_strict(walk, at, lane)
            elif kind == Kind.FPR_PAPER:
                value = _fpr_paper(walk, at, lane)
            elif kind == Kind.FPR_STRICT:
                value = _fpr_strict(walk, at, lane)
            elif kind == Kind.AURC_PAPER and not mixed:
                # An error at position i adds 1 / i to the risk there, 1 / (i + 1) at the next point, and so on.
                tail = tables[0, totals[0, lane]] - tables[0, -1]
                value = (sums[3, lane] + errors * tail - errors / ids / 2) / ids
            elif kind in (Kind.AURC_PAPER, Kind.AURC_STRICT):
                value = of_lanes[lane] / (2 * every)
            elif kind in (Kind.AUGRC_PAPER, Kind.AUGRC_STRICT):
                # Pairs of OOD samples need not be counted: there are oods ** 2.
                twice = sums[0, lane] + weight[lane] * (sums[1, lane] + sums[2, lane] + weight[lane] * oods**2)
                value = (cost - twice / (2 * every)) / every
            elif kind == Kind.ERROR_AUROC:
                # Of the pairs of an error and an ID sample ranked above it, errors ** 2 consist of two errors.
                both = 2 * (ids - errors) * errors
                value = (sums[0, lane] - errors**2) / both if both else np.nan
            elif kind == Kind.AUROC:
                value = sums[2, lane] / (2 * ids * oods)
            elif kind == Kind.AUPR_IN:
                value = of_lanes[lane] / ids
            elif kind == Kind.AUPR_OUT:
                value = of_lanes[lane] / oods
            else:
                value = _at_threshold(walk, kind, int(at), lane)
            values[k, lane] = value
    return values


@_kernel
def weigh(counts: Counts, columns: Floats) -> Floats:
    """Return sums of values over the samples of every resample.

    Args:
        counts: how often each group was drawn [groups, LANES].
        columns: sums of values over the samples of each group [groups, columns].

    Returns:
        The sums [columns, LANES].
    """
    sums = np.zeros((columns.shape[1], LANES))
    for group in range(len(columns)):
        for k in range(columns.shape[1]):
            value = columns[group, k]
            if value != 0:
                for lane in range(LANES):
                    sums[k, lane] += value * counts[group, lane]
    return sums


@lru_cache(maxsize=4)
def harmonic_tables(count: int) -> Floats:
    """Return a read-only array with the harmonic numbers of 0 to `count` and sums of them, for `read` [2, count + 2].

    Returns:
        Row 0: H[n] = 1 + 1/2 + .. + 1/n, and H[count] once more. Row 1: the sum of H[m] - H[count] over m < n.
    """
    numbers = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, count + 1)), [0.0]])
    numbers[-1] = numbers[-2]
    tables = np.stack([numbers, np.concatenate([[0.0], np.cumsum(numbers[:-1] - numbers[-1])])])
    tables.flags.writeable = False
    return tables
