"""Types of arrays, and what is derived from something once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

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


@lru_cache(maxsize=8)
def counts(n: int) -> Ints:
    """0, 1, .., n; not to be written to."""
    numbers = np.arange(n + 1)
    numbers.flags.writeable = False
    return numbers


@lru_cache(maxsize=8)
def shares(n: int) -> Floats:
    """0, 1/n, .., 1; not to be written to."""
    numbers = counts(n) / n
    numbers.flags.writeable = False
    return numbers
