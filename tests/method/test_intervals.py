"""Intervals: percentile, with seed noise, simultaneous."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from wee.method import interval
from wee.method.intervals import half_width, jackknife, simultaneous


def test_a_percentile_interval_ignores_what_is_undefined() -> None:
    values = np.array([np.nan, *np.arange(101.0)])
    assert interval(values) == pytest.approx((2.5, 97.5))
    assert np.isnan(interval(np.full(3, np.nan))).all()


def test_nothing_is_interpolated_between_infinities() -> None:
    assert interval(np.array([0.0, 1.0, 2.0, np.inf]), 0.9) == (0.0, np.inf)
    assert interval(np.full(4, np.inf)) == (np.inf, np.inf)


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.array([3.0, 7.0, 4.0, 9.0])
    left_out = [np.delete(values, k).mean() for k in range(4)]
    assert jackknife(left_out) == pytest.approx(values.std(ddof=1) / 2)
    assert jackknife(left_out[:2]) is None
    assert jackknife([1.0, np.nan, 2.0]) is None


@pytest.mark.parametrize("members", [3, 4])
@pytest.mark.parametrize("size", [1, 2])
def test_intervals_hold_seed_noise_and_sampling_error(members: int, size: int) -> None:
    """Means over members, and over pairs whose value is no sum of the members' own, as those of ensembles."""
    rng = np.random.default_rng(members + 10 * size)
    held, trials, sampling = 0, 2000, 0.5
    for _ in range(trials):
        seeds = rng.normal(size=members)
        interaction = rng.normal(scale=0.3, size=(members, members))
        values = {
            own: np.mean([seeds[k] for k in own]) + (interaction[min(own), max(own)] if size > 1 else 0.0)
            for own in itertools.combinations(range(members), size)
        }
        error = rng.normal(scale=sampling)
        left_out = [np.mean([v for own, v in values.items() if k not in own]) for k in range(members)]
        half = half_width(jackknife(left_out) or 0.0, members, sampling)
        held += abs(np.mean(list(values.values())) + error) <= half
    assert 0.93 <= held / trials <= 0.99


def test_simultaneous_intervals_all_hold_at_once() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(30, 12)) * rng.uniform(0.1, 10, size=(30, 1))
    held_all, held_each = 0, 0
    for _ in range(300):
        values = mixing @ rng.normal(size=12)
        draws = values[:, None] + mixing @ rng.normal(size=(12, 400))
        family = simultaneous(values, draws, np.zeros(30))
        held_all += bool((np.abs(values) <= family.critical * family.errors).all())
        held_each += bool((np.abs(values) <= 1.96 * family.errors).all())
    assert 0.91 <= held_all / 300 <= 0.985
    assert held_each / 300 < 0.85


def test_numbers_that_are_equal_by_construction_take_no_part() -> None:
    rng = np.random.default_rng(0)
    draws = np.stack([rng.normal(size=500), 1e-9 * rng.normal(size=500), np.zeros(500)])
    family = simultaneous(np.zeros(3), draws, np.full(3, 1e-4))
    assert family.taking_part.tolist() == [True, False, False]
    alone = simultaneous(np.zeros(1), draws[:1], np.full(1, 1e-4))
    assert family.critical == alone.critical
    assert np.isnan(simultaneous(np.zeros(1), draws[2:], np.full(1, 1e-4)).critical)
