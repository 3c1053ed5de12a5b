"""Temperatures and bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.method.test_conventions import outcome
from wee.method import Metric, RankedOutcome, bootstrap, fit_temperature, interval
from wee.method.bootstrap import at_macs, group_numbers, resamples


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


def test_groups_are_drawn_together() -> None:
    groups = group_numbers(np.array([b"a", b"a", b"b", b"c", b"c"]))
    for drawn in resamples(groups, 20, seed=0):
        assert drawn[0] == drawn[1]
        assert drawn[3] == drawn[4]
        assert drawn[[0, 2, 3]].sum() == 3


def test_dependent_samples_widen_an_interval() -> None:
    """32 copies of each of 50 images say no more than the 50."""
    rng = np.random.default_rng(0)
    correct = np.repeat(rng.random(50) < 0.7, 32)
    ranking = RankedOutcome(outcome(rng.random(1600), correct), "msp")
    metric = [Metric.parse("accuracy")]
    widths = []
    for groups in (np.arange(1600), np.repeat(np.arange(50), 32)):
        low, high = interval(bootstrap(ranking, metric, groups, count=300)[0])
        widths.append(high - low)
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(32), rel=0.2)


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    rng = np.random.default_rng(0)
    correct = rng.random(2000) < 0.8
    values = bootstrap(
        RankedOutcome(outcome(rng.random(2000), correct), "msp"), [Metric.parse("accuracy")], np.arange(2000), count=500
    )
    low, high = interval(values[0])
    error = 100 * 1.96 * np.sqrt(correct.mean() * (1 - correct.mean()) / 2000)
    assert (high - low) / 2 == pytest.approx(error, rel=0.15)


def test_a_resample_is_a_resample() -> None:
    """By hand, from the same draws."""
    rng = np.random.default_rng(3)
    scores, correct = rng.random(60), rng.random(60) < 0.7
    metric = Metric.parse("risk@50")
    found = bootstrap(RankedOutcome(outcome(scores, correct), "msp"), [metric], np.arange(60), count=5, seed=4)[0]
    order = np.argsort(-scores, kind="stable")
    for value, drawn in zip(found, resamples(np.arange(60)[order], 5, seed=4), strict=True):
        index = np.repeat(order, drawn)
        assert value == metric.of_ranking(RankedOutcome(outcome(scores[index], correct[index]), "msp"))


def test_reading_between_points_is_linear_in_log_macs() -> None:
    macs, values = np.array([1e6, 1e8]), np.array([[10.0, 0.0], [20.0, 2.0]])
    assert at_macs(macs, values, 1e7).tolist() == pytest.approx([15.0, 1.0])
    assert np.isnan(at_macs(macs, values, 1e9)).all()
