"""Types of arrays, and memoisation of derived values."""

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
    """A base class of objects that keep values derived from them, so that several settings can share the values."""

    def once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """Return the result of `make`, which is called only the first time that a key is used."""
        kept: dict[tuple[Any, ...], Any] = self.__dict__.setdefault("_memo", {})
        if key not in kept:
            kept[key] = make()
        return cast("T", kept[key])

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: not the values that can be derived again."""
        return {name: value for name, value in self.__dict__.items() if name != "_memo"}


@lru_cache(maxsize=8)
def counts(n: int) -> Ints:
    """Return the read-only array 0, 1, .., n."""
    numbers = np.arange(n + 1)
    numbers.flags.writeable = False
    return numbers


@lru_cache(maxsize=8)
def shares(n: int) -> Floats:
    """Return the read-only array 0, 1/n, .., 1."""
    numbers = counts(n) / n
    numbers.flags.writeable = False
    return numbers
