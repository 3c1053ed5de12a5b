"""Random numbers for samples, which depend only on the sample and not on the data set, the order or the process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wee.method.arrays import Floats


def draws(ids: np.ndarray, seed: int, stage: int) -> Floats:
    """Return a uniform number in [0, 1) for every id [N], which depends only on (id, seed, stage)."""
    ids = np.ascontiguousarray(ids, dtype=np.bytes_)
    characters = ids.view(np.uint8).reshape(len(ids), ids.dtype.itemsize)
    key = np.full(len(ids), seed % 2**64, dtype=np.uint64)
    with np.errstate(over="ignore"):
        key = _mix(key ^ _mix(np.full(len(ids), stage, dtype=np.uint64)))
        for column in characters.T:  # numpy pads short ids with zeros, which must not change the key
            key = np.where(column > 0, _mix(key ^ column.astype(np.uint64)), key)
    return (key >> np.uint64(11)).astype(np.float64) / 2**53


def uniform(seed: int, epochs: NDArray[np.int64], places: NDArray[np.int64], count: int) -> Floats:
    """Return `count` uniform numbers in [0, 1) for each sample [n, count], which depend only on (seed, epoch, place)."""
    with np.errstate(over="ignore"):
        key = _mix(np.full(len(places), seed % 2**64, dtype=np.uint64))
        key = _mix(key ^ epochs.astype(np.uint64))
        key = _mix(key ^ places.astype(np.uint64))
        keys = _mix(key[:, None] ^ _mix(np.arange(count, dtype=np.uint64))[None, :])
    return (keys >> np.uint64(11)).astype(np.float64) / 2**53


def _mix(x: np.ndarray) -> np.ndarray:
    """Apply a step of splitmix64 (Steele et al., OOPSLA 2014), a bijection in which every output bit depends on all bits."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed
