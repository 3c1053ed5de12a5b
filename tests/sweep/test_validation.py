"""The study of the validation set's size, against a direct computation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import wee.sweep.validation as validation
from tests.helpers.stores import fill_store
from tests.helpers.sweeps import plan, pool
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.method import RiskCoverage, Stages, Task, Window, summarise
from wee.method.bootstrap import group_numbers
from wee.sweep.config import PolicyConfig, ScoreConfig, TaskConfig, ValidationStudyConfig, WindowConfig
from wee.sweep.plan import Plan
from wee.sweep.pool import Pool
from wee.sweep.run import compute
from wee.sweep.validation import COLUMNS, QUANTITIES, check, groups_for, spreads, study, validation_sets

CONFIG = ValidationStudyConfig([60, 300], draws=4)


def small_plan(**changes: object) -> Plan:
    parts = {
        "policy": PolicyConfig(["single", "ensemble", "window", "threshold"], [0.4]),
        "window": WindowConfig([0.2]),
        "score": ScoreConfig("msp", ["same", "energy"]),
        "task": TaskConfig(["cov@20", "risk@80"], ["aurc"]),
        **changes,
    }
    return plan(**parts)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return pool(fill_store(tmp_path_factory.mktemp("store")), "s1")


@pytest.fixture(scope="module")
def table(networks: Pool) -> pd.DataFrame:
    return study(networks, small_plan(), CONFIG)


def test_every_setting_has_a_row_for_each_validation_set(table: pd.DataFrame) -> None:
    assert list(table.columns) == COLUMNS
    systems = (2 + 1 + 2) * 2 + 2 * 2  # members, the ensemble, orders of single thresholds, by task; orders of windows
    assert len(table) == systems * 2 * CONFIG.sets  # by two scores
    assert not table.duplicated(COLUMNS[: COLUMNS.index("tau")]).any()
    assert table[table.draw.isna()].val_size.eq(300).all()
    assert table[table.draw.notna()].groupby("val_size").draw.nunique().to_dict() == {60: 4, 300: 4}
    assert set(zip(table.val_size, table.val_groups, strict=True)) == {(60, 20), (300, 100)}


@pytest.mark.parametrize("name", ["cov@20", "risk@80"])
def test_a_row_is_what_a_plain_computation_says(networks: Pool, table: pd.DataFrame, name: str) -> None:
    """One cascade on the third set of 60 samples, computed from its logits with nothing of the study but the draw."""
    times = list(validation_sets(group_numbers(networks.samples[VAL].groups), 60, 4, seed=0))[2]
    drawn = np.repeat(np.arange(300), times)
    task = Task.parse(name)

    def stages(split: SplitName, samples: np.ndarray) -> Stages:
        logits = [networks.networks[k].logits[split][samples] for k in (1, 0)]
        found = summarise(logits, networks.samples[split].labels[samples], [(0,), (0, 1)], ["msp"])
        return Stages([found[0,], found[0, 1]], [1e6, 2e6], networks.samples[split].ids[samples])

    val, test = stages(VAL, drawn), stages(TEST, np.arange(300))
    rule = Window(task, 0.2).fit(val)
    final, outcome = val.at(rule(val)), test.at(rule(test))
    order = np.argsort(-final.score("msp"), kind="stable")
    scores, errors = final.score("msp")[order], np.cumsum(~final.correct[order])
    accepted = np.arange(1, len(drawn) + 1)
    whole_blocks = np.append(scores[:-1] != scores[1:], True)
    enough = errors <= 0.2 * accepted if name == "cov@20" else accepted >= 0.8 * len(drawn)
    threshold = scores[np.flatnonzero(enough & whole_blocks)[-1 if name == "cov@20" else 0]]
    kept = outcome.score("msp") >= threshold

    (row,) = table.query(
        "members == '1+0' and policy == 'window' and task == @name and eval_score == 'msp' and val_size == 60 and draw == 2"
    ).itertuples()
    first = rule.intervals[0]
    assert (row.tau, row.rank, row.low, row.high) == (first.tau, first.rank, first.low, first.high)
    assert (row.threshold, row.macs) == (threshold, pytest.approx(outcome.cost.mean()))
    assert row.value == task.read(RiskCoverage.of(outcome.score("msp"), outcome.correct))[0]
    assert row.deployed_cov == pytest.approx(100 * kept.mean())
    assert row.deployed_risk == pytest.approx(100 * (~outcome.correct[kept]).mean())
    assert 0 < row.deployed_risk < 100
    assert 0 < row.deployed_cov < 100


def test_a_draw_of_every_group_once_is_the_validation_set_itself(
    networks: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "validation_sets", lambda groups, *others: iter([np.ones_like(groups)]))
    found = study(networks, small_plan(), ValidationStudyConfig([300], draws=1))
    names = [name for name in COLUMNS if name != "draw"]
    whole, drawn = (found[found.draw.isna() == empty][names].reset_index(drop=True) for empty in (True, False))
    pd.testing.assert_frame_equal(whole, drawn)


def test_the_whole_validation_set_gives_the_numbers_of_the_sweep(networks: Pool, table: pd.DataFrame) -> None:
    swept = compute(networks, small_plan()).table()
    swept = swept[(swept.split == "test") & (swept.task.isna() | (swept.task == swept.metric))]
    keys = ["members", "policy", "eval_score"]
    numbers = swept.assign(task=swept.metric).set_index([*keys, "task"])
    whole = table[table.draw.isna()]
    for row in whole.itertuples():
        same = numbers.loc[(row.members, row.policy, row.eval_score, row.task)]
        assert (row.value, row.macs) == (same.value, same.macs)
        if row.policy == "window":
            assert (row.tau, row.low, row.high) == (same.tau, same.low, same.high)
    assert len(whole) == 28


def test_draws_are_the_same_for_all_networks_and_again(networks: Pool, table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(study(networks, small_plan(), CONFIG), table)
    alone = study(networks, small_plan(policy=PolicyConfig(["single"])), ValidationStudyConfig([60], draws=2))
    same = table[(table.policy == "single") & ((table.val_size == 60) & (table.draw < 2) | table.draw.isna())]
    columns = ["members", "task", "eval_score", "val_size", "draw", *QUANTITIES[4:]]
    pd.testing.assert_frame_equal(alone[columns], same[columns].reset_index(drop=True), check_dtype=False)
    other = study(networks, small_plan(policy=PolicyConfig(["single"])), ValidationStudyConfig([60], draws=2, seed=1))
    assert not alone.threshold.equals(other.threshold)


def test_groups_are_drawn_whole_and_with_replacement() -> None:
    groups = np.array([0, 1, 1, 2, 2, 2] * 10) + np.repeat(3 * np.arange(10), 6)
    sets = list(validation_sets(groups, 41, 50, seed=3))
    assert groups_for(groups, 41) == 20 == round(41 / 2)
    sizes = np.bincount(groups)
    for times in sets:
        of_group = np.bincount(groups, times) / sizes
        assert (times == of_group[groups]).all()
        assert of_group.sum() == 20
    assert max(times.max() for times in sets) > 1
    assert len({tuple(times) for times in sets}) == 50
    assert next(validation_sets(np.arange(30), 1000, 1, seed=0)).sum() == 1000


def test_more_draws_begin_with_the_same_ones() -> None:
    few, many = (list(validation_sets(np.arange(100) // 3, 90, count, seed=0)) for count in (3, 5))
    assert all(np.array_equal(a, b) for a, b in zip(few, many[:3], strict=True))


def test_spreads_are_of_each_system_and_then_averaged(table: pd.DataFrame) -> None:
    found = spreads(table)
    where = "policy == 'window' and task == 'cov@20' and eval_score == 'energy' and val_size == 60"
    (row,) = found.query(where + " and quantity == 'deployed_risk'").itertuples()
    risks = table.query(where).groupby("members").deployed_risk
    assert len(risks) == row.systems == 2
    assert row.draws == 4
    assert (row.mean, row.sd) == pytest.approx((risks.mean().mean(), risks.std().mean()))
    assert (row.q05, row.q50, row.q95) == pytest.approx(tuple(risks.quantile(q).mean() for q in (0.05, 0.5, 0.95)))
    whole = table[table.draw.isna()].query("policy == 'window' and task == 'cov@20' and eval_score == 'energy'")
    assert row.whole == pytest.approx(whole.deployed_risk.mean())
    assert set(found[found.policy == "single"].quantity) == set(QUANTITIES[4:])
    assert (found[(found.policy == "ensemble") & (found.quantity == "price")].sd == 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": [0]}, "validation.sizes has 0: a size is a number of samples"),
        ({"sizes": [2.5]}, "validation.sizes has 2.5"),
        ({"sizes": ["all"]}, "validation.sizes has 'all'"),
        ({"sizes": [9, 9]}, r"names a size twice: \[9, 9\]"),
        ({"draws": 0}, "validation.draws is 0"),
        ({"seed": -1}, "validation.seed is -1"),
    ],
)
def test_a_bad_config_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        ValidationStudyConfig(**changes)  # type: ignore[arg-type]
    assert ValidationStudyConfig(250).sizes == [250]


def test_a_study_that_cannot_be_made_is_refused_before_anything_is_computed(networks: Pool) -> None:
    tasks = [Task.parse("cov@20")]
    check([networks], tasks, CONFIG)
    with pytest.raises(
        WeeError, match="validation.sizes has 1, but .* has 3 samples in each group .* 3 samples or more"
    ):
        check([networks], tasks, ValidationStudyConfig([250, 1]))
    with pytest.raises(WeeError, match="fpr@95 needs OOD data"):
        check([networks], [*tasks, Task.parse("fpr@95")], CONFIG)
    check([networks], [Task.parse("fpr@95")], ValidationStudyConfig())
