"""Which networks a sweep runs, in which orders, and what it says of those that it leaves out."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.stores import fill_store
from tests.helpers.sweeps import exits, plan, pool
from wee.data.splits import TEST, VAL
from wee.members.config import EnsembleConfig
from wee.method import summarise
from wee.store import LogitStore
from wee.sweep.config import BootstrapConfig, PolicyConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.differences import differences
from wee.sweep.pool import Candidate, Pool, read_pool
from wee.sweep.run import Result, compute
from wee.sweep.settings import all_lineups, left_out


def bare(members: int, *stages: str) -> Pool:
    """A pool without logits."""
    scales = list(dict.fromkeys(stages or ("s1",)))
    networks = [Candidate("made", scale, member, None, 1.0, {}) for scale in scales for member in range(members)]
    places = [[k for k, network in enumerate(networks) if network.scale == scale] for scale in stages]
    return Pool("toy", ("made",), stages or ("s1",), networks, {}, [], places)


def lineups_of(found: Pool, ensemble: EnsembleConfig, role: str = "cascade") -> list[tuple[int, ...]]:
    return [order.places for order in all_lineups(found, ensemble) if order.role == role]


@given(st.integers(2, 8), st.integers(2, 8), st.integers(1, 30), st.integers(1, 60), st.integers(0, 9))
def test_cascades_keep_to_their_caps(members: int, size: int, max_orders: int, max_cascades: int, seed: int) -> None:
    size = min(size, members)
    ensemble = EnsembleConfig(size, members, max_orders=max_orders, max_cascades=max_cascades, seed=seed)
    cascades = lineups_of(bare(members), ensemble)
    assert len(set(cascades)) == len(cascades) <= max_cascades
    assert cascades == sorted(cascades)
    firsts = Counter(lineup[0] for lineup in cascades)
    assert max(firsts.values()) - min(firsts[member] for member in range(members)) <= 1
    by_set = Counter(frozenset(lineup) for lineup in cascades)
    assert max(by_set.values()) <= max_orders
    assert sorted(lineups_of(bare(members), ensemble, "together")) == sorted(
        tuple(sorted(members)) for members in by_set
    )
    assert lineups_of(bare(members), ensemble, "alone") == [(member,) for member in range(members)]


@pytest.mark.parametrize(("size", "members"), [(2, 2), (2, 8), (3, 4), (4, 4)])
def test_all_orders_are_run_as_long_as_they_are_few(size: int, members: int) -> None:
    every = list(itertools.permutations(range(members), size))
    for some in (EnsembleConfig(size, members), EnsembleConfig(size, members, orders=1000)):
        assert lineups_of(bare(members), some) == every
        assert left_out(bare(members), some) is None
        assert {order.cascades for order in all_lineups(bare(members), some) if order.role != "alone"} == {len(every)}


def test_the_orders_asked_for_are_run() -> None:
    listed = [list(order) for order in itertools.permutations(range(5))]
    assert lineups_of(bare(5), EnsembleConfig(5, 5, orders=listed)) == list(itertools.permutations(range(5)))
    assert left_out(bare(5), EnsembleConfig(5, 5, orders=listed)) is None
    assert lineups_of(bare(5), EnsembleConfig(2, 5, orders="given")) == list(itertools.combinations(range(5), 2))
    assert left_out(bare(5), EnsembleConfig(2, 5, orders="given")) is None
    given = lineups_of(bare(8), EnsembleConfig(4, 8, orders="given", max_cascades=10))
    assert len(given) == 10
    assert all(list(lineup) == sorted(lineup) for lineup in given)
    assert len(lineups_of(bare(6), EnsembleConfig(6, 6, orders=100))) == 100  # more than max_orders, which is for "all"
    few = lineups_of(bare(4), EnsembleConfig(3, 4, orders=2))
    assert Counter(frozenset(lineup) for lineup in few) == dict.fromkeys(
        map(frozenset, itertools.combinations(range(4), 3)), 2
    )


@pytest.mark.parametrize(
    ("found", "ensemble", "message"),
    [
        (
            bare(8),
            EnsembleConfig(8, 8),
            "s1: 24 of 40,320 cascades of 8 members are run (24 of 40,320 orders of 1 set of members)",
        ),
        (
            bare(8),
            EnsembleConfig(4, 8),
            "210 of 1,680 cascades of 4 members are run (3 of 24 orders of each of 70 sets of",
        ),
        (
            bare(12),
            EnsembleConfig(6, 12),
            "240 of 665,280 cascades of 6 members are run (1 of 720 orders of each of 240 of 924",
        ),
        (
            bare(4),
            EnsembleConfig(3, 4, orders=2),
            "4 sets of members); ensemble.orders and ensemble.max_cascades set the caps, and ensemble.seed sets the draw",
        ),
        (
            bare(8),
            EnsembleConfig(4, 8, orders="given", max_cascades=9),
            "9 of 70 sets of members); ensemble.max_cascades",
        ),
        (
            bare(20, "s1", "s2"),
            EnsembleConfig(2, 20),
            "s1>s2: 240 of 400 cascades of 2 members are run (1 of 1 orders of",
        ),
    ],
)
def test_what_is_left_out_is_said(found: Pool, ensemble: EnsembleConfig, message: str) -> None:
    assert message in str(left_out(found, ensemble))


def test_cascades_across_scales_keep_to_the_caps() -> None:
    found = bare(20, "s1", "s2")
    cascades = lineups_of(found, EnsembleConfig(2, 20))
    assert len(set(cascades)) == 240
    assert set(Counter(first for first, _ in cascades).values()) == {12}
    assert set(Counter(second for _, second in cascades).values()) == {12}
    assert {order.cascades for order in all_lineups(found, EnsembleConfig(2, 20))} == {400}
    assert len(lineups_of(bare(5, *["s1"] * 5), EnsembleConfig(2, 5))) == 24


def test_a_stage_without_a_family_is_of_the_sweeps_family(tmp_path: Path) -> None:
    """Another family may have a scale of the same name."""
    fill_store(tmp_path, scales=("s1",), count=30)
    store = fill_store(tmp_path, scales=("s1",), count=30, family="other")
    found, _ = read_pool(store, "toy", "made", ["s1", "other/s1"], [0, 1], [VAL, TEST], [])
    assert found is not None
    assert lineups_of(found, EnsembleConfig()) == [(0, 2), (0, 3), (1, 2), (1, 3)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LogitStore:
    return fill_store(tmp_path_factory.mktemp("store"), members=3, count=120)


def replacing(found: Pool, size: int) -> pd.DataFrame:
    """All policies under combine=replace, with a width at which everything goes on to the end."""
    wanted = plan(
        ensemble=EnsembleConfig(size, 3, combine="replace"),
        policy=PolicyConfig(["single", "ensemble", "last", "window"]),
        window=WindowConfig(["all"]),
        score=ScoreConfig("msp", ["msp", "mutual_information"]),
        task=TaskConfig(["cov@20"], ["accuracy", "nll"]),
    )
    return compute(found, wanted).table()


def test_ensembles_are_averages_where_stages_replace(store: LogitStore) -> None:
    found = pool(store, "s1", members=3)
    table = replacing(found, 2)
    rows = table[(table.policy == "ensemble") & (table.split == "test")]
    assert sorted(set(rows.members)) == ["0+1", "0+2", "1+2"]
    assert set(rows.macs) == {2e6}
    logits = [network.logits[TEST] for network in found.networks]
    expected = summarise(logits, found.samples[TEST].labels, [(0, 2)])[0, 2]
    values = rows[(rows.members == "0+2") & rows.eval_score.isna()].set_index("metric").value
    assert values["accuracy"] == 100 * expected.correct.mean()
    assert values["nll"] == pytest.approx(-expected.log_prob.mean())
    assert set(table[table.eval_score == "mutual_information"].policy) == {"ensemble"}


def test_the_last_of_all_stages_has_rows_of_its_own(store: LogitStore) -> None:
    table = replacing(pool(store, "s1", members=3), 3)
    last, window, single = (
        table[(table.policy == policy) & (table.eval_score != "mutual_information")]
        for policy in ("last", "window", "single")
    )
    assert set(last.members) == {"1+2+0", "0+2+1", "0+1+2"}
    assert set(last.macs) == {3e6}
    key = ["split", "metric", "eval_score", "member"]
    values = [rows.assign(member=rows.members.str[-1]).fillna({"eval_score": ""}) for rows in (last, window, single)]
    by_last, by_window, by_member = (rows.groupby(key).value.unique() for rows in values)
    assert len(by_last) == 2 * 3 * (3 + 2)  # the task has two deployed metrics
    for place in by_last.index:  # every order with the same last member, and that member alone, say the same
        assert len(by_last[place]) == 1
        assert by_last[place] == by_window[place] == by_member[place]


def test_there_is_no_last_stage_where_outputs_are_averaged(store: LogitStore) -> None:
    wanted = plan(policy=PolicyConfig(["single", "ensemble", "last", "window"]))
    assert set(compute(pool(store, "s1"), wanted).table().policy) == {"single", "ensemble", "window"}


def test_the_last_stage_is_no_baseline(store: LogitStore) -> None:
    wanted = plan(
        ensemble=EnsembleConfig(combine="replace"), policy=PolicyConfig(["single", "ensemble", "last"]),
        task=TaskConfig(["cov@20"], ["accuracy"]), bootstrap=BootstrapConfig(20),
    )  # fmt: skip
    whole = Result()
    for scale in ("s1", "s2"):
        whole.extend(compute(pool(store, scale), wanted))
    table = whole.table()
    found = differences(table, whole, 0.95)
    assert set(found.versus) == {"single", "ensemble"}
    compared = found[(found.policy == "last") & (found.versus == "ensemble") & (found.metric == "accuracy")]
    means = table[(table.split == "test") & (table.metric == "accuracy")].groupby(["policy", "scale"]).value.mean()
    assert len(compared) == 2
    for row in compared.itertuples():
        assert np.isclose(row.difference, means["last", row.scale] - means["ensemble", row.scale])


def test_exits_count_the_cascades_there_are(tmp_path: Path) -> None:
    found = all_lineups(exits(tmp_path), EnsembleConfig(1, 1, exits=[[1, 3], [1, 2, 3]]))
    assert {len(order.places): order.cascades for order in found} == {1: 3, 2: 3, 3: 1}
