"""Tables, fronts and files of sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.table import Table

from tests.helpers.stores import fill_store
from tests.helpers.sweeps import SPLITS, plan, pool
from wee.data.splits import TEST, VAL
from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.method import Metric, RankedOutcome, Stages, Task, Window, summarise
from wee.store import Address
from wee.sweep.config import BootstrapConfig, PolicyConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.fronts import averaged, check_reference, fronts, read_reference
from wee.sweep.pool import read_pool
from wee.sweep.results import find_sweeps, read_table, read_tables, save
from wee.sweep.rows import COLUMNS, KEYS
from wee.sweep.run import compute
from wee.sweep.summary import si, summary


def _lines(shown: Table, columns: int | None = None) -> Iterator[list[str]]:
    """Yield the cells of each line of a printed table, of its first columns or of all."""
    yield from (
        list(map(str, cells)) for cells in zip(*(column.cells for column in shown.columns[:columns]), strict=True)
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store = fill_store(tmp_path_factory.mktemp("store"))
    tables = []
    for scale in ("s1", "s2"):
        tables.append(compute(pool(store, scale), plan()).table())
    return pd.concat(tables, ignore_index=True)


def test_every_number_has_a_row(table: pd.DataFrame) -> None:
    assert list(table.columns) == COLUMNS
    windows, others = 2 * 2 * 3, 2 + 1 + 2 * (2 + 1)  # orders x tasks x widths; members, ensemble, thresholds, random
    numbers = 2 + 2 * 3  # without a score; by two scores
    deployed = 2 * 2  # coverage and risk for a task, by two scores; a window has its own task's alone
    assert len(table) == 2 * 2 * (windows * (numbers + deployed) + others * (numbers + 2 * deployed))
    assert not table.value.isna().any()
    assert not table.duplicated(KEYS).any()
    assert set(table.groups) == {100}
    assert set(table.samples) == {300}


def test_a_row_is_what_the_method_says(table: pd.DataFrame, tmp_path: Path) -> None:
    store = fill_store(tmp_path)
    networks = pool(store, "s2")
    stages = {}
    for split, samples in networks.samples.items():
        logits = [networks.networks[k].logits[split] for k in (1, 0)]
        found = summarise(logits, samples.labels, [(0,), (0, 1)], ["msp", "energy"])
        stages[split] = Stages([found[0,], found[0, 1]], [3e6, 6e6], samples.ids)
    rule = Window(Task.parse("cov@20"), 0.2).fit(stages[VAL])
    outcome = stages[TEST].at(rule(stages[TEST]))
    (row,) = table.query(
        "scale == 's2' and members == '1+0' and policy == 'window' and width == 0.2 and task == 'cov@20' "
        "and split == 'test' and metric == 'risk@50' and eval_score == 'energy'"
    ).itertuples()
    assert row.value == Metric.parse("risk@50").of_ranking(RankedOutcome(outcome, "energy"))
    assert row.macs == outcome.cost.mean()
    assert (row.tau, row.low, row.high) == (rule.intervals[0].tau, rule.intervals[0].low, rule.intervals[0].high)


def test_the_ends_of_a_window_are_the_single_model_and_the_ensemble(table: pd.DataFrame) -> None:
    key = ["scale", "split", "metric", "eval_score"]
    table = table.assign(first=table.members.str[0])
    single = table[table.policy == "single"].set_index([*key, "first"])["value"]
    ensemble = table[table.policy == "ensemble"].set_index(key)["value"]
    windows = table[table.policy == "window"]
    compared = 0
    for row in windows[windows.width.isin([0, "all"])].itertuples():
        place = (row.scale, row.split, row.metric, row.eval_score)
        same = single.loc[(*place, row.first)] if row.width == 0 else ensemble.loc[place]
        assert row.value == float(np.ravel(same)[0])
        compared += 1
    assert compared == 2 * 2 * 2 * 2 * 2 * (8 + 4)


def test_deployed_rows_use_the_threshold_of_validation(table: pd.DataFrame) -> None:
    deployed = table[table.metric.str.startswith("deployed_")]
    assert set(deployed.metric) == {"deployed_cov@20", "deployed_risk@20", "deployed_cov@50", "deployed_risk@50"}
    assert deployed.acceptance.notna().all()
    assert table[~table.metric.str.startswith("deployed_")].acceptance.isna().all()
    keys = ["scale", "members", "policy", "width", "fraction", "score", "task", "eval_score", "metric"]
    assert (deployed.groupby(keys, dropna=False).acceptance.nunique() == 1).all()  # on validation and on test
    windows = deployed[deployed.policy == "window"]
    assert (windows.metric.str.partition("@")[2] == windows.task.str.partition("@")[2]).all()
    on_val = deployed[deployed.split == "val"]
    assert (on_val[on_val.metric == "deployed_risk@20"].value <= 20).all()
    assert (on_val[on_val.metric == "deployed_cov@50"].value >= 50).all()


def test_deployed_numbers_are_of_the_cascades_own_final_scores(table: pd.DataFrame, tmp_path: Path) -> None:
    networks = pool(fill_store(tmp_path), "s1")
    stages = {}
    for split, samples in networks.samples.items():
        logits = [networks.networks[k].logits[split] for k in (1, 0)]
        summaries = summarise(logits, samples.labels, [(0,), (0, 1)], ["msp"])
        stages[split] = Stages([summaries[0,], summaries[0, 1]], [1e6, 2e6], samples.ids)
    rule = Window(Task.parse("cov@20"), 0.2).fit(stages[VAL])
    val, test = (stages[split].at(rule(stages[split])) for split in (VAL, TEST))
    candidates = sorted(set(val.scores["msp"]))
    (threshold, *_) = (t for t in candidates if (~val.correct[val.scores["msp"] >= t]).mean() <= 0.2)
    accepted = test.scores["msp"] >= threshold
    (row,) = table.query(
        "scale == 's1' and members == '1+0' and policy == 'window' and width == 0.2 and task == 'cov@20' "
        "and split == 'test' and metric == 'deployed_risk@20' and eval_score == 'msp'"
    ).itertuples()
    assert row.acceptance == threshold != row.tau
    assert row.value == pytest.approx(100 * (~test.correct[accepted]).mean())


def test_two_tasks_whose_deployed_numbers_share_a_name_are_refused() -> None:
    with pytest.raises(WeeError, match="deployed_cov@20 would be measured for two tasks"):
        plan(task=TaskConfig(["cov@20", "risk@20"], []))
    with pytest.raises(WeeError, match=r"name the task there instead"):
        plan(task=TaskConfig(["cov@20"], ["deployed_cov@10"]))


def test_hypervolumes_of_two_sweeps_share_a_reference(table: pd.DataFrame, tmp_path: Path) -> None:
    whole = fronts(table)
    save(tmp_path / "sweeps" / "whole" / "key", {"table.csv": table, "fronts.csv": whole}, {})
    reference = read_reference("whole", tmp_path / "sweeps")
    part = table[table.scale == "s1"]
    alone, compared = fronts(part), fronts(part, reference)
    same = compared.merge(whole, on=["metric", "eval_score"], suffixes=("", "_whole"))
    assert (same.ref_macs == same.ref_macs_whole).all()
    assert (same.ref_value == same.ref_value_whole).all()
    assert not np.allclose(alone.hypervolume, compared.hypervolume)

    (tmp_path / "points.csv").write_text("metric,ref_macs,ref_value\ncov@20,1e7,10\n")
    points = read_reference(str(tmp_path / "points.csv"), tmp_path / "sweeps")
    with pytest.raises(WeeError, match=r"has no row for accuracy; it has cov@20"):
        fronts(table, points)
    one = fronts(table[table.metric == "cov@20"], points)
    assert set(one.ref_macs) == {1e7}
    assert set(one.ref_value) == {10}
    (tmp_path / "wrong.csv").write_text("metric,value\ncov@20,1\n")
    with pytest.raises(WeeError, match="has no column ref_price, ref_value"):
        read_reference(str(tmp_path / "wrong.csv"), tmp_path / "sweeps")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("cov@20,x,1", "ref_macs|ref_price of cov@20 is x; it must be a positive number"),
        ("cov@20,-1,1", "of cov@20 is -1; it must be a positive number"),
        ("cov@20,1e7,many", "ref_value of cov@20 is many; it must be a number"),
    ],
)
def test_a_reference_has_numbers(tmp_path: Path, lines: str, message: str) -> None:
    (tmp_path / "points.csv").write_text(f"metric,ref_macs,ref_value\n{lines}\n")
    with pytest.raises(WeeError, match=message):
        read_reference(str(tmp_path / "points.csv"), tmp_path)


def test_a_reference_is_checked_for_every_score_before_any_work(table: pd.DataFrame, tmp_path: Path) -> None:
    save(tmp_path / "both" / "key", {"table.csv": table, "fronts.csv": fronts(table)}, {})
    reference = read_reference("both", tmp_path)
    assert reference[reference.metric == "cov@20"].ref_value.nunique() == 2  # of msp and of energy
    metrics = plan().metrics
    check_reference(reference, metrics, ["msp", "energy"])
    asked = reference[~reference.metric.str.startswith("deployed_")]
    check_reference(asked, metrics, ["msp", "energy"])
    with pytest.raises(WeeError, match="no row for aurc"):
        check_reference(asked[asked.metric != "aurc"], metrics, ["msp"])
    with pytest.raises(WeeError, match="several reference points"):
        check_reference(asked, metrics, ["entropy"])
    volumes = fronts(table, asked).groupby("metric").hypervolume.first()
    assert volumes["cov@20"] >= 0
    assert np.isnan(volumes["deployed_cov@20"])


def test_what_validation_fixes_has_no_front(table: pd.DataFrame) -> None:
    deployed = {name for name in fronts(table).metric if name.startswith("deployed_")}
    assert deployed == {"deployed_cov@20", "deployed_risk@50"}


def test_windows_cannot_fall_below_single_models_and_ensembles_together(table: pd.DataFrame) -> None:
    """A hull that contains both ends of every cascade covers their hull, on the set on which it was chosen."""
    val = table[table.split == "val"]
    both = pd.concat([val, val.assign(split="test")])
    areas = fronts(both).query("metric == 'cov@20' and eval_score == 'msp'").groupby("policy").hypervolume.first()
    assert areas["window"] >= areas["single+ensemble"] - 1e-9
    assert areas["single+ensemble"] >= max(areas["single"], areas["ensemble"]) - 1e-9


def test_points_average_the_orders(table: pd.DataFrame) -> None:
    where = "scale == 's1' and policy == 'window' and width == 0.2 and task == 'cov@20'"
    where += " and metric == 'aurc' and eval_score == 'msp'"
    (point,) = averaged(table).query(where).itertuples()
    rows = table.query(where)
    assert point.count == 2
    assert point.value == rows[rows.split == "test"].value.mean()
    assert point.value_val == rows[rows.split == "val"].value.mean()


def test_fronts_are_chosen_on_validation_and_reported_on_test(table: pd.DataFrame) -> None:
    found = fronts(table)
    points = averaged(table)
    checked = 0
    for key, front in found.groupby(["metric", "eval_score", "score", "policy"], dropna=False):
        metric = Metric.parse(str(key[0]))
        sign = 1 if metric.higher_is_better else -1
        policies = str(key[3]).split("+")  # single models and ensembles have a front together, too
        same = points[(points.metric == key[0]) & points.policy.isin(policies)]
        same = same[(same.eval_score == key[1]) | (same.eval_score.isna() & pd.isna(key[1]))]
        same = same[(same.score == key[2]) | (same.score.isna() & pd.isna(key[2]))]
        if metric.task is not None:
            same = same[same.task.isna() | (same.task == key[0])]
        for row in front.itertuples():
            beaten = same[(same.price_val < row.price_val) & (sign * same.value_val >= sign * row.value_val)]
            assert beaten.empty
            (test_value,) = same[(same.price_val == row.price_val) & (same.value_val == row.value_val)].value.unique()[
                :1
            ]
            assert np.isfinite(test_value)
            checked += 1
        assert front.hypervolume.nunique() == 1
        assert (front.hypervolume >= 0).all()
    assert checked > 50


def test_three_members_in_all_orders(tmp_path: Path) -> None:
    store = fill_store(tmp_path, members=3, scales=("s1",), count=60)
    some = plan(
        ensemble=EnsembleConfig(3, 3), policy=PolicyConfig(["ensemble", "window"]), window=WindowConfig(["all"])
    )
    table = compute(pool(store, "s1", members=3), some).table()
    assert set(table[table.policy == "window"].members) == {"0+1+2", "0+2+1", "1+0+2", "1+2+0", "2+0+1", "2+1+0"}
    assert set(table[table.policy == "ensemble"].members) == {"0+1+2"}
    assert set(table.macs) == {3e6}
    assert (table.groupby(["split", "metric", "eval_score"], dropna=False).value.nunique() == 1).all()


def test_other_samples_cannot_make_an_ensemble(tmp_path: Path) -> None:
    fill_store(tmp_path, members=1)
    store = fill_store(tmp_path, members=2, count=200, seed=5)
    with pytest.raises(WeeError, match="2 entries fit toy/made/s1/member 0/val"):
        read_pool(store, "toy", "made", ["s1"], [0, 1], [VAL, TEST], [])
    mixed = [
        entry.key for entry in store.find(Address("toy", "made", "s1", 0, VAL)) if entry.manifest["shape"][0] == 300
    ]
    with pytest.raises(WeeError, match="are not about the same samples"):
        read_pool(store, "toy", "made", ["s1"], [0, 1], [VAL], mixed)


def test_splits_of_different_weights_do_not_belong_together(tmp_path: Path) -> None:
    """What a killed evaluation of new weights leaves must not be mixed with the old."""
    store = fill_store(tmp_path, members=1, scales=("s1",))
    (old,) = store.find(Address("toy", "made", "s1", 0, VAL))
    (tmp_path / "aside").mkdir()
    old.folder.rename(tmp_path / "aside" / "val")
    fill_store(tmp_path, members=1, scales=("s1",), seed=7)
    for entry in store.find(Address("toy", "made", "s1", 0, TEST)):
        if entry.manifest["identity"]["weights"] == "700":
            entry.folder.rename(tmp_path / "aside" / "test")
    with pytest.raises(WeeError, match=r"differ in their weights: .* Evaluate both again with the same config"):
        read_pool(store, "toy", "made", ["s1"], [0], [VAL, TEST], [])


def test_only_expected_entries_are_read(tmp_path: Path) -> None:
    fill_store(tmp_path, members=1)
    store = fill_store(tmp_path, members=1, seed=5)
    found, _ = read_pool(
        store, "toy", "made", ["s1"], [0], [VAL, TEST], [], lambda address: {"samples": f"{address.split}5"}
    )
    assert found is not None
    assert {entry.manifest["identity"]["weights"] for entry in found.entries} == {"500"}


def test_what_is_missing_is_listed(tmp_path: Path) -> None:
    store = fill_store(tmp_path, members=1)
    found, missing = read_pool(store, "toy", "made", ["s1"], [0, 1], [VAL, TEST], [])
    assert found is None
    assert [str(address) for address in missing] == ["toy/made/s1/member 1/val", "toy/made/s1/member 1/test"]


def test_a_table_comes_back(table: pd.DataFrame, tmp_path: Path) -> None:
    save(tmp_path / "x", {"table.csv": table, "fronts.csv": fronts(table)}, {"a": 1})
    back = read_table(tmp_path / "x")
    assert back.width.dropna().unique().tolist() == [0.0, 0.2, "all"]
    pd.testing.assert_frame_equal(back.fillna(np.nan), table.fillna(np.nan), check_dtype=False)
    again, first = (fronts(one).fillna(np.nan) for one in (back, table))
    pd.testing.assert_frame_equal(again, first, check_dtype=False)


def test_tables_are_read_together(table: pd.DataFrame, tmp_path: Path) -> None:
    half = table[table.scale == "s1"]
    save(tmp_path / "a", {"table.csv": table}, {})
    save(tmp_path / "b", {"table.csv": half}, {})
    assert len(read_tables([tmp_path / "a", tmp_path / "b"])) == len(table)
    save(tmp_path / "c", {"table.csv": half.assign(value=half.value + 1)}, {})
    with pytest.raises(WeeError, match="give different values"):
        read_tables([tmp_path / "a", tmp_path / "c"])


def test_a_sweep_is_never_overwritten(table: pd.DataFrame, tmp_path: Path) -> None:
    save(tmp_path / "a", {"table.csv": table}, {"first": True})
    save(tmp_path / "a", {"table.csv": table[:5]}, {"first": False})
    assert len(read_table(tmp_path / "a")) == len(table)


def test_sweeps_are_found(table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path("sweeps")
    with pytest.raises(WeeError, match="there is no sweep in sweeps yet"):
        find_sweeps(root, ["newest"])
    save(root / "demo" / "a", {"table.csv": table}, {})
    save(root / "other" / "b", {"table.csv": table}, {})
    assert find_sweeps(root, ["demo"]) == [root / "demo" / "a"]
    assert find_sweeps(root, ["sweeps/*/*"]) == [root / "demo" / "a", root / "other" / "b"]
    assert find_sweeps(root, ["newest"])[0] in (root / "demo" / "a", root / "other" / "b")
    assert find_sweeps(root, [str(root / "demo" / "a" / "table.csv")]) == [root / "demo" / "a" / "table.csv"]
    with pytest.raises(WeeError, match="no sweep 'dmo' in sweeps, and no such file. Known: demo, other"):
        find_sweeps(root, ["dmo"])


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(WeeError, match="is not a table of a sweep: it has no column dataset"):
        read_table(tmp_path)
    with pytest.raises(WeeError, match="there is no table at"):
        read_table(tmp_path / "none.csv")


def test_the_summary_shows_each_scale(table: pd.DataFrame) -> None:
    shown = summary(table, [Metric.parse("cov@20"), Metric.parse("risk@50")])
    policies = ["single", "ensemble", "window 0.0", "window 0.2", "window all"]
    assert shown.row_count == 20
    assert shown.title == "test; means over members and orders"
    assert shown.caption == "MACs: of an ID sample, mean over tasks\nalso in table.csv: random, threshold"
    assert list(shown.columns[1].cells) == [policy for policy in policies for _ in range(2)] * 2
    assert list(shown.columns[2].cells) == (["msp", "energy"] * 2 + ["msp", "energy (exits on msp)"] * 3) * 2
    line = ["s2", "window 0.2", "energy (exits on msp)"]
    (value,) = (cells[4] for cells in _lines(shown) if cells[:3] == line)
    rows = table.query(
        "scale == 's2' and policy == 'window' and width == 0.2 and split == 'test' and eval_score == 'energy'"
    )
    assert value == f"{rows[(rows.metric == 'cov@20') & (rows.task == 'cov@20')].value.mean():.2f}"
    alone = summary(table[table.eval_score.isna() | (table.eval_score == "msp")], [Metric.parse("cov@20")])
    assert alone.title == "test, msp; means over members and orders"
    assert [column.header for column in alone.columns][:3] == ["scale", "policy", "MACs"]


def test_the_summary_shows_every_score_or_names_it(tmp_path: Path) -> None:
    networks = pool(fill_store(tmp_path), "s1")
    names = ["msp", "energy", "margin", "gini"]
    parts = {"score": ScoreConfig(names), "policy": PolicyConfig(["single", "window"]), "window": WindowConfig([0.2])}
    shown = summary(compute(networks, plan(**parts)).table(), [Metric.parse("cov@20")])
    assert list(shown.columns[1].cells) == ["single"] * 3 + ["window 0.2"] * 3
    assert list(shown.columns[2].cells) == names[:3] * 2
    assert str(shown.caption).endswith("also in table.csv: score gini")


def test_the_summary_shows_further_metrics_or_names_them(table: pd.DataFrame) -> None:
    tasks, metrics = [Metric.parse("cov@20")], [Metric.parse(name) for name in ("accuracy", "aurc")]
    shown = summary(table, tasks, metrics=metrics)
    assert [column.header for column in shown.columns][4:] == ["cov@20 ↑", "accuracy ↑", "aurc ↓"]
    of_single = table.query("scale == 's1' and policy == 'single' and split == 'test'")
    accuracy, aurc = (of_single[of_single.metric == name] for name in ("accuracy", "aurc"))
    cells = next(_lines(shown))[5:]
    assert cells == [f"{accuracy.value.mean():.2f}", f"{aurc[aurc.eval_score == 'msp'].value.mean():.4g}"]
    many = [Metric.parse(f"risk@{c}") for c in (10, 20, 30, 40)]
    shown = summary(table, [*tasks, *many], metrics=metrics)
    assert len(shown.columns) == 4 + 5
    assert str(shown.caption).endswith("threshold, accuracy, aurc")


def test_si() -> None:
    assert [si(x) for x in (12.0, 66_256, 3_123_264, 1.021e9)] == ["12", "66.3 k", "3.12 M", "1.02 G"]


def test_streams_with_several_shares_of_ood_data(tmp_path: Path) -> None:
    """Each share has rows of its own; those of one half are the rows of a sweep without shares."""
    networks = pool(fill_store(tmp_path, ood=True), "s1", splits=SPLITS)
    metrics = TaskConfig(["risk@50"], ["fpr@90", "aurc"])
    parts = {"ood": ["far"], "task": metrics, "bootstrap": BootstrapConfig(10)}
    default = compute(networks, plan(**parts))
    several = compute(networks, plan(**parts, ood_share=[0.1, 0.5]))
    table, other = several.table(), default.table()
    half = table[table.ood_share.isna() | (table.ood_share == 0.5)].reset_index(drop=True)
    pd.testing.assert_frame_equal(half, other, check_exact=True)
    tenth = table[table.ood_share == 0.1]
    assert len(tenth) == len(other[other.ood.notna()])
    np.testing.assert_allclose(tenth.price, 0.9 * tenth.price_id + 0.1 * tenth.price_ood, rtol=1e-12)
    window = tenth[(tenth.policy == "window") & tenth.adjusted & (tenth.width == 0.2)]
    moved = half[(half.policy == "window") & half.adjusted.astype(bool) & (half.width == 0.2)]
    assert not np.isclose(window.low, moved.low).any()
    keys = ["members", "policy", "width", "fraction", "task", "metric", "eval_score"]
    both = tenth[~tenth.adjusted].merge(half[half.ood.notna() & ~half.adjusted.astype(bool)], on=keys)
    fpr, risk = both[both.metric == "fpr@90"], both[both.metric == "risk@50"]
    assert (fpr.value_x == fpr.value_y).all()
    assert (risk.value_x < risk.value_y).any()
    streams = [set(rule.adjusted) for rule in several.rules if rule.setting["policy"] == "window"]
    assert streams
    assert all(names == {"far", "far@0.1"} for names in streams)
    shown = summary(table, [Metric.parse("risk@50")])
    assert "OOD" not in str(shown.title)
    assert "a share of OOD data of 0.1" in str(shown.caption)
    assert "0.1 of the stream OOD" in str(summary(table[table.ood_share != 0.5], [Metric.parse("risk@50")]).title)
    with pytest.raises(WeeError, match="ood is empty"):
        plan(ood_share=[0.1])


def test_tables_without_shares_are_of_streams_that_are_half_ood(tmp_path: Path) -> None:
    networks = pool(fill_store(tmp_path, ood=True), "s1", splits=SPLITS)
    table = compute(networks, plan(ood=["far"], task=TaskConfig(["risk@50"], ["aurc"]))).table()
    table.drop(columns="ood_share").to_csv(tmp_path / "old.csv", index=False)
    table.to_csv(tmp_path / "new.csv", index=False)
    old, new = read_table(tmp_path / "old.csv"), read_table(tmp_path / "new.csv")
    assert old.ood_share.equals(new.ood_share)
    assert set(new.ood_share.dropna()) == {0.5}
