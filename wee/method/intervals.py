"""Intervals for sampling error and seed noise, and simultaneous intervals for several numbers.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993 (percentile intervals, the jackknife); Romano and Wolf,
Econometrica 2005 (simultaneous intervals from the largest studentised deviation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wee.method.arrays import Bools, Floats


def interval(values: Floats, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of resampled values; NaN if no value is defined.

    Args:
        values: one number on every resample [resamples]; if it contains infinities, there is no interpolation.
        level: the share of the values inside the interval, in (0, 1).

    Example:
        >>> interval(np.arange(101.0), level=0.5)
        (25.0, 75.0)
    """
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = (1 - level) / 2, (1 + level) / 2
    if np.isinf(known).any():
        return float(np.quantile(known, low, method="lower")), float(np.quantile(known, high, method="higher"))
    low, high = np.quantile(known, [low, high])
    return float(low), float(high)


def jackknife(left_out: Sequence[float]) -> float | None:
    """Return the standard error of an average over trained members, from the averages that leave one member out.

    Args:
        left_out: the averages (over members, pairs or orders) that leave out each of the M members in turn [M].

    Returns:
        sqrt((M - 1) / M * sum of squared deviations from their mean); None if there are fewer than three members, or if an
        average is not finite.
    """
    values = np.asarray(left_out, dtype=np.float64)
    count = len(values)
    if count < 3 or not np.isfinite(values).all():
        return None
    return float(np.sqrt((count - 1) / count * np.square(values - values.mean()).sum()))


def half_width(seed_error: float, members: int, sampling_error: float, level: float = 0.95) -> float:
    """Return half the width of an interval that includes seed noise and sampling error.

    sqrt((t s_J)^2 + (z s_B)^2), with the quantiles t of Student's distribution with M - 1 degrees of freedom and z of the
    normal distribution. Members are not resampled, because a bootstrap over three or four members gives intervals that are
    far too narrow, and would pair a member with itself.

    Args:
        seed_error: s_J, the standard error over members; see `jackknife`.
        members: M.
        sampling_error: s_B, the standard deviation over resamples of the test samples.
        level: the nominal coverage, in (0, 1).
    """
    upper = (1 + level) / 2
    from scipy.special import ndtri, stdtrit  # imported here because it takes a quarter of a second

    return float(np.hypot(stdtrit(members - 1, upper) * seed_error, ndtri(upper) * sampling_error))


@dataclass(frozen=True)
class Simultaneous:
    """Simultaneous intervals, which all hold at once with a given probability.

    Attributes:
        critical: c, the quantile of the largest studentised deviation; NaN if no number is included.
        taking_part: which numbers are included [n].
        errors: the standard deviation of each number over resamples [n].
    """

    critical: float
    taking_part: Bools
    errors: Floats


def simultaneous(values: Floats, draws: Floats, negligible: Floats, level: float = 0.95) -> Simultaneous:
    """Return the critical value for simultaneous intervals x_j +- c s_j around several numbers.

    c is the `level`-quantile over resamples of max_j |x*_j - x_j| / s_j.

    Args:
        values: the numbers x_j [n].
        draws: their values on every resample [n, resamples], float64; the same resamples for all.
        negligible: a limit for each number [n]; numbers whose standard deviation is not above it are excluded, because they
            equal what they are compared with by construction.
        level: the probability with which all intervals hold, in (0, 1).
    """
    errors = draws.std(axis=1, ddof=1) if draws.shape[1] > 1 else np.zeros(len(values))
    taking_part = np.isfinite(errors) & (errors > negligible)
    if not taking_part.any():
        return Simultaneous(float("nan"), taking_part, errors)
    largest = np.zeros(draws.shape[1])
    for value, resampled, error in zip(values[taking_part], draws[taking_part], errors[taking_part], strict=True):
        np.maximum(largest, np.abs(resampled - value) / error, out=largest)
    return Simultaneous(float(np.quantile(largest, level)), taking_part, errors)
