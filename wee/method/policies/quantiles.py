"""Quantiles and ranks of sorted confidences, and checks of shares in [0, 1]."""

from __future__ import annotations

import numpy as np

from wee.errors import WeeError
from wee.method.arrays import Floats


def percentile_rank(ascending: Floats, value: float) -> float:
    """Return the share of sorted numbers below a value, in [0, 1]; numbers equal to the value count one half.

    It is (#(s < value) + #(s <= value) + [value occurs]) / 2N, as scipy's `percentileofscore(kind="rank")`.

    Example:
        >>> percentile_rank(np.array([0.1, 0.4, 0.4, 0.9]), 0.4)
        0.625
    """
    below = int(np.searchsorted(ascending, value, "left"))
    up_to = int(np.searchsorted(ascending, value, "right"))
    return (below + up_to + (up_to > below)) / (2 * len(ascending))


def quantile(ascending: Floats, q: float) -> float:
    """Return the q-quantile of sorted numbers with linear interpolation, as `numpy.quantile` does, up to rounding.

    Example:
        >>> quantile(np.array([0.0, 1.0, 4.0]), 0.75)
        2.5
    """
    position = q * (len(ascending) - 1)
    below = int(position)
    above = min(below + 1, len(ascending) - 1)
    fraction = position - below
    low, high = float(ascending[below]), float(ascending[above])
    return low if low == high else low + (high - low) * fraction


def check_fraction(what: str, value: object) -> None:
    """Check that a value is a share in [0, 1].

    Raises:
        WeeError: the value is not a number in [0, 1].
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise WeeError(f"the {what} cannot be {value!r}: it is a number in [0, 1]")
