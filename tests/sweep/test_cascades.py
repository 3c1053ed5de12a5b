"""Cascades of every make in a sweep: across scales, over exits, replacing, scaled, with OOD data, with intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.sweeps import SPLITS, exits, pool, small
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.method import fit_temperature, summarise
from wee.store import LogitStore
from wee.sweep.config import BootstrapConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.differences import differences
from wee.sweep.plan import Plan
from wee.sweep.pool import Pool, read_pool
from wee.sweep.run import Result, compute
from wee.sweep.settings import all_lineups


def run(found: Pool, wanted: Plan) -> pd.DataFrame:
    return compute(found, wanted).table()


def test_stages_of_different_scales_have_their_own_macs(store: LogitStore) -> None:
    found, _ = read_pool(store, "toy", "made", ["s1", "s3"], [0, 1], [VAL, TEST], [])
    assert found is not None
    table = run(found, small(window=WindowConfig([0, "all"])))
    assert set(table.scale) == {"s1>s3"}
    assert set(table.members) == {"0+0", "0+1", "1+0", "1+1"}
    assert set(table[table.width == 0].macs) == {1e6}
    assert set(table[table.width == "all"].macs) == {1e6 + 9e6}
    single = run(pool(store, "s1"), small())
    same = single.query(
        "policy == 'single' and members == '1' and metric == 'accuracy' and split == 'test'"
    ).value.iloc[0]
    first = table[
        (table.width == 0) & (table.members == "1+0") & (table.metric == "accuracy") & (table.split == "test")
    ]
    assert set(first.value) == {same}


def test_a_scale_twice_needs_two_members(store: LogitStore) -> None:
    twice, _ = read_pool(store, "toy", "made", ["s1", "s1", "s2"], [0, 1], [VAL, TEST], [])
    assert twice is not None
    cascades = [order.places for order in all_lineups(twice, EnsembleConfig()) if order.role == "cascade"]
    assert len(cascades) == 2 * 2
    assert all(len(set(nodes)) == 3 for nodes in cascades)
    alone, _ = read_pool(store, "toy", "made", ["s1", "s1"], [0], [VAL, TEST], [])
    assert alone is not None
    with pytest.raises(WeeError, match="too few members"):
        all_lineups(alone, EnsembleConfig(1, 1))


def test_replacing_ends_with_the_last_network_alone(store: LogitStore) -> None:
    found, _ = read_pool(store, "toy", "made", ["s1", "s3"], [0, 1], [VAL, TEST], [])
    assert found is not None
    replaced = run(found, small(ensemble=EnsembleConfig(combine="replace"), window=WindowConfig(["all"])))
    single = run(pool(store, "s3"), small()).query("policy == 'single' and split == 'test'")
    for member in "01":
        own = (
            replaced.query(f"policy == 'window' and split == 'test' and members == '0+{member}'")
            .set_index("metric")
            .value
        )
        last = single[single.members == member].set_index("metric").value
        assert own.to_dict() == last.to_dict()
    assert set(replaced[replaced.policy == "window"].macs) == {1e7}


def test_temperatures_are_fitted_on_validation(store: LogitStore) -> None:
    found = pool(store, "s2")
    plain, scaled = (run(found, small(ensemble=EnsembleConfig(temperature=t))) for t in (False, True))
    network = found.networks[0]
    temperature = fit_temperature(network.logits[VAL], found.samples[VAL].labels)
    summary = summarise([network.logits[TEST] / temperature], found.samples[TEST].labels, [(0,)])[0,]
    row = scaled.query("policy == 'single' and members == '0' and split == 'test' and metric == 'nll'").value.iloc[0]
    assert row == pytest.approx(-summary.log_prob.mean(), rel=1e-6)
    val = [t.query("policy == 'single' and split == 'val' and metric == 'nll'").value.sum() for t in (plain, scaled)]
    assert val[1] < val[0]


def test_ood_sets_do_not_leak_into_each_other(store: LogitStore) -> None:
    """One set's numbers are the same whether or not another is evaluated beside it."""
    task = TaskConfig(["risk@50", "fpr@80"], ["aurc", "auroc"])
    far, twin = SplitName.ood("far"), SplitName.ood("twin")
    found = pool(store, "s1", splits=SPLITS)
    copied = Pool(
        found.dataset, found.families, found.scales, found.networks,
        {**found.samples, twin: found.samples[far]}, found.entries,
    )  # fmt: skip
    for network in copied.networks:
        network.logits[twin] = network.logits[far][::-1] * 3  # type: ignore[index]
    alone = run(found, small(task=task, ood=["far"]))
    both = run(copied, small(task=task, ood=["twin", "far"]))
    pd.testing.assert_frame_equal(
        alone[alone.ood == "far"].reset_index(drop=True), both[both.ood == "far"].reset_index(drop=True)
    )
    assert set(both.ood.dropna()) == {"twin", "far"}


def test_ood_rows_have_the_macs_of_both_halves(store: LogitStore) -> None:
    table = run(pool(store, "s1", splits=SPLITS), small(task=TaskConfig(["fpr@80"], ["auroc"]), ood=["far"]))
    alone = table[table.ood.isna()]
    assert set(alone.metric) == {"deployed_tpr@80"}  # how many ID samples a deployed system accepts needs no OOD data
    assert set(alone.split) == {"val", "test"}
    table = table[table.ood.notna()]
    assert set(table.split) == {"test"}  # nothing about OOD data is known on validation
    assert np.allclose(table.macs, (table.macs_id + table.macs_ood) / 2)
    assert set(table[table.policy == "window"].adjusted) == {True, False}
    assert not table[table.policy != "window"].adjusted.any()


def test_an_ood_task_needs_an_ood_set() -> None:
    with pytest.raises(WeeError, match="fpr@80 is about OOD data, and ood is empty"):
        small(task=TaskConfig(["fpr@80"], []))


def test_the_convention_reaches_the_table(store: LogitStore) -> None:
    paper, strict = (
        run(pool(store, "s1"), small(task=TaskConfig(["cov@20"], ["aurc"], convention=c))) for c in ("paper", "strict")
    )
    both = paper.merge(
        strict, on=["members", "policy", "width", "split", "metric", "eval_score"], suffixes=("", "_strict")
    )
    assert (both.value != both.value_strict).any()
    assert np.allclose(both.macs, both.macs_strict, rtol=0.05)


def test_scores_about_disagreement_rank_ensembles_alone(store: LogitStore) -> None:
    table = run(pool(store, "s1"), small(score=ScoreConfig("msp", ["msp", "mutual_information"])))
    assert set(table[table.eval_score == "mutual_information"].policy) == {"ensemble"}
    with pytest.raises(WeeError, match="decide no exit"):
        ScoreConfig("mutual_information")


def test_disagreement_alone_can_be_asked_for(store: LogitStore) -> None:
    table = run(pool(store, "s1"), small(score=ScoreConfig("msp", "mutual_information")))
    ranked = table[table.eval_score.notna()]
    assert set(ranked.policy) == {"ensemble"}
    assert set(table[table.eval_score.isna()].metric) == {"accuracy", "nll"}
    assert set(table.policy) == {"single", "ensemble", "window"}


def test_a_later_exit_replaces_and_costs_what_it_costs(tmp_path: Path) -> None:
    found = exits(tmp_path)
    ensemble = EnsembleConfig(1, 1, exits=[[1, 3], [1, 2, 3]])
    table = run(found, small(ensemble=ensemble, window=WindowConfig([0.2, "all", [0.5, 0.2]])))
    assert set(table.exits) == {"1", "2", "3", "1+3", "1+2+3"}
    assert set(table[table.width == "all"].macs) == {4.0}
    last = table.query("exits == '3' and metric == 'accuracy'").set_index("split").value
    ends = (
        table[(table.width == "all") & (table.metric == "accuracy") & (table.exits == "1+3")].set_index("split").value
    )
    assert last.to_dict() == ends.to_dict()
    assert set(table[table.width == "0.5+0.2"].exits) == {"1+2+3"}


@pytest.mark.parametrize(
    ("ensemble", "window", "message"),
    [
        (EnsembleConfig(1, 1, exits=[[1, 4]]), [0.2], r"ensemble.exits has \[1, 4\], but msd/m has exits 1 to 3"),
        (EnsembleConfig(1, 1, exits=[[1, 3]]), [[0.5, 0.2]], "for a cascade of 3 stages, but cascades have 2"),
    ],
)
def test_exits_and_widths_must_fit(
    tmp_path: Path, ensemble: EnsembleConfig, window: list[object], message: str
) -> None:
    with pytest.raises(WeeError, match=message):
        run(exits(tmp_path), small(ensemble=ensemble, window=WindowConfig(window)))


def test_exits_are_for_networks_that_have_them(store: LogitStore) -> None:
    with pytest.raises(WeeError, match="made/s1 has one output"):
        all_lineups(pool(store, "s1"), EnsembleConfig(exits=[[1, 2]]))


@pytest.mark.parametrize("wrong", [[[3, 1]], [[1, 1]], [[0, 2]], [[]]])
def test_wrong_exits_are_refused(wrong: list[list[int]]) -> None:
    with pytest.raises(WeeError, match=r"ensemble\.exits"):
        EnsembleConfig(1, 1, exits=wrong)


@pytest.mark.parametrize("wrong", [{"resamples": -1}, {"level": 1.0}, {"seed": -1}])
def test_a_bootstrap_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(WeeError, match=f"bootstrap.{next(iter(wrong))} "):
        BootstrapConfig(**wrong)  # type: ignore[arg-type]


def test_intervals_hold_their_values_and_differences_are_paired(store: LogitStore) -> None:
    wanted = small(
        bootstrap=BootstrapConfig(60), task=TaskConfig(["cov@20"], ["accuracy"]), window=WindowConfig([0, 0.2])
    )
    whole = Result()
    for scale in ("s1", "s2", "s3"):
        whole.extend(compute(pool(store, scale), wanted))
    table = whole.table()
    test = table[table.split == "test"]
    assert (test.lower <= test.upper).all()
    accuracy = test[test.metric == "accuracy"]
    assert ((accuracy.lower <= accuracy.value) & (accuracy.value <= accuracy.upper)).all()
    assert table[table.split == "val"].lower.isna().all()

    assert {draws.dtype for draws in whole.draws if draws is not None} == {np.dtype(np.float64)}
    found = differences(table, whole, 0.95)
    nothing = found[(found.policy == "window") & (found.width == 0) & (found.versus == "single")]
    assert len(nothing)
    # The same thing, resample by resample.
    assert np.allclose(nothing[["difference", "lower", "upper"]].astype(float), 0, atol=1e-11)
    cascade = found[(found.policy == "window") & (found.width == 0.2) & (found.versus == "single")]
    assert (cascade.lower <= cascade.upper).all()
    assert np.allclose(cascade.value - cascade.baseline, cascade.difference)
