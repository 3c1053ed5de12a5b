"""Bounds, fixed sequences and certified thresholds: golden values, exact coverage by enumeration, and simulated data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from wee.errors import WeeError
from wee.method import guarantees
from wee.method.guarantees import (
    Evidence,
    accepted_errors,
    certify,
    cost_bound,
    disagreements,
    fixed_sequence,
    least_count,
    lower_bound,
    mean_interval,
    one_of_each_group,
    split_groups,
    split_parts,
    threshold_candidates,
    upper_bound,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "guarantee"
EXPECTED = json.loads(GOLDEN.with_suffix(".json").read_text())
ARRAYS = np.load(GOLDEN.with_suffix(".npz"))


@pytest.mark.parametrize("case", EXPECTED["bounds"])
def test_bounds_are_golden(case: dict[str, float]) -> None:
    numbers = int(case["k"]), int(case["n"]), case["delta"]
    assert upper_bound(*numbers) == pytest.approx(case["upper"], abs=1e-9)
    assert lower_bound(*numbers) == pytest.approx(case["lower"], abs=1e-9)


@pytest.mark.parametrize("parts", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 5, 30, 200])
def test_an_interval_of_a_mean_misses_the_expected_value_with_at_most_its_probability(count: int, parts: int) -> None:
    """By enumeration: each variable is the share of ones among some independent zeros and ones."""
    delta = 0.1
    totals = np.arange(count * parts + 1)
    limits = np.array([mean_interval(total / (count * parts), count, delta) for total in totals])
    assert ((limits[:, 0] <= totals / (count * parts)) & (totals / (count * parts) <= limits[:, 1])).all()
    misses = []
    for expected in np.linspace(0.01, 0.99, 99):
        missed = (expected < limits[:, 0]) | (expected > limits[:, 1])
        misses.append(binom.pmf(totals[missed], count * parts, expected).sum())
    assert max(misses) <= delta
    assert parts > 1 or count < 30 or max(misses) > delta / 10  # not wider than necessary by far


def test_an_interval_of_a_mean_without_variables_is_everything() -> None:
    assert mean_interval(0.3, 0, 0.1) == (0, 1)


@pytest.mark.parametrize("case", EXPECTED["sequences"])
def test_sequences_are_golden(case: dict[str, list[float]]) -> None:
    assert fixed_sequence(case["p"], case["delta"], case["starts"]) == case["certified"]  # type: ignore[arg-type]


@pytest.mark.parametrize("case", EXPECTED["cases"])
def test_certified_thresholds_are_golden(case: dict[str, object]) -> None:
    grid, risk = ARRAYS["grid"], float(case["risk"])  # type: ignore[arg-type]
    tuning = accepted_errors(ARRAYS["tune_scores"], ARRAYS["tune_wrong"], grid, risk)
    evidence = accepted_errors(ARRAYS["scores"], ARRAYS["wrong"], grid, risk)
    certificate = certify([tuning], [evidence], float(case["delta"]))  # type: ignore[arg-type]
    assert (certificate.start, certificate.tested) == (case["start"], case["tested"])
    expected = case["certified"]
    if expected is None:
        assert certificate.index is None
        return
    assert isinstance(expected, dict)
    assert certificate.index is not None
    assert grid[certificate.index] == pytest.approx(expected["threshold"], abs=1e-9)
    assert (certificate.counts, certificate.losses) == ((expected["n"],), (expected["k"],))
    assert certificate.p_values[0] == pytest.approx(expected["p"], abs=1e-9)
    assert certificate.bounds[0] == pytest.approx(expected["upper"], abs=1e-9)
    assert certificate.counts[0] / len(ARRAYS["scores"]) == pytest.approx(case["coverage"], abs=1e-9)


@pytest.mark.parametrize("count", [1, 7, 60, 300])
@pytest.mark.parametrize("delta", [0.01, 0.1])
def test_a_bound_covers_exactly(count: int, delta: float) -> None:
    """Over all outcomes of a binomial experiment, by their exact probabilities."""
    limits = np.array([upper_bound(k, count, delta) for k in range(count + 1)])
    for risk in np.linspace(0.001, 0.999, 97):
        missed = binom.pmf(np.arange(count + 1), count, risk)[limits < risk].sum()
        assert missed <= delta + 1e-9


@given(st.integers(1, 400), st.integers(0, 400), st.floats(0.001, 0.3), st.floats(0.01, 0.5))
def test_a_test_passes_iff_the_bound_is_at_most_the_risk(count: int, losses: int, risk: float, delta: float) -> None:
    losses = min(losses, count)
    p = guarantees.p_values(np.array([losses]), np.array([count]), risk)[0]
    bound = upper_bound(losses, count, delta)
    if abs(p - delta) > 1e-9:
        assert (p <= delta) == (bound <= risk)


@given(st.integers(0, 30), st.integers(1, 500), st.floats(0.01, 0.3), st.sampled_from([0.02, 0.1, 0.3]))
def test_the_least_number_of_samples(losses: int, count: int, risk: float, delta: float) -> None:
    losses = min(losses, count)
    least = least_count(losses, count, risk, delta)
    if losses / count >= risk:
        assert least is None
        return
    assert least is not None

    def passes(number: int) -> bool:
        return bool(binom.cdf(np.ceil(losses / count * number - 1e-9), number, risk) <= delta)

    assert passes(least)
    assert not any(passes(number) for number in range(max(1, least - 400), least))


@pytest.mark.parametrize(("risk", "delta", "count"), [(0.05, 0.05, 59), (0.01, 0.05, 299)])
def test_without_an_error(risk: float, delta: float, count: int) -> None:
    assert least_count(0, 10, risk, delta) == count
    assert upper_bound(0, count, delta) <= risk < upper_bound(0, count - 1, delta)


def test_counts_with_ties() -> None:
    scores, wrong = np.array([0.9, 0.5, 0.5, 0.5, 0.1]), np.array([False, True, False, True, True])
    evidence = accepted_errors(scores, wrong, np.array([0.95, 0.9, 0.6, 0.5, 0.0]), 0.1)
    assert evidence.counts.tolist() == [0, 1, 1, 4, 5]
    assert evidence.losses.tolist() == [0, 0, 0, 2, 3]
    assert evidence.p_values[0] == 1


@given(st.integers(0, 10_000))
def test_disagreements_are_counted_sample_by_sample(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, full_scores = rng.integers(0, 6, (2, 40)) / 5
    labels, full_labels = rng.integers(0, 2, (2, 40))
    candidates = np.array([1.1, 1.0, 0.8, 0.4, 0.0])
    evidence = disagreements(scores, labels, full_scores, full_labels, 0.6, candidates, 0.1)
    for place, threshold in enumerate(candidates):
        decision = np.where(scores >= threshold, labels, -1)
        full = np.where(full_scores >= 0.6, full_labels, -1)
        assert evidence.losses[place] == (decision != full).sum()
    assert (evidence.counts == 40).all()


def test_several_guarantees_share_delta_and_hold_together() -> None:
    counts = np.array([100, 200, 300, 400])
    first = Evidence(np.array([0, 1, 2, 30]), counts, 0.05)
    second = Evidence(np.array([0, 0, 14, 14]), counts, 0.05)
    alone = certify([first], [first], 0.1)
    together = certify([first, second], [first, second], 0.1)
    assert (alone.index, together.index) == (2, 1)
    assert together.delta == 0.05
    assert together.tested == 3 - together.start


def test_nothing_certified_says_what_would_be() -> None:
    evidence = Evidence(np.array([1]), np.array([40]), 0.05)
    certificate = certify([evidence], [evidence], 0.1)
    assert certificate.index is None
    assert certificate.bounds == (pytest.approx(upper_bound(1, 40, 0.1)),)
    assert certificate.enough == (least_count(1, 40, 0.05, 0.1),)


def test_the_bound_of_the_cost_adds_what_each_stage_adds() -> None:
    stages = np.array([0] * 70 + [1] * 20 + [2] * 10)
    expected = 1.0 + 2.0 * upper_bound(30, 100, 0.05) + 4.0 * upper_bound(10, 100, 0.05)
    assert cost_bound(stages, [1.0, 2.0, 4.0], 0.1) == pytest.approx(expected)


def test_groups_are_not_torn_apart() -> None:
    groups = np.repeat(np.arange(101), 5)
    part = split_groups(groups, seed=3)
    assert len({(group, side) for group, side in zip(groups, part, strict=True)}) == 101
    assert part.sum() == 5 * 50
    assert (part != split_groups(groups, seed=4)).any()
    places = one_of_each_group(groups[part], seed=3)
    assert len(places) == 50
    assert len(set(groups[part][places])) == 50
    assert len({int(place) % 5 for place in places}) == 5
    with pytest.raises(WeeError, match="1 independent samples cannot be split"):
        split_groups(np.zeros(9), 0)


def test_parts_are_tuning_samples_and_one_certification_sample_of_each_other_group() -> None:
    groups = np.repeat(np.arange(50), 3).astype(np.bytes_)
    parts = split_parts(groups, seed=1, share=0.4)
    certifies = split_groups(groups, 1, 0.4)
    assert parts.tuning.tolist() == np.flatnonzero(~certifies).tolist()
    assert (parts.groups, len(parts.certification)) == (30, 20)
    assert set(groups[parts.certification]) == set(groups[certifies])
    chosen = one_of_each_group(groups[certifies], 1)
    assert groups[parts.certification].tolist() == groups[certifies][chosen].tolist()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), min_size=1, max_size=8), st.sampled_from([0.05, 0.3]))
def test_the_laxest_candidate_is_the_last_whose_bound_is_low_enough(
    counts: list[tuple[int, int]], delta: float
) -> None:
    losses, accepted = (np.array(numbers) for numbers in zip(*((k, k + more) for k, more in counts), strict=True))
    low = [
        place
        for place, (k, n) in enumerate(zip(losses.tolist(), accepted.tolist(), strict=True))
        if n and upper_bound(k, n, delta) <= 0.1
    ]
    assert Evidence(losses, accepted, 0.1).laxest(delta) == (low[-1] if low else None)


def test_the_certified_threshold_is_a_candidate_or_infinite() -> None:
    candidates = np.array([0.9, 0.5, 0.1])
    good = Evidence(np.array([0, 0, 50]), np.array([60, 80, 100]), 0.05)
    bad = Evidence(np.array([9, 9, 50]), np.array([60, 80, 100]), 0.05)
    assert certify([good], [good], 0.1).threshold(candidates) == 0.5
    assert certify([good], [bad], 0.1).threshold(candidates) == np.inf


def test_candidates_go_from_strict_to_lax() -> None:
    scores = np.random.default_rng(0).normal(size=1000)
    candidates = threshold_candidates(scores)
    assert len(candidates) == 200
    assert (np.diff(candidates) < 0).all()
    assert (candidates[0], candidates[-1]) == (scores.max(), scores.min())
    assert threshold_candidates(np.ones(50)).tolist() == [1.0]


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1, float("nan")])
def test_bad_numbers_are_refused(delta: float) -> None:
    with pytest.raises(WeeError, match="it is the probability that a guarantee fails"):
        upper_bound(1, 10, delta)
    with pytest.raises(WeeError, match="a guaranteed risk is a share between 0 and 1"):
        Evidence(np.array([1]), np.array([2]), 1.0)
    with pytest.raises(WeeError, match="losses are samples"):
        upper_bound(11, 10, 0.1)
    with pytest.raises(WeeError, match="3 starts for 2 tests"):
        fixed_sequence([0.1, 0.2], 0.1, starts=3)
