"""Random numbers that belong to samples: the same sample has the same number in every data set, order and process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wee.method.arrays import Floats


def draws(ids: np.ndarray, seed: int, stage: int) -> Floats:
    """A uniform number in [0, 1) for every id [N], fixed by (id, seed, stage)."""
    ids = np.ascontiguousarray(ids, dtype=np.bytes_)
    characters = ids.view(np.uint8).reshape(len(ids), ids.dtype.itemsize)
    key = np.full(len(ids), seed % 2**64, dtype=np.uint64)
    with np.errstate(over="ignore"):
        key = _mix(key ^ _mix(np.full(len(ids), stage, dtype=np.uint64)))
        for column in characters.T:  # numpy pads short ids with zeros: those must not count
            key = np.where(column > 0, _mix(key ^ column.astype(np.uint64)), key)
    return (key >> np.uint64(11)).astype(np.float64) / 2**53


def uniform(seed: int, epochs: NDArray[np.int64], places: NDArray[np.int64], count: int) -> Floats:
    """Uniform numbers in [0, 1) for samples [n, count], each fixed by (seed, epoch, place, which)."""
    with np.errstate(over="ignore"):
        key = _mix(np.full(len(places), seed % 2**64, dtype=np.uint64))
        key = _mix(key ^ epochs.astype(np.uint64))
        key = _mix(key ^ places.astype(np.uint64))
        each = _mix(key[:, None] ^ _mix(np.arange(count, dtype=np.uint64))[None, :])
    return (each >> np.uint64(11)).astype(np.float64) / 2**53


def _mix(x: np.ndarray) -> np.ndarray:
    """The splitmix64 step (Steele et al., OOPSLA 2014): a bijection that spreads every bit over all."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed
