"""Whether shares that differ are found, and how often there is a false alarm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tests.helpers.descriptions import cascade
from wee.cascade import onnx_runner
from wee.cascade.drift import (
    LEVEL,
    ComparedShare,
    broken_guarantee,
    compare_counts,
    compare_shares,
    record,
    warning,
)


def decisions(
    rng: np.random.Generator, count: int, coverage: float, reaching: list[float]
) -> tuple[list[bool], list[int]]:
    """Independent decisions: whether samples are accepted, and the stages at which they leave, counted from 1."""
    place = rng.random(count)
    stages = sum((place < share).astype(int) for share in reaching)
    return (rng.random(count) < coverage).tolist(), np.asarray(stages).tolist()


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(1, 20_000),
    count=st.integers(1, 20_000),
    coverage=st.floats(0, 1),
    second=st.floats(0, 1),
    third=st.floats(0, 1),
)
def test_samples_of_the_same_distribution_give_no_warning(
    seed: int, samples: int, count: int, coverage: float, second: float, third: float
) -> None:
    rng = np.random.default_rng(seed)
    reaching = [1.0, second, second * third]
    accepted, stages = decisions(rng, samples, coverage, reaching)
    shares = [float(np.mean(np.asarray(stages) >= stage)) for stage in (1, 2, 3)]
    description = cascade(shares, float(np.mean(accepted)), samples)
    compared = compare_shares(description, *decisions(rng, count, coverage, reaching))
    assert warning(description, compared) is None


@pytest.mark.parametrize("samples", [10, 60])
@pytest.mark.parametrize("count", [1, 5, 40])
def test_false_alarms_are_no_more_frequent_than_the_level(
    samples: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By enumeration of all numbers of accepted samples, at a level at which there are some."""
    monkeypatch.setattr(onnx_runner, "LEVEL", 0.2)
    alarm = np.zeros((samples + 1, count + 1), bool)
    for among_test in range(samples + 1):
        description = cascade([1.0], among_test / samples, samples)
        for number in range(count + 1):
            (share,) = compare_shares(description, [True] * number + [False] * (count - number), [1] * count)
            alarm[among_test, number] = share.differs
    rates = []
    for coverage in np.linspace(0.02, 0.98, 25):
        of_test = binom.pmf(np.arange(samples + 1), samples, coverage)
        rates.append(of_test @ alarm @ binom.pmf(np.arange(count + 1), count, coverage))
    assert max(rates) <= 0.2
    assert alarm.any() or count == 1


def test_a_shift_is_found_and_named() -> None:
    """The shares of the photographs that docs/howto/certify.md classifies; the page quotes the message."""
    description = cascade([1.0, 0.6297, 0.2322], 0.9695, 10_240, 320)
    accepted = [True] * 4745 + [False] * 5495
    stages = [1] * 81 + [2] * 4947 + [3] * 5212
    shares = compare_shares(description, accepted, stages)
    assert shares == [
        ComparedShare(None, 4745 / 10_240, 0.9695, True),
        ComparedShare(2, 10_159 / 10_240, 0.6297, True),
        ComparedShare(3, 5212 / 10_240, 0.2322, True),
    ]
    text = warning(description, shares)
    assert text == (
        "these images are not like those that the cascade was certified on: 46.34 % are accepted (96.95 % of the test set), "
        "99.21 % reach stage 2 (62.97 %) and 50.90 % reach stage 3 (23.22 %). The guarantee is about images like those alone, "
        "and says nothing about these"
    )
    assert text in (Path(__file__).parents[2] / "docs" / "howto" / "certify.md").read_text()


def test_only_shares_that_differ_are_named() -> None:
    shares = [ComparedShare(None, 0.0189, 0.9695, True), ComparedShare(2, 0.64, 0.6297, False)]
    uncertified = cascade([1.0, 0.63], 0.9695, 10_240, 320, certified=False)
    text = warning(uncertified, shares, "samples")
    assert text is not None
    assert "stage 2" not in text
    assert text.startswith(
        "these samples are not like those that the cascade was calibrated on: 1.89 % are accepted (96.95 %"
    )
    assert text.endswith("The expected numbers are about samples like those alone")


@pytest.mark.parametrize("coverage", [0.01, 0.3, 0.9, 0.9999])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_few_images_give_a_warning_only_if_chance_is_ruled_out(count: int, coverage: float) -> None:
    description = cascade([1.0], coverage, 10_000)
    for number in range(count + 1):
        (share,) = compare_shares(description, [True] * number + [False] * (count - number), [1] * count)
        tails = binom.cdf(number, count, coverage), binom.sf(number - 1, count, coverage)
        assert not share.differs or min(tails) < LEVEL
    assert compare_shares(description, [], []) == []


def test_five_images_can_be_enough() -> None:
    """If 1 of 10,000 test samples is accepted, five accepted samples are no chance."""
    description = cascade([1.0], 1e-4, 10_000)
    (share,) = compare_shares(description, [True] * 5, [1] * 5)
    assert share.differs


def test_dependent_samples_count_by_their_groups() -> None:
    """80 % against one half, of 1,000 samples each: not enough if these are 50 groups."""
    accepted, stages = [True] * 800 + [False] * 200, [1] * 1000
    (independent,) = compare_shares(cascade([1.0], 0.5, 1000), accepted, stages)
    (dependent,) = compare_shares(cascade([1.0], 0.5, 1000, 50), accepted, stages)
    assert independent.differs
    assert not dependent.differs


def test_groups_of_samples_alike_give_no_warning() -> None:
    """Every group is accepted as a whole, in both sets: taken as independent samples, many would differ."""
    size, alarms, naive = 32, 0, 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        test, here = (np.repeat(rng.random(60) < 0.6, size) for _ in range(2))
        stages = [1] * len(here)
        grouped = cascade([1.0], float(test.mean()), len(test), 60)
        alarms += compare_shares(grouped, here.tolist(), stages)[0].differs
        naive += compare_shares(cascade([1.0], float(test.mean()), len(test)), here.tolist(), stages)[0].differs
    assert alarms == 0
    assert naive > 30


def test_a_risk_beyond_chance_above_the_certified_one_is_told() -> None:
    certified, refused = cascade([1.0], 0.9, 10_000), cascade([1.0], 0.9, 10_000, certified=False)
    right, wrong = [True] * 90 + [False] * 10, [True] * 70 + [False] * 30
    assert broken_guarantee(certified, right) is None
    assert broken_guarantee(certified, []) is None
    assert broken_guarantee(refused, wrong) is None
    assert (broken_guarantee(certified, wrong) or "").startswith(
        "30.00 % of what is accepted is wrong, and at most 10 % was"
    )
    in_groups = cascade([1.0], 0.9, 10_000, groups=500)
    assert broken_guarantee(in_groups, wrong) is None  # 100 images count as five
    assert broken_guarantee(in_groups, wrong, independent=True) is not None


def test_independent_samples_tell_more_than_dependent_ones() -> None:
    description = cascade([1.0, 0.63], 0.97, 10_240, groups=320)
    accepted, stages = [True] * 51 + [False] * 49, [2] * 98 + [1] * 2
    assert warning(description, compare_shares(description, accepted, stages)) is None
    text = warning(description, compare_shares(description, accepted, stages, independent=True)) or ""
    assert "51.00 % are accepted (97.00 % of the test set) and 98.00 % reach stage 2" in text


def test_counts_are_compared_as_the_samples_themselves() -> None:
    description = cascade([1.0, 0.63, 0.2], 0.97, 1000)
    accepted, stages = [True] * 40 + [False] * 60, [1] * 10 + [2] * 60 + [3] * 30
    shares = compare_shares(description, accepted, stages)
    assert compare_counts(description, 40, [10, 60, 30]) == shares
    assert record(shares)["reaches stage 3"] == {"observed": 0.3, "expected": 0.2, "differs": False}
    assert record(shares)["accepted"]["differs"]
