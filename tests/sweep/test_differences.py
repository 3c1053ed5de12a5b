"""Policies compared: at equal MACs, at equal quality, with a single threshold at each stage."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.stores import fill_store
from tests.helpers.sweeps import SPLITS, plan, pool
from wee.data.splits import TEST, VAL
from wee.members.config import EnsembleConfig
from wee.method import Interval, IntervalRule, Metric, RankedOutcome, Stages, Summary, Task, Window, summarise
from wee.method.policies import matched_threshold
from wee.sweep.config import BootstrapConfig, PolicyConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.differences import adjustments, averages, differences, equal_quality, price_at
from wee.sweep.rows import Row
from wee.sweep.run import Result, compute

SCALES = ("s1", "s2", "s3")


def run(folder: Path, members: int = 2, size: int = 2, width: object = 0.2, metrics: object = ()) -> Result:
    wanted = plan(
        ensemble=EnsembleConfig(size, members),
        policy=PolicyConfig(["single", "ensemble", "window"]),
        window=WindowConfig(width),
        score=ScoreConfig("msp"),
        task=TaskConfig(["cov@20"], list(metrics)),  # type: ignore[call-overload]
        bootstrap=BootstrapConfig(80),
    )
    store = fill_store(folder, members=members, scales=SCALES)
    result = Result()
    for scale in SCALES:
        result.extend(compute(pool(store, scale, members=members), wanted))
    return result


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(tmp_path_factory.mktemp("pairs"), width=[0.1, 0.2, "all"])


@pytest.fixture(scope="module")
def trios(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(tmp_path_factory.mktemp("trios"), members=3)


def test_a_window_is_compared_with_the_threshold_that_sends_on_as_many(pairs: Result, tmp_path: Path) -> None:
    compared = differences(pairs.table(), pairs, 0.95)
    row = compared.query(
        "versus == 'threshold' and scale == 's2' and metric == 'cov@20' and split == 'test' and width == 0.2"
    ).iloc[0]
    networks = pool(fill_store(tmp_path, scales=SCALES), "s2")
    values, macs = [], []
    for order in ((0, 1), (1, 0)):
        stages = {}
        for split, samples in networks.samples.items():
            found = summarise([networks.networks[k].logits[split] for k in order], samples.labels, [(0,), (0, 1)])
            stages[split] = Stages([found[0,], found[0, 1]], [3e6, 6e6], samples.ids)
        window = Window(Task.parse("cov@20"), 0.2).fit(stages[VAL]).intervals[0]
        scores = stages[VAL].summaries[0].scores["msp"]
        count = int(((window.low <= scores) & (scores <= window.high)).sum())
        threshold = np.sort(scores)[count - 1]
        rule = IntervalRule("msp", [Interval(-np.inf, threshold)])
        outcome = stages[TEST].at(rule(stages[TEST]))
        values.append(Metric.parse("cov@20").of_ranking(RankedOutcome(outcome, "msp")))
        macs.append(outcome.mean_cost)
    assert row.baseline == pytest.approx(np.mean(values))
    assert row.baseline_macs == pytest.approx(np.mean(macs))
    assert row.difference == row.value - row.baseline
    everything = compared.query("versus == 'threshold' and width == 'all'")
    assert len(everything)
    assert (everything.difference == 0).all()  # both send everything on
    assert everything.simultaneous_lower.isna().all()


def test_another_score_is_compared_with_the_first_one_in_the_same_system(tmp_path: Path) -> None:
    """A score that decides exits and ranks, and one that only ranks; accuracies too, which depend on exits alone."""
    wanted = plan(
        policy=PolicyConfig(["single", "ensemble", "window"]), window=WindowConfig(0.2), score=ScoreConfig(["energy", "msp"]),
        task=TaskConfig(["cov@20"], ["accuracy"]), bootstrap=BootstrapConfig(60),
    )  # fmt: skip
    result = compute(pool(fill_store(tmp_path, scales=("s2",)), "s2"), wanted)
    table = result.table()
    compared = differences(table, result, 0.95)
    rows = compared[compared.versus == "score=energy"]
    assert len(rows) == 4 + 3 + 3  # the task, its deployed metrics, and for windows accuracy
    for policy, metric in (("window", "cov@20"), ("window", "accuracy"), ("ensemble", "cov@20")):
        row = rows[(rows.policy == policy) & (rows.metric == metric)].iloc[0]
        chosen = table[(table.policy == policy) & (table.metric == metric) & (table.split == "test")]
        other, first = (
            chosen[
                (chosen.eval_score.isna() | (chosen.eval_score == score))
                & (chosen.score.isna() | (chosen.score == score))
            ]
            for score in ("msp", "energy")
        )
        assert (row.value, row.baseline) == pytest.approx((other.value.mean(), first.value.mean()))
        assert (row.macs, row.baseline_macs) == pytest.approx((other.macs.mean(), first.macs.mean()))
        ours, theirs = (np.mean([result.draws[k] for k in part.index], axis=0) for part in (other, first))  # type: ignore[type-var]
        assert (row.lower, row.upper) == pytest.approx(tuple(np.quantile(ours - theirs, [0.025, 0.975])))
    assert (rows[rows.policy == "window"].macs != rows[rows.policy == "window"].baseline_macs).all()
    one_score = rows.query("policy == 'window' and score == 'energy'")
    assert one_score.empty


def test_an_adjusted_window_is_compared_with_the_unadjusted_one_of_the_same_cascades(
    pairs: Result, tmp_path: Path
) -> None:
    """In every stream by itself, resample by resample, and with simultaneous intervals of these comparisons alone."""
    store, shares = fill_store(tmp_path, members=3, scales=("s2",), ood=True), [0.1, 0.5]
    score, task, resampling = ScoreConfig("msp"), TaskConfig(["risk@80"], []), BootstrapConfig(60)
    wanted = plan(
        ensemble=EnsembleConfig(2, 3), policy=PolicyConfig(["single", "window"]), window=WindowConfig([0.2, "all"]),
        score=score, task=task, bootstrap=resampling, ood=["far"], ood_share=shares,
    )  # fmt: skip
    result = compute(pool(store, "s2", members=3, splits=SPLITS), wanted)
    table = result.table()
    compared = adjustments(table, result, 0.95)
    assert set(compared.versus) == {"unadjusted"}
    assert compared.adjusted.all()
    assert len(compared) == 2 * 2 * 3  # widths, shares, the task and its two deployed metrics
    rows = table[(table.metric == "risk@80") & (table.policy == "window") & (table.width == 0.2) & table.ood.notna()]
    for share in shares:
        row = compared.query(f"metric == 'risk@80' and width == 0.2 and ood_share == {share}").iloc[0]
        adjusted, fixed = (rows[(rows.ood_share == share) & (rows.adjusted == which)] for which in (True, False))
        assert (row.value, row.baseline) == pytest.approx((adjusted.value.mean(), fixed.value.mean()))
        assert (row.macs, row.baseline_macs) == pytest.approx((adjusted.macs.mean(), fixed.macs.mean()))
        assert row.macs != row.baseline_macs
        assert row.difference == pytest.approx(row.value - row.baseline)
        assert row.seeds == 3
        draws = [np.mean([result.draws[k] for k in part.index], axis=0) for part in (adjusted, fixed)]  # type: ignore[type-var]
        assert row.upper - row.difference >= 1.9599 * (draws[0] - draws[1]).std(ddof=1)
        assert row.simultaneous_upper > row.upper
    everything = compared[compared.width == "all"]
    assert (everything.difference == 0).all()  # everything goes on, adjusted or not
    assert compared.comparisons.max() <= len(compared) - len(everything)
    assert adjustments(pairs.table(), pairs, 0.95).empty  # without a stream there is nothing to adjust to


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 2), min_size=2, max_size=30), st.integers(0, 9), st.integers(0, 9))
def test_matched_thresholds_send_on_as_many_at_every_stage(
    scores: list[tuple[int, int]], first: int, second: int
) -> None:
    n = len(scores)
    noise = np.linspace(0, 0.5, n)  # no ties
    summaries = [
        Summary({"msp": np.array([s[k] for s in scores]) + noise}, np.ones(n), np.zeros(n, int), *(np.ones(n, bool),) * 2,
               np.zeros(n), np.zeros(n))
        for k in (0, 1, 0)
    ]  # fmt: skip
    stages = Stages(summaries, [1.0, 2.0, 3.0], np.arange(n).astype("S"))
    rule = IntervalRule("msp", [Interval(first, first + 4), Interval(second - 3, second)])
    matched = matched_threshold(rule, stages)
    assert all(interval.low == -np.inf for interval in matched.intervals)
    assert np.bincount(matched(stages), minlength=3).tolist() == np.bincount(rule(stages), minlength=3).tolist()


def test_averages_have_intervals_of_the_mean(pairs: Result) -> None:
    table = pairs.table()
    found = averages(table, pairs, 0.95)
    row = found.query("policy == 'single' and scale == 's1' and metric == 'cov@20' and split == 'test'").iloc[0]
    rows = table.query("policy == 'single' and scale == 's1' and metric == 'cov@20' and split == 'test'")
    assert (row.value, row.least, row.greatest, row["count"]) == (
        rows.value.mean(),
        rows.value.min(),
        rows.value.max(),
        2,
    )
    draws = np.mean([pairs.draws[k] for k in rows.index], axis=0)
    assert (row.lower, row.upper) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))
    assert row.seeds == 0
    assert set(found.split) == {"test"}


def test_from_three_members_on_seeds_are_in_the_interval(trios: Result) -> None:
    table = trios.table()
    found = averages(table, trios, 0.95)
    single = found.query("policy == 'single' and scale == 's2' and metric == 'cov@20'").iloc[0]
    rows = table.query("policy == 'single' and scale == 's2' and metric == 'cov@20' and split == 'test'")
    sampling = np.mean([trios.draws[k] for k in rows.index], axis=0).std(ddof=1)
    half = np.hypot(4.302652729696 * rows.value.std(ddof=1) / np.sqrt(3), 1.959963984540 * sampling)
    assert single.seeds == 3
    assert (single.lower, single.upper) == pytest.approx((single.value - half, single.value + half))

    compared = differences(table, trios, 0.95)
    row = compared.query("policy == 'window' and scale == 's2' and versus == 'single' and metric == 'cov@20'").iloc[0]
    windows = table.query("policy == 'window' and scale == 's2' and metric == 'cov@20' and split == 'test'")
    singles = table.query("policy == 'single' and metric == 'cov@20' and split == 'test'")
    left_out = []
    for member in ("0", "1", "2"):
        rest = windows[~windows.members.str.contains(member)]
        curve = singles[singles.members != member].groupby("macs").value.mean()
        baseline = np.interp(np.log(rest.macs.mean()), np.log(curve.index), curve)
        left_out.append(rest.value.mean() - baseline)
    seed_error = np.sqrt(2 / 3 * np.square(left_out - np.mean(left_out)).sum())
    assert row.seeds == 3
    assert row.upper - row.lower >= 2 * 4.302652729696 * seed_error
    assert row.upper - row.lower <= 2 * 4.302652729696 * seed_error + 2 * 1.96 * 10
    assert (row.upper + row.lower) / 2 == pytest.approx(row.difference)
    assert row.simultaneous_upper - row.simultaneous_lower > row.upper - row.lower


def test_seeds_are_unknown_where_nothing_is_left_without_a_member(tmp_path: Path) -> None:
    result = run(tmp_path, members=3, size=3)
    found = averages(result.table(), result, 0.95)
    assert set(found[found.policy == "ensemble"].seeds) == {0}
    assert set(found[found.policy == "single"].seeds) == {3}


def test_simultaneous_intervals_are_wider_and_count_their_family(pairs: Result) -> None:
    compared = differences(pairs.table(), pairs, 0.95)
    taking_part = compared.simultaneous_lower.notna()
    assert set(compared.comparisons) == {int(taking_part.sum())}
    assert 0 < taking_part.sum() < len(compared)
    wide = compared[taking_part]
    assert (wide.simultaneous_upper - wide.simultaneous_lower).mean() > 1.2 * (wide.upper - wide.lower).mean()


def test_price_at_equal_quality() -> None:
    macs, values = np.array([1.0, 10.0, 100.0]), np.array([[50.0], [70.0], [60.0]])
    read = [float(price_at(macs, values, np.array([v]), True)[0]) for v in (50.0, 60.0, 65.0, 70.0)]
    assert read == pytest.approx([1.0, 10**0.5, 10**0.75, 10.0])
    assert price_at(macs, values, np.array([71.0]), True)[0] == np.inf
    assert price_at(macs, values, np.array([49.0]), True)[0] == 0
    assert price_at(macs, -values, np.array([-60.0]), False)[0] == pytest.approx(10**0.5)


def test_equal_quality_says_where_no_single_model_reaches_a_cascade(pairs: Result) -> None:
    found = equal_quality(pairs.table(), pairs, 0.95).query("metric == 'cov@20' and policy != 'single'")
    curve = averages(pairs.table(), pairs, 0.95).query("policy == 'single' and metric == 'cov@20'")
    beyond = found[found.value > curve.value.max()]
    assert len(beyond)
    assert set(beyond.bound) == {"<"}
    assert np.allclose(beyond.share, beyond.macs / curve.macs.max())
    within = found[found.bound == ""]
    assert len(within)
    assert np.allclose(within.share, within.macs / within.single_macs)
    assert (within.lower <= within.upper).all()
    for row in within.itertuples():
        index = np.argsort(curve.macs)
        read = np.interp(np.log(row.single_macs), np.log(curve.macs.to_numpy()[index]), curve.value.to_numpy()[index])
        assert read == pytest.approx(row.value)


def test_deployed_metrics_are_compared_too(pairs: Result) -> None:
    compared = differences(pairs.table(), pairs, 0.95)
    assert {"deployed_cov@20", "deployed_risk@20"} <= set(compared.metric)
    assert not set(equal_quality(pairs.table(), pairs, 0.95).metric) & {"deployed_cov@20", "deployed_risk@20"}


def test_clamped_windows_are_marked(tmp_path: Path) -> None:
    store = fill_store(tmp_path, scales=("s1",))
    wanted = plan(
        policy=PolicyConfig(["window"]), window=WindowConfig([0.02, 0.2, "all"]), task=TaskConfig(["risk@95"], [])
    )
    table = compute(pool(store, "s1"), wanted).table()
    clamped = table.groupby(table.width.astype(str)).clamped.agg(set)
    assert clamped.to_dict() == {"0.02": {False}, "0.2": {True}, "all": {False}}
    assert isinstance(table, pd.DataFrame)


def rows_of(singles: np.ndarray, cascades: np.ndarray, draws: dict[str, np.ndarray]) -> Result:
    """A sweep of three members and two scales: singles [members, 2], cascades of the first scale [orders]."""
    about: dict[str, Any] = dict.fromkeys(column.name for column in fields(Row)) | {
        "dataset": "d", "family": ("f",), "score": "msp", "cost": "macs", "adjusted": False, "split": TEST,
        "metric": Metric.parse("cov@5"), "eval_score": "msp",
    }  # fmt: skip
    result = Result()
    for member, (small, large) in enumerate(singles):
        for scale, macs, value in (("s1", 1.0, small), ("s2", 4.0, large)):
            row = {"scale": (scale,), "members": (member,), "size": 1, "policy": "single", "score": None}
            result.add([Row(**{**about, **row, "price": macs, "value": value})], [value + draws[scale]], [None])
    for k, (first, second) in enumerate([(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)]):
        row = {
            "scale": ("s1",),
            "members": (first, second),
            "size": 2,
            "policy": "window",
            "width": 0.2,
            "task": Task.parse("cov@5"),
        }
        result.add(
            [Row(**{**about, **row, "price": 1.2, "value": cascades[k]})], [cascades[k] + draws["cascade"]], [None]
        )
    return result


@pytest.mark.parametrize("value", [55.0, 58.5, 59.9])
def test_seed_noise_is_in_the_interval_of_equal_quality(value: float) -> None:
    """Near an end of the curve, many resamples and some members lie beyond it."""
    rng = np.random.default_rng(int(10 * value))
    true = 1.2 / 4 ** ((value - 50) / 10)
    held, trials = 0, 300
    for _ in range(trials):
        seeds = rng.normal(scale=1.0, size=(3, 3))
        singles = np.array([50.0, 60.0]) + seeds[:, :2]
        members = value + seeds[:, 2]
        cascades = np.array([members[[a, b]].mean() for a, b in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1))])
        error = {name: rng.normal(scale=0.3) for name in ("s1", "s2", "cascade")}
        draws = {name: rng.normal(scale=0.3, size=40) for name in error}
        singles, cascades = singles + np.array([error["s1"], error["s2"]]), cascades + error["cascade"]
        result = rows_of(singles, cascades, draws)
        row = equal_quality(result.table(), result, 0.95).query("policy == 'window'").iloc[0]
        assert row.seeds == 3
        held += row.lower <= true <= row.upper
    assert held / trials >= 0.93


def test_a_clamped_window_has_no_simultaneous_interval_against_its_threshold(tmp_path: Path) -> None:
    wanted = plan(
        ensemble=EnsembleConfig(2, 2), policy=PolicyConfig(["single", "window"]), window=WindowConfig([0.02, 0.2]),
        score=ScoreConfig("msp"), task=TaskConfig(["risk@95"], []), bootstrap=BootstrapConfig(40),
    )  # fmt: skip
    store, result = fill_store(tmp_path, scales=SCALES), Result()
    for scale in SCALES:
        result.extend(compute(pool(store, scale), wanted))
    rows = differences(result.table(), result, 0.95).query("versus == 'threshold' and metric == 'risk@95'")
    assert len(rows[rows.width == 0.2]) == 3
    assert rows[rows.width == 0.2].simultaneous_lower.isna().all()
    assert rows[rows.width == 0.02].simultaneous_lower.notna().any()


def test_cascades_across_scales_are_compared_with_those_within_scales(tmp_path: Path) -> None:
    store = fill_store(tmp_path, scales=SCALES)
    wanted = plan(
        policy=PolicyConfig(["single", "ensemble", "window"]),
        window=WindowConfig([0.1, 0.2]),
        score=ScoreConfig("msp"),
        task=TaskConfig(["cov@20"]),
        bootstrap=BootstrapConfig(40),
    )
    within = Result()
    for scale in SCALES:
        within.extend(compute(pool(store, scale), wanted))
    both = Result()
    for scales in (*((scale,) for scale in SCALES), ("s1", "s2"), ("s1", "s2", "s3")):
        both.extend(compute(pool(store, *scales), wanted))
    compared = differences(both.table(), both, 0.95).query("metric == 'cov@20' and split == 'test'")
    rows = compared[compared.versus == "within"]
    assert set(rows.scale) <= {"s1>s2", "s1>s2>s3"}
    assert set(rows.policy) == {"window"}
    test = within.table().query("policy == 'window' and metric == 'cov@20' and split == 'test'")
    for width in (0.1, 0.2):
        curve = test[test.width == width].groupby("scale").agg(macs=("macs", "mean"), value=("value", "mean"))
        row = rows[(rows.scale == "s1>s2") & (rows.width == width)].iloc[0]
        assert row.baseline == pytest.approx(np.interp(np.log(row.macs), np.log(curve.macs), curve.value))
        assert row.difference == row.value - row.baseline
        assert row.lower <= row.difference <= row.upper
    # The curves of single models and ensembles within scales stay what they are.
    alone = differences(within.table(), within, 0.95).query("metric == 'cov@20' and split == 'test'")
    columns = ["scale", "policy", "width", "versus", "baseline", "difference", "lower", "upper"]
    same = compared[compared.scale.isin(SCALES)][columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, alone[columns].reset_index(drop=True))
    assert "within" not in set(alone.versus)
    ensembles = compared[(compared.policy == "ensemble") & (compared.versus == "ensemble")]
    assert set(ensembles.scale) <= {"s1>s2", "s1>s2>s3"}
    assert len(ensembles)
