"""Temperatures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wee.method import fit_temperature


def test_a_temperature_that_was_put_in_comes_out() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20000, 5)) * 2
    labels = torch.multinomial(torch.from_numpy(logits).softmax(1), 1, generator=torch.Generator().manual_seed(0))[:, 0]
    assert fit_temperature(logits * 3.0, labels.numpy()) == pytest.approx(3.0, rel=0.05)


def test_the_temperature_is_the_optimum() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(4, size=300)
    logits = rng.normal(size=(300, 4)) * 3 + 2 * np.eye(4)[labels]
    best = fit_temperature(logits, labels)

    def loss(temperature: float) -> float:
        z = torch.from_numpy(logits / temperature)
        return float(torch.nn.functional.cross_entropy(z, torch.from_numpy(labels)))

    assert loss(best) <= min(loss(best * 1.01), loss(best / 1.01))


def test_a_network_that_is_always_right_becomes_colder() -> None:
    assert fit_temperature(np.eye(3) * 5, np.arange(3)) < 0.2
