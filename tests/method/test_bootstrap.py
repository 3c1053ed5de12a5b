"""Bootstrap draws, and compiled code against resamples that are ranked and measured one by one."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.outcomes import outcome as plain_outcome
from wee.errors import WeeError
from wee.method import METRICS, Metric, Outcome, RankedOutcome, Stages, Summary, Task, bootstrap, interval, kernels
from wee.method.bootstrap import at_macs, draws, group_numbers
from wee.method.kernels import LANES, Kind, Reading

module = importlib.import_module("wee.method.bootstrap")  # `wee.method.bootstrap` is the function

ON_ID = ["cov@{}", "cov@5", "risk@{}", "error_auroc", "accuracy", "top1_error", "top5_error"]
ON_OOD = ["risk@{}", "fpr@{}", "risk@80", "fpr@95", "auroc"]
AREAS, MEANS = ["aurc", "augrc"], ["nll", "brier", "ece"]
PRECISIONS = ["aupr_in", "aupr_out"]


def outcome(scores: np.ndarray, correct: np.ndarray, rng: np.random.Generator) -> Outcome:
    """An outcome in which all that metrics of the predictions alone need differs from sample to sample."""
    n = len(scores)
    values = (rng.random(n), np.zeros(n, int), correct, correct | (rng.random(n) < 0.5), -rng.random(n), rng.random(n))
    return Stages([Summary({"msp": scores}, *values)], [1.0], np.arange(n).astype("S")).at(np.zeros(n, int))


def one_by_one(*arguments: Any, **options: Any) -> np.ndarray:
    with patch.object(kernels, "load", lambda: False):
        return bootstrap(*arguments, **options)


def check(ranking: RankedOutcome, percent: float, id_groups: np.ndarray, ood_groups: np.ndarray, count: int) -> None:
    """Every metric: to the last bit where it is read at a point or counts something, else but for the order of sums."""
    exact, summed = (ON_ID, AREAS + MEANS) if ranking.ood is None else (ON_OOD, AREAS + PRECISIONS)
    metrics = [Metric.parse(name.format(percent)) for name in exact + summed]
    task = Task.parse("cov@20" if ranking.ood is None else "risk@70")
    ranking.thresholds = {task: task.acceptance_threshold(ranking.ranked)}
    metrics += Metric.deployed_for(task)
    values = bootstrap(ranking, metrics, id_groups, ood_groups, count=count, seed=1)
    expected = one_by_one(ranking, metrics, id_groups, ood_groups, count=count, seed=1)
    for metric, ours, reference in zip(metrics, values, expected, strict=True):
        if metric.name in summed:
            np.testing.assert_allclose(ours, reference, rtol=1e-12, atol=1e-12, err_msg=metric.name)
        else:
            np.testing.assert_array_equal(ours, reference, err_msg=metric.name)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Outcome, Outcome, np.ndarray, np.ndarray]:
    """Samples with many equal scores, or none; with many errors, few, or none; in groups of several, or of one."""
    n, m = draw(st.integers(1, 90)), draw(st.integers(1, 60))
    levels, error = draw(st.sampled_from([1, 3, 20, 10**6])), draw(st.sampled_from([0, 0.05, 0.4, 1]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    ids = outcome(rng.integers(levels, size=n).astype(float), rng.random(n) >= error, rng)
    shift = draw(st.sampled_from([0, levels // 2, 2 * levels]))
    oods = outcome(rng.integers(levels, size=m).astype(float) - shift, np.zeros(m, bool), rng)
    groups = [
        group_numbers(rng.integers(max(size // 3, 1), size=size)) if draw(st.booleans()) else np.arange(size)
        for size in (n, m)
    ]
    return ids, oods, *groups


@settings(max_examples=60)
@given(cases(), st.sampled_from(["paper", "strict"]), st.booleans(), st.integers(0, 100))
def test_compiled_code_gives_what_ranking_each_resample_gives(
    case: tuple[Outcome, Outcome, np.ndarray, np.ndarray], convention: str, with_ood: bool, percent: int
) -> None:
    assert kernels.load()
    ids, oods, *groups = case
    check(RankedOutcome(ids, "msp", oods if with_ood else None, convention), percent, *groups, count=4)  # type: ignore[arg-type]


@pytest.mark.parametrize("convention", ["paper", "strict"])
@pytest.mark.parametrize("levels", [40, 10**9])
def test_rankings_that_reach_past_the_noisy_start(convention: str, levels: int) -> None:
    """2,300 samples, many kept rows, resamples in two blocks; the risk comes near to what is asked for several times."""
    rng = np.random.default_rng(levels)
    scores = np.sort(rng.integers(levels, size=2300))[::-1].astype(float)
    correct = rng.random(2300) > 0.1 + 0.08 * np.sin(np.arange(2300) / 150)
    ids, oods = outcome(scores, correct, rng), outcome(rng.integers(levels, size=700) * 0.8, np.zeros(700, bool), rng)
    groups = np.sort(rng.integers(1500, size=2300)), np.arange(700) // 4
    groups = group_numbers(groups[0]), groups[1]
    for ood in (None, oods):
        check(RankedOutcome(ids, "msp", ood, convention), 10, *groups, count=LANES + 3)  # type: ignore[arg-type]


class Other(Metric):
    """A metric of somebody else, with or without a reading."""

    read: Reading | None
    value: Callable[[RankedOutcome], float]

    def reading(self, ranking: RankedOutcome) -> Reading | None:
        return self.read

    def of_ranking(self, ranking: RankedOutcome) -> float:
        return self.value(ranking)


def other(read: Reading | None, value: Callable[[RankedOutcome], float]) -> Metric:
    metric = Other(METRICS["aurc"])
    object.__setattr__(metric, "read", read)
    object.__setattr__(metric, "value", value)
    return metric


@given(cases(), st.booleans(), st.integers(-3, 21))
def test_what_is_accepted_at_a_fixed_threshold(
    case: tuple[Outcome, Outcome, np.ndarray, np.ndarray], with_ood: bool, threshold: int
) -> None:
    ids, oods, *groups = case
    ranking = RankedOutcome(ids, "msp", oods if with_ood else None)

    def coverage(ranking: RankedOutcome) -> float:
        return float((ranking.ranked.scores >= threshold).mean())

    def false_positives(ranking: RankedOutcome) -> float:
        return float((ranking.ood_scores >= threshold).mean())

    def risk(ranking: RankedOutcome) -> float:
        accepted = ranking.ranked.scores >= threshold
        if ranking.ood is None:
            return float(ranking.ranked.wrong[accepted].mean()) if accepted.any() else 0.0
        errors = (accepted & ranking.ranked.wrong).mean() + false_positives(ranking)
        weight = coverage(ranking) + false_positives(ranking)
        return float(errors / weight) if weight else 0.0

    kinds = [(Kind.COVERAGE_AT_THRESHOLD, coverage), (Kind.RISK_AT_THRESHOLD, risk)]
    kinds += [(Kind.FPR_AT_THRESHOLD, false_positives)] if with_ood else []
    metrics = [other(Reading(kind, threshold), value) for kind, value in kinds]
    values, expected = (compute(ranking, metrics, *groups, count=5) for compute in (bootstrap, one_by_one))
    np.testing.assert_array_equal(values, expected)


def test_a_metric_that_compiled_code_does_not_know() -> None:
    """It stands among others, and each keeps its place."""
    rng = np.random.default_rng(0)
    ranking = RankedOutcome(outcome(rng.random(50), rng.random(50) < 0.7, rng), "msp")
    unknown = other(None, lambda ranking: float(ranking.ranked.scores.mean()))
    metrics = [Metric.parse("nll"), unknown, Metric.parse("aurc"), Metric.parse("accuracy"), Metric.parse("cov@20")]
    values, expected = (compute(ranking, metrics, np.arange(50), count=70) for compute in (bootstrap, one_by_one))
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert len(np.unique(values[1])) > 1


def test_groups_are_drawn_together() -> None:
    groups = group_numbers(np.array([b"a", b"a", b"b", b"c", b"c"]))
    assert groups.tolist() == [0, 0, 1, 2, 2]
    drawn = draws(3, 0)
    times = drawn.astype(float)
    assert drawn.shape == (3, LANES)
    assert (drawn.sum(axis=0) == 3).all()
    assert drawn.dtype == np.uint8
    correct = np.array([True, True, False, False, False])  # only samples of group 0 are right
    values = bootstrap(
        RankedOutcome(plain_outcome(np.arange(5.0), correct), "msp"), [Metric.parse("accuracy")], groups, count=LANES
    )
    assert values[0] == pytest.approx(100 * 2 * times[0] / (2 * times[0] + times[1] + 2 * times[2]))


def test_a_resample_is_the_same_however_many_there_are() -> None:
    rng = np.random.default_rng(0)
    ranking, metrics = (
        RankedOutcome(plain_outcome(rng.random(80), rng.random(80) < 0.7), "msp"),
        [Metric.parse("cov@30")],
    )
    few, many = (bootstrap(ranking, metrics, np.arange(80), count=count) for count in (10, 3 * LANES))
    assert few.tolist() == many[:, :10].tolist()
    assert len(np.unique(many)) > 10


def test_seeds_and_streams_are_independent() -> None:
    """Draws of OOD samples are not those of ID samples with any other seed."""
    blocks = {(seed, stream): draws(1000, 0, seed, stream).astype(float) for seed in range(3) for stream in range(2)}
    for first, ours in blocks.items():
        for second, theirs in blocks.items():
            correlation = np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]
            assert abs(correlation - (first == second)) < 0.02


def test_values_do_not_depend_on_threads_or_on_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ids, oods = (outcome(rng.random(n), rng.random(n) < 0.7, rng) for n in (300, 100))
    metrics = [Metric.parse(name) for name in ("risk@80", "aurc", "auroc")]
    arguments = (RankedOutcome(ids, "msp", oods), metrics, np.arange(300), np.arange(100))
    values = []
    for threads, kept in ((1, 2**30), (2, 2**30), (3, 2**30), (2, 300 * LANES)):
        monkeypatch.setattr(module, "_kept", type(module._kept)())
        monkeypatch.setattr(module, "processors", lambda threads=threads: threads)
        monkeypatch.setattr(module, "KEPT_BYTES", kept)
        for _ in range(2):
            values.append(bootstrap(*arguments, count=5 * LANES))
            assert 0 < sum(block.nbytes for block in module._kept.values()) <= kept
    assert all((other == values[0]).all() for other in values)


def test_counts_above_255_take_two_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", type(module._kept)())
    first_group = types.SimpleNamespace(integers=lambda total, size: np.zeros(size, dtype=np.int64))
    monkeypatch.setattr(np.random, "Generator", lambda bits: first_group)
    drawn = draws(300, 0)
    assert drawn.dtype == np.uint16
    assert drawn[0].tolist() == [300] * LANES
    assert not drawn[1:].any()


def test_dependent_samples_widen_an_interval() -> None:
    """32 copies of each of 50 images say no more than the 50."""
    rng = np.random.default_rng(0)
    correct = np.repeat(rng.random(50) < 0.7, 32)
    ranking = RankedOutcome(plain_outcome(rng.random(1600), correct), "msp")
    widths = []
    for groups in (np.arange(1600), np.repeat(np.arange(50), 32)):
        low, high = interval(bootstrap(ranking, [Metric.parse("accuracy")], groups, count=300)[0])
        widths.append(high - low)
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(32), rel=0.2)


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    rng = np.random.default_rng(0)
    correct = rng.random(2000) < 0.8
    ranking = RankedOutcome(plain_outcome(rng.random(2000), correct), "msp")
    low, high = interval(bootstrap(ranking, [Metric.parse("accuracy")], np.arange(2000), count=500)[0])
    error = 100 * 1.96 * np.sqrt(correct.mean() * (1 - correct.mean()) / 2000)
    assert (high - low) / 2 == pytest.approx(error, rel=0.15)


def test_a_resample_is_a_resample() -> None:
    """By hand, from the same draws: samples in the order of their ranking, each as often as it was drawn."""
    rng = np.random.default_rng(3)
    scores, correct = rng.random(60), rng.random(60) < 0.7
    metrics = [Metric.parse("risk@50"), Metric.parse("accuracy")]
    values = bootstrap(RankedOutcome(plain_outcome(scores, correct), "msp"), metrics, np.arange(60), count=5, seed=4)
    for lane, (risk, accuracy) in enumerate(values.T):
        index = np.repeat(np.argsort(-scores), draws(60, 0, seed=4)[np.argsort(-scores), lane])
        assert len(index) == 60
        assert risk == metrics[0].of_ranking(RankedOutcome(plain_outcome(scores[index], correct[index]), "msp"))
        assert accuracy == pytest.approx(100 * correct[index].mean())


def test_ood_data_needs_groups() -> None:
    ids = plain_outcome(np.arange(3.0), np.ones(3, bool))
    with pytest.raises(WeeError, match="needs the groups"):
        bootstrap(RankedOutcome(ids, "msp", ids), [Metric.parse("auroc")], np.arange(3))


def test_reading_between_points_is_linear_in_log_macs() -> None:
    macs, values = np.array([1e6, 1e8]), np.array([[10.0, 0.0], [20.0, 2.0]])
    assert at_macs(macs, values, 1e7).tolist() == pytest.approx([15.0, 1.0])
    assert np.isnan(at_macs(macs, values, 1e9)).all()


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for kernels that `load` has not compiled; the kernels themselves are put back afterwards."""
    for name in kernels._KERNELS:
        monkeypatch.setattr(kernels, name, lambda: None)


@pytest.mark.usefixtures("uncompiled")
def test_without_numba_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    before = kernels.read
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not kernels.load.__wrapped__()
    assert kernels.read is before


@pytest.mark.usefixtures("uncompiled")
def test_without_a_folder_for_compiled_code_it_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit(cache: bool = False, **options: Any) -> Callable[[Any], str]:
        def compile_one(function: Any) -> str:
            if cache:
                raise RuntimeError("cannot cache function: no locator available")
            return "compiled"

        return compile_one

    monkeypatch.setitem(sys.modules, "numba", types.SimpleNamespace(njit=njit))
    assert kernels.load.__wrapped__()
    assert kernels.read == kernels._walk == "compiled"


def test_numba_is_not_imported_unless_intervals_are_asked_for() -> None:
    script = "import sys, wee.sweep.run, wee.method.bootstrap as b; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
