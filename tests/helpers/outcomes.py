"""Outcomes of made-up predictions."""

from __future__ import annotations

import numpy as np

from wee.method import Outcome, Stages, Summary


def outcome(scores: np.ndarray, correct: np.ndarray) -> Outcome:
    """The outcome of a single model of cost 1 with the score msp [n] and the correctness [n] of its predictions."""
    n = len(scores)
    summary = Summary({"msp": scores}, np.ones(n), np.zeros(n, dtype=int), correct, correct, np.zeros(n), np.zeros(n))
    return Stages([summary], [1.0], np.arange(n).astype("S")).at(np.zeros(n, dtype=int))
