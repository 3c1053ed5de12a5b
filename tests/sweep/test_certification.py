"""Certified metrics in a sweep: what is fitted on which part of the validation set, and what is measured where."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from tests.helpers.stores import FAR, fill_store
from tests.helpers.sweeps import pool, small
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.method import IntervalRule, Stages, Summary, Task, Window, fit_temperature, summarise
from wee.method.guarantees import one_of_each_group, split_groups
from wee.sweep.certification import TunedSystem, check
from wee.sweep.config import BootstrapConfig, CertifiedConfig, PolicyConfig, TaskConfig, WindowConfig
from wee.sweep.differences import differences
from wee.sweep.fronts import fronts
from wee.sweep.pool import Pool, Samples
from wee.sweep.rows import KEYS
from wee.sweep.run import Result, compute
from wee.sweep.summary import certified_summary, summary

COVERAGE, RISK = "certified@5", "certified_risk@5"
TASK = TaskConfig(["cov@5", "risk@80"], [COVERAGE, RISK, "accuracy"])
GUARANTEE = CertifiedConfig(delta=0.2, share=0.4, seed=3)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    store = fill_store(tmp_path_factory.mktemp("store"), scales=("s1", "s2"), count=3000, ood=True)
    return pool(store, "s2", splits=(VAL, TEST, FAR))


@pytest.fixture(scope="module")
def result(networks: Pool) -> Result:
    return compute(networks, small(task=TASK, guarantee=GUARANTEE, bootstrap=BootstrapConfig(40)))


@pytest.fixture(scope="module")
def table(result: Result) -> pd.DataFrame:
    return result.table()


def certified(table: pd.DataFrame) -> pd.DataFrame:
    return table[table.metric.isin([COVERAGE, RISK])]


def parts(networks: Pool) -> tuple[np.ndarray, np.ndarray]:
    """The places of the tuning and of the independent certification samples."""
    groups = networks.samples[VAL].groups
    certifies = split_groups(groups, GUARANTEE.seed, GUARANTEE.share)
    places = np.flatnonzero(certifies)
    return np.flatnonzero(~certifies), places[one_of_each_group(groups[places], GUARANTEE.seed)]


def stages(networks: Pool, split: SplitName, members: tuple[int, ...], samples: np.ndarray | None = None) -> Stages:
    """The stages of members, from the logits of some samples alone."""
    source = networks.samples[split]
    samples = np.arange(len(source.ids)) if samples is None else samples
    logits = [np.asarray(network.logits[split])[samples] for network in networks.networks]
    sets = [tuple(sorted(members[: m + 1])) for m in range(len(members))]
    summaries = summarise(logits, source.labels[samples], sets)
    costs = np.cumsum([networks.networks[member].cost for member in members]).tolist()
    return Stages([summaries[members] for members in sets], costs, source.ids[samples])


def accepted(scores: np.ndarray, wrong: np.ndarray, threshold: float) -> tuple[float, float]:
    """Coverage and risk at a threshold, in per cent."""
    keep = scores >= threshold
    return 100 * keep.mean(), 100 * wrong[keep].mean() if keep.any() else 0.0


@pytest.mark.parametrize("members", [(0, 1), (1, 0)])
def test_a_window_equals_a_direct_computation(networks: Pool, table: pd.DataFrame, members: tuple[int, int]) -> None:
    tuning, certification = parts(networks)
    rule = Window(Task.parse("cov@5"), 0.2).fit(stages(networks, VAL, members, tuning))
    data = {
        "val": stages(networks, VAL, members, tuning),
        "certification": stages(networks, VAL, members, certification),
        "test": stages(networks, TEST, members),
    }
    outcomes = {name: of.at(rule(of)) for name, of in data.items()}
    scores = {name: outcome.score("msp") for name, outcome in outcomes.items()}
    wrong = {name: ~outcome.correct for name, outcome in outcomes.items()}

    candidates = np.unique(np.quantile(scores["val"], np.linspace(0, 1, 200), method="lower"))[::-1]

    def numbers(name: str, threshold: float) -> tuple[int, int]:
        keep = scores[name] >= threshold
        return int(wrong[name][keep].sum()), int(keep.sum())

    on_tuning = [binom.cdf(*numbers("val", t), 0.05) for t in candidates]
    start = max(place for place, value in enumerate(on_tuning) if value == min(on_tuning))
    threshold = np.inf
    for candidate in candidates[start:]:
        if binom.cdf(*numbers("certification", candidate), 0.05) > GUARANTEE.delta:
            break
        threshold = candidate
    bounds = [(k, n) for k, n in (numbers("val", t) for t in candidates)]
    passing = [t for t, (k, n) in zip(candidates, bounds, strict=True) if k < n and beta.ppf(0.8, k + 1, n - k) <= 0.05]
    assert np.isfinite(threshold)

    rows = certified(table)
    rows = rows[(rows.policy == Window.name) & (rows.members == "+".join(map(str, members)))]
    assert len(rows) == 4
    for split, limit in (("val", passing[-1]), ("test", threshold)):
        of_split = rows[rows.split == split].set_index("metric")
        expected = accepted(scores[split], wrong[split], limit)
        assert (of_split.value[COVERAGE], of_split.value[RISK]) == pytest.approx(expected, abs=1e-9)
        assert set(of_split.acceptance) == {limit}
        assert set(of_split.price) == {outcomes[split].mean_cost}
        assert set(of_split.tau) == {rule.intervals[0].tau}
        assert set(zip(of_split.low, of_split.high, strict=True)) == {(rule.intervals[0].low, rule.intervals[0].high)}
        assert set(of_split.samples) == {len(scores[split])}
    assert set(rows[rows.split == "val"].groups) == {600}
    assert len(certification) == 400


def test_rows_without_a_task_are_always_measured_and_windows_for_the_task_alone(table: pd.DataFrame) -> None:
    rows = certified(table)
    assert set(rows[rows.policy == "window"].task) == {"cov@5"}
    assert rows[rows.policy != "window"].task.isna().all()
    assert set(rows.policy) == {"single", "ensemble", "window"}
    assert set(rows.split) == {"val", "test"}


def test_other_numbers_do_not_change(networks: Pool, result: Result) -> None:
    without = compute(
        networks, small(task=TaskConfig(["cov@5", "risk@80"], ["accuracy"]), bootstrap=BootstrapConfig(40))
    )
    rest = result.table()
    rest = rest[~rest.metric.isin([COVERAGE, RISK])].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, without.table())
    assert not without.table().duplicated(KEYS).any()
    assert all("certified_system" not in rule.to_dict() for rule in without.rules)
    assert [replace(rule, certified=None) for rule in result.rules] == without.rules


@pytest.mark.parametrize("temperature", [False, True])
def test_validation_numbers_do_not_depend_on_certification_labels(networks: Pool, temperature: bool) -> None:
    _, certification = parts(networks)
    labels = networks.samples[VAL].labels.copy()
    labels[certification] = (labels[certification] + 1) % 5
    changed = replace(networks, samples={**networks.samples, VAL: replace(networks.samples[VAL], labels=labels)})
    asked = small(task=TASK, guarantee=GUARANTEE, ensemble=EnsembleConfig(temperature=temperature))
    first, second = (certified(compute(found, asked).table()) for found in (networks, changed))
    on_val = first.split == "val"
    pd.testing.assert_frame_equal(first[on_val], second[on_val])
    rule = ["tau", "low", "high", "clamped", "price"]
    pd.testing.assert_frame_equal(first[rule], second[rule])  # the system is fixed by the tuning part
    assert np.isinf(second[~on_val].acceptance).all()  # with wrong labels alone, nothing can be certified
    assert set(second[~on_val].value) == {0.0}
    assert np.isfinite(first[~on_val].acceptance).all()


def test_temperatures_are_fitted_on_the_tuning_part(networks: Pool) -> None:
    tuning, _ = parts(networks)
    asked = small(task=TASK, guarantee=GUARANTEE, ensemble=EnsembleConfig(temperature=True))
    result = compute(networks, asked)
    expected = [
        fit_temperature(np.asarray(network.logits[VAL])[tuning], networks.samples[VAL].labels[tuning])
        for network in networks.networks
    ]
    pairs = [(rule, rule.certified) for rule in result.rules if rule.certified is not None]
    assert pairs
    for rule, system in pairs:
        assert [member.temperature for member in system.lineup] == [expected[member.member] for member in rule.lineup]
        assert [member.temperature for member in rule.lineup] != [member.temperature for member in system.lineup]
    plain = compute(networks, small(task=TASK, guarantee=GUARANTEE))
    assert not certified(plain.table()).value.equals(certified(result.table()).value)


def test_the_saved_system_has_the_thresholds_of_the_table(result: Result, table: pd.DataFrame) -> None:
    rows = certified(table).query("split == 'test' and metric == @COVERAGE").set_index(["policy", "members"])
    systems = [rule.certified for rule in result.rules if rule.certified is not None]
    assert len(systems) == len(rows)
    for system in systems:
        row = rows.loc[system.setting["policy"], system.setting["members"]]
        (entry,) = system.acceptance
        assert (entry.task, entry.least) == ("cov@5", row.acceptance)
        if isinstance(system.rule, IntervalRule):
            assert system.rule.intervals[0].tau == row.tau
    assert [type(rule).from_dict(rule.to_dict()).certified is None for rule in result.rules] == [
        rule.certified is None for rule in result.rules
    ]


def test_intervals_comparisons_and_fronts_have_them(result: Result, table: pd.DataFrame) -> None:
    on_test = certified(table).query("split == 'test'")
    assert (on_test.lower <= on_test.value).all()
    assert (on_test.value <= on_test.upper).all()
    assert (on_test.lower < on_test.upper).all()
    compared = differences(table, result, 0.95).query("metric == @COVERAGE and policy == 'window'")
    assert {"threshold", "full"} <= set(compared.versus)  # with one scale there are no curves
    assert set(fronts(table).metric) & {COVERAGE, RISK} == {COVERAGE}  # what is certified fixes the risk


def test_shifted_sets_are_measured_at_the_same_threshold_and_ood_sets_are_not(networks: Pool) -> None:
    shifted = SplitName.shifted("noisy")
    for network in networks.networks:
        network.logits[shifted] = network.logits[TEST] * 0.7  # type: ignore[index]
    found = replace(networks, samples={**networks.samples, shifted: networks.samples[TEST]})
    task = TaskConfig(["cov@5", "risk@80"], [COVERAGE, "aurc"])
    asked = small(task=task, guarantee=GUARANTEE, ood=["far"], shift=["noisy"])
    table = compute(found, asked).table()
    assert table.adjusted.any()
    rows = table[table.metric == COVERAGE]
    assert rows.ood.isna().all()
    assert not rows.adjusted.any()
    assert set(rows.split) == {"val", "test", str(shifted)}
    limits = rows.set_index(["policy", "members", "split"]).acceptance.unstack()
    assert limits["test"].equals(limits[str(shifted)].rename("test"))
    scaled = compute(found, replace(asked, ensemble=EnsembleConfig(temperature=True))).table()
    assert set(scaled[scaled.metric == COVERAGE].split) == set(rows.split)


CASES = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60)


@settings(max_examples=300)
@given(CASES, CASES, st.sampled_from([5, 20, 40]), st.sampled_from([0.05, 0.3]))
def test_nothing_is_certified_where_more_errors_were_seen(
    tuning: list[tuple[int, bool]], certification: list[tuple[int, bool]], risk: int, delta: float
) -> None:
    tuned, certifying = (_outcome(samples) for samples in (tuning, certification))
    task = Task.parse(f"cov@{risk}")
    system = TunedSystem(tuned.at(np.zeros(len(tuning), int)), "msp", [task])
    outcome = certifying.at(np.zeros(len(certification), int))
    threshold = system.certified(outcome, task.share, delta)
    keep = outcome.score("msp") >= threshold
    errors = int((~outcome.correct)[keep].sum())
    assert errors <= risk / 100 * keep.sum()
    assert not keep.any() or binom.cdf(errors, keep.sum(), risk / 100) <= delta


def _outcome(samples: list[tuple[int, bool]]) -> Stages:
    scores, correct = np.array([s for s, _ in samples], float), np.array([c for _, c in samples])
    blank = np.zeros(len(samples))
    summary_ = Summary({"msp": scores}, scores, blank.astype(int), correct, correct, blank, blank)
    return Stages([summary_], [1.0], np.arange(len(samples)).astype(np.bytes_))


def _only(groups: np.ndarray) -> Pool:
    """A pool without networks, whose validation samples have some groups."""
    return Pool("toy", ("made",), ("s1",), [], {VAL: Samples(np.zeros(len(groups), int), groups, groups)}, [])


def test_a_validation_set_of_one_group_is_refused() -> None:
    asked = small(task=TASK, guarantee=GUARANTEE)
    with pytest.raises(
        WeeError, match=r"the split val of toy is too small .*guarantee.share=0.4: 1 independent samples"
    ):
        check([_only(np.array([b"a"] * 50))], asked)
    check([_only(np.array([b"a"] * 50))], small())  # without certified metrics, nothing is split


def test_what_cannot_be_certified_is_said_beforehand(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "wee")
    found = [_only(np.arange(100).astype(np.bytes_))]
    check(found, small(task=TaskConfig(["cov@5"], ["certified@2", "certified_risk@2", COVERAGE])))
    assert "certified@2 and certified_risk@2 will be 0 everywhere" in caplog.text
    assert "takes at least 114 certification samples without an error, and there are 50" in caplog.text
    assert "certified@2 and certified_risk@2: no windows are set for cov@2; name it in task.names" in caplog.text
    assert COVERAGE not in caplog.text


def test_windows_without_the_task_are_refused_where_nothing_else_is_measured() -> None:
    task = TaskConfig(["cov@10"], [COVERAGE])
    with pytest.raises(WeeError, match="certified@5 is measured for windows that are set for cov@5 alone"):
        small(task=task, policy=PolicyConfig(["window"]), window=WindowConfig([0.2]))
    small(task=task, policy=PolicyConfig(["window", "single"]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"delta": 0.0}, "guarantee.delta is 0: it is the probability that a guarantee fails"),
        ({"delta": 1.0}, "guarantee.delta is 1"),
        ({"share": 0.0}, "guarantee.share is 0"),
        ({"seed": -1}, "guarantee.seed is -1"),
    ],
)
def test_a_guarantee_that_cannot_be_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        CertifiedConfig(**values)  # type: ignore[arg-type]


def test_the_summary_has_the_prices_of_the_refitted_rules(table: pd.DataFrame) -> None:
    plan = small(task=TASK, guarantee=GUARANTEE)
    shown = certified_summary(table, plan.certified, GUARANTEE.delta)
    assert shown.title == "certified with probability 0.8; test, msp"
    assert [column.header for column in shown.columns][3:] == ["risk <= 5 %: coverage / risk"]
    assert "voids it" in str(shown.caption)
    rows = certified(table).query("split == 'test' and policy == 'window'")
    cells = [list(column.cells) for column in shown.columns]
    assert cells[1] == ["single", "ensemble", "window 0.2"]
    means = (rows[rows.metric == metric].value.mean() for metric in (COVERAGE, RISK))
    assert cells[3][2] == " / ".join(f"{mean:.2f}" for mean in means)
    plain = table[~table.metric.isin([COVERAGE, RISK])]
    tasks = [task.metric for task in plan.tasks]
    pairs = ([list(column.cells) for column in summary(rows_, tasks).columns] for rows_ in (table, plain))
    assert next(pairs) == next(pairs)
