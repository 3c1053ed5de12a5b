"""Streams with a share of OOD data: weights stand for repeated samples, and one half is the paper's stream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.outcomes import outcome
from wee.errors import WeeError
from wee.method import Metric, Mixture, RankedOutcome, RiskCoverage, Task, bootstrap, kernels, stream_window, window
from wee.method.policies.window import Stream

SCORES = st.lists(st.integers(0, 15), min_size=1, max_size=40)
STRICT = ["risk@20", "risk@80", "aurc", "augrc"]


def repeated(ids: int, oods: int, id_times: int, ood_times: int) -> float:
    """The share of OOD samples if each ID and each OOD sample is repeated so many times."""
    return oods * ood_times / (ids * id_times + oods * ood_times)


def measured(
    id_scores: list[int], wrong: list[bool], ood_scores: list[int], metrics: list[str], convention: str, share: float
) -> dict[str, float]:
    on_id = outcome(np.array(id_scores, dtype=np.float64), ~np.array(wrong))
    on_ood = outcome(np.array(ood_scores, dtype=np.float64), np.zeros(len(ood_scores), dtype=bool))
    task = Task.parse("risk@70")
    ranking = RankedOutcome(on_id, "msp", on_ood, convention, ood_share=share)  # type: ignore[arg-type]
    ranking.thresholds = {task: 7.0}
    deployed = [metric for metric in Metric.deployed_for(task)]
    return {m.name: m.of_ranking(ranking) for m in [*map(Metric.parse, metrics), *deployed]}


@given(
    st.lists(st.tuples(st.integers(0, 15), st.booleans()), min_size=1, max_size=40),
    SCORES,
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_weights_are_those_of_repeated_samples(
    samples: list[tuple[int, bool]], oods: list[int], id_times: int, ood_times: int
) -> None:
    """A share that repeated samples make is the same as repeating them, in a stream weighted by its sizes."""
    ids, wrong = [score for score, _ in samples], [wrong for _, wrong in samples]
    share = repeated(len(ids), len(oods), id_times, ood_times)
    weighted = measured(ids, wrong, oods, STRICT, "strict", share)
    by_size = measured(ids * id_times, wrong * id_times, oods * ood_times, STRICT, "strict", share)
    assert weighted == pytest.approx(by_size, abs=1e-9)
    # Risk@c of the paper's convention depends on the number of ID samples, so that only OOD samples are repeated here.
    share = repeated(len(ids), len(oods), 1, ood_times)
    weighted = measured(ids, wrong, oods, ["risk@20", "risk@80"], "paper", share)
    assert weighted == pytest.approx(measured(ids, wrong, oods * ood_times, ["risk@20", "risk@80"], "paper", share))


@given(st.lists(st.tuples(st.integers(0, 15), st.booleans()), min_size=1, max_size=40), SCORES)
def test_a_weighted_curve_is_its_definition(samples: list[tuple[int, bool]], oods: list[int]) -> None:
    """Count accepted samples at every threshold; with a share of n_ood / n, all samples weigh the same."""
    share = len(oods) / (len(samples) + len(oods))
    ids = np.array([score for score, _ in samples], dtype=np.float64)
    correct = np.array([correct for _, correct in samples])
    curve = RiskCoverage.of(ids, correct, "strict")
    mixture = Mixture.of(curve, ids, correct, np.array(oods, dtype=np.float64), share)
    for percent in (30, 90):
        threshold = curve.threshold(curve.risk_at(percent / 100)[1])
        accepted = [
            wrong
            for score, wrong in [*((s, not c) for s, c in samples), *((s, True) for s in oods)]
            if score >= threshold
        ]
        assert mixture.risk_at(percent / 100) == pytest.approx(sum(accepted) / len(accepted))


@given(SCORES, SCORES, st.integers(0, 15), st.integers(1, 4), st.integers(1, 4))
def test_ranks_in_a_stream_are_those_of_repeated_samples(
    ids: list[int], oods: list[int], tau: int, id_times: int, ood_times: int
) -> None:
    share = repeated(len(ids), len(oods), id_times, ood_times)
    interval = Stream(np.array(ids, float), np.array(oods, float), share).window(tau, 0.2)
    every = np.array(ids * id_times + oods * ood_times)
    occurs = tau in every
    rank = (every < tau).mean() + (every == tau).mean() / 2 + occurs / (2 * (len(ids) + len(oods)))
    assert interval.rank == pytest.approx(rank)
    assert min([*ids, *oods]) <= interval.low <= interval.high <= max([*ids, *oods])


@given(SCORES, SCORES, st.integers(0, 15), st.sampled_from([0, 0.2, 0.7, "all"]))
def test_a_share_that_is_that_of_the_sizes_gives_the_window_of_all_scores(
    ids: list[int], oods: list[int], tau: int, width: float | str
) -> None:
    share = len(oods) / (len(ids) + len(oods))
    every = np.sort(np.array(ids + oods, dtype=np.float64))
    weighted = stream_window(np.array(ids, float), np.array(oods, float), tau, width, share)  # type: ignore[arg-type]
    plain = window(every, tau, width)  # type: ignore[arg-type]
    assert (weighted.low, weighted.high, weighted.rank) == pytest.approx((plain.low, plain.high, plain.rank), abs=1e-9)


def test_more_ood_data_moves_the_window_towards_it() -> None:
    """OOD scores are the lower ones: with more of them, tau has a higher rank, and the quantiles of the window fall."""
    ids, oods = np.linspace(0.5, 1, 200), np.linspace(0, 0.6, 100)
    intervals = [stream_window(ids, oods, 0.8, 0.2, share) for share in (0.05, 0.25, 0.5, 0.9)]
    ranks = [interval.rank for interval in intervals]
    assert ranks == sorted(ranks)
    assert ranks[0] < 0.7 < 0.9 < ranks[-1]  # type: ignore[operator]


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from([0.05, 0.25, 0.5, 0.8]), st.sampled_from(["paper", "strict"]))
def test_resamples_have_the_same_share(seed: int, share: float, convention: str) -> None:
    """Compiled code against resamples that are ranked and measured one by one."""
    from unittest.mock import patch

    assert kernels.load()
    rng = np.random.default_rng(seed)
    ids = outcome(rng.integers(30, size=80).astype(float), rng.random(80) < 0.7)
    oods = outcome(rng.integers(20, size=50).astype(float), np.zeros(50, dtype=bool))
    task = Task.parse("risk@70")
    ranking = RankedOutcome(ids, "msp", oods, convention, ood_share=share)  # type: ignore[arg-type]
    ranking.thresholds = {task: task.acceptance_threshold(ranking.ranked)}
    metrics = [*map(Metric.parse, ["risk@50", "risk@90", "aurc", "augrc", "fpr@95"]), *Metric.deployed_for(task)]
    arguments = (ranking, metrics, np.arange(80), np.arange(50), 6)
    values = bootstrap(*arguments)
    with patch.object(kernels, "load", lambda: False):
        expected = bootstrap(*arguments)
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)
    other = RankedOutcome(ids, "msp", oods, convention, ood_share=0.99)  # type: ignore[arg-type]
    assert (bootstrap(other, metrics[:1], *arguments[2:])[0] >= values[0] - 1e-9).all()


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_stream_has_both_kinds_of_samples(share: float) -> None:
    with pytest.raises(WeeError, match="greater than 0 and less than 1"):
        stream_window(np.ones(3), np.ones(3), 0.5, 0.2, share)
    curve = RiskCoverage.of(np.ones(3), np.ones(3, dtype=bool))
    with pytest.raises(WeeError, match="share of OOD data"):
        Mixture.of(curve, np.ones(3), np.ones(3, dtype=bool), np.ones(2), share)
