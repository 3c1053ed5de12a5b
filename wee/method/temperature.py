"""Temperature scaling: calibration of a network with one number that is fitted on the validation set.

Networks of different architectures differ in calibration. After scaling, averages of their softmax outputs are better.

Source: Guo et al., ICML 2017.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from wee.machine import torch_threads
from wee.method.logits import as_stored

CHUNK_VALUES = 2**20
"""Number of logits in a chunk. It is fixed, so that results do not depend on the machine."""

COLDEST, HOTTEST = 0.02, 50.0
"""Limits of the temperature. A network that is always right would have an optimal temperature of zero."""


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer], rounding: str | None = None) -> float:
    """Return the temperature T that minimises the negative log-likelihood of softmax(logits / T).

    The log-likelihood is concave in 1 / T; Newton's method with bisection finds the only optimum, to 1e-10.

    Args:
        logits: [N, classes]; may be memory-mapped.
        labels: true classes [N].
        rounding: fit to logits as if they had been stored as "float16" or "bfloat16"; None for unchanged logits.

    Returns:
        T, in [0.02, 50].

    Example:
        >>> logits = np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])  # a probability of 0.88
        >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 3)  # right three times of four
        1.82
    """
    low, high, beta = 1 / HOTTEST, 1 / COLDEST, 1.0
    for _ in range(100):
        with torch_threads(1):  # the number of threads must not change the last bits
            slope, curvature = _derivatives(logits, labels, rounding, beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        newton = beta - slope / curvature if curvature > 0 else np.inf
        following = newton if low < newton < high else (low + high) / 2
        if abs(following - beta) <= 1e-10 * beta:
            break
        beta = following
    return 1 / float(beta)


def _derivatives(
    logits: NDArray[np.floating], labels: NDArray[np.integer], rounding: str | None, beta: float
) -> tuple[float, float]:
    """Return the first and second derivative of the mean negative log-likelihood in beta = 1 / T."""
    chunk = max(1, CHUNK_VALUES // logits.shape[1])
    slope = curvature = 0.0
    for start in range(0, len(labels), chunk):
        z = as_stored(logits[start : start + chunk], rounding)
        truth = torch.from_numpy(np.array(labels[start : start + chunk], dtype=np.int64))
        p = (beta * z).softmax(1)
        mean = (p * z).sum(1)
        slope += float((mean - z.gather(1, truth[:, None])[:, 0]).sum())
        curvature += float((p * (z - mean[:, None]).square()).sum())
    return slope / len(labels), curvature / len(labels)
