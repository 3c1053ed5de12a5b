"""Fitted rules on disk: the same decisions when they are read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.stores import FAR, fill_store
from tests.helpers.sweeps import plan, pool
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.method import FixedRule, IntervalRule, Metric, RankedOutcome, Stages, Task, Window, summarise
from wee.method.policies import Role
from wee.sweep.config import WindowConfig
from wee.sweep.pool import Pool
from wee.sweep.results import read_rules, save
from wee.sweep.rules import SavedRule
from wee.sweep.run import Result, compute


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pool, Result, list[SavedRule], Path]:
    """A sweep with an OOD set and temperatures, written to a folder and read back."""
    folder = tmp_path_factory.mktemp("rules")
    networks = pool(fill_store(folder / "store", ood=True), "s1", splits=(VAL, TEST, FAR))
    ensemble = EnsembleConfig(temperature=True)
    result = compute(networks, plan(ensemble=ensemble, window=WindowConfig([0, 0.2, "all"]), ood=["far"]))
    save(folder / "sweep", {"table.csv": result.table()}, {}, result.rules)
    return networks, result, read_rules(folder / "sweep"), folder / "sweep"


def stages_of(networks: Pool, rule: SavedRule, split: SplitName) -> Stages:
    """The stages that a saved rule is for, from its record and the logits alone."""
    places = [member.member for member in rule.lineup]
    logits = [network.logits[split] for network in networks.networks]
    temperatures: list[float] = [1.0] * len(logits)
    for place, member in zip(places, rule.lineup, strict=True):
        assert member.temperature is not None
        temperatures[place] = member.temperature
    sets = [tuple(sorted(places[: k + 1])) for k in range(len(places))]
    macs = np.cumsum([networks.networks[place].cost for place in places]).tolist()
    if rule.role is not Role.CASCADE:
        sets, macs = sets[-1:], macs[-1:]
    samples = networks.samples[split]
    summaries = summarise(logits, samples.labels, sets, ["msp", "energy"], temperatures)
    return Stages([summaries[members] for members in sets], macs, samples.ids)


def test_an_ensemble_is_an_average_whatever_cascades_do(tmp_path: Path) -> None:
    networks = pool(fill_store(tmp_path / "store"), "s1")
    rules = compute(networks, plan(ensemble=EnsembleConfig(combine="replace"))).rules
    combined = {rule.role: rule.combine for rule in rules}
    assert combined[Role.TOGETHER] == "average"
    assert combined[Role.CASCADE] == "replace"


def rows_of(table: pd.DataFrame, setting: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a setting on the test set."""
    names = ["members", "policy", "width", "fraction", "score", "task"]
    same = [table[name].isna() if setting[name] is None else table[name] == setting[name] for name in names]
    return table[np.logical_and.reduce(same) & (table.split == "test")]


def test_there_is_one_rule_for_each_setting(swept: tuple[Pool, Result, list[SavedRule], Path]) -> None:
    _, result, rules, _ = swept
    names = ["members", "policy", "width", "fraction", "score", "task"]
    assert len(rules) == len(result.table().drop_duplicates(names))
    assert {rule.setting["policy"] for rule in rules} == {"single", "ensemble", "window", "threshold", "random"}
    assert [vars(rule) for rule in rules] == [vars(rule) for rule in result.rules]


def test_a_saved_rule_gives_the_numbers_of_the_table(swept: tuple[Pool, Result, list[SavedRule], Path]) -> None:
    networks, result, rules, _ = swept
    table = result.table()
    compared = 0
    for saved in rules:
        assert saved.rule is not None
        stages = stages_of(networks, saved, TEST)
        outcome = stages.at(saved.rule(stages))
        rows = rows_of(table, saved.setting)
        on_id = rows[rows.ood.isna()]
        assert set(on_id.macs) == {outcome.mean_cost}
        for entry in saved.acceptance:
            thresholds = {Task.parse(entry.task): entry.least}
            ranking = RankedOutcome(outcome, entry.eval_score, thresholds=thresholds)
            for metric in (Metric.parse(entry.task), *Metric.deployed_for(Task.parse(entry.task))):
                (value,) = on_id[(on_id.metric == metric.name) & (on_id.eval_score == entry.eval_score)].value
                assert metric.of_ranking(ranking) == value
                compared += 1
        for rule in saved.adjusted.values():
            moved = stages.at(rule(stages))
            assert set(rows[rows.adjusted.astype(bool)].macs_id) == {moved.mean_cost}
        assert set(saved.adjusted) == ({"far"} if saved.setting["policy"] == "window" else set())
    others, windows = 2 + 1 + 2 * (2 + 1), 2 * 2 * 3  # members, ensemble, thresholds, random; orders x tasks x widths
    assert compared == 2 * 3 * (2 * others + windows)  # scores x metrics x tasks


def test_the_file_is_strict_json(swept: tuple[Pool, Result, list[SavedRule], Path]) -> None:
    lines = (swept[3] / "rules.jsonl").read_text().splitlines()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    records = [json.loads(line, parse_constant=refuse) for line in lines]
    ends = {interval["low"] for record in records for interval in record["rule"].get("intervals", [])}
    assert {"inf", "-inf"} < ends
    assert "rules.jsonl" in json.loads((swept[3] / "sweep.json").read_text())["files"]


def test_a_rule_that_cannot_be_saved_is_recorded(tmp_path: Path) -> None:
    class Nameless:
        def __call__(self, stages: Stages) -> Any:
            return np.zeros(len(stages.ids), dtype=np.int64)

    kept = SavedRule({"policy": "mine:Mine"}, [], Role.CASCADE, "average", Nameless())
    save(tmp_path / "sweep", {}, {}, [kept, SavedRule({}, [], Role.ALONE, "average", FixedRule(0))])
    lost, found = read_rules(tmp_path / "sweep")
    assert lost.rule is None
    assert "needs to_dict()" in str(lost.not_saved)
    assert found.rule == FixedRule(0)


def test_records_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeeError, match="there are no fitted rules at"):
        read_rules(tmp_path)
    (tmp_path / "rules.jsonl").write_text('{"version": 1}\n')
    with pytest.raises(WeeError, match="line 1: the record cannot be read: KeyError"):
        read_rules(tmp_path)
    (tmp_path / "rules.jsonl").write_text('{"version": 99}\n')
    with pytest.raises(WeeError, match="line 1: the record is of version 99"):
        read_rules(tmp_path)


def test_a_window_rule_of_a_sweep_is_that_of_the_method(swept: tuple[Pool, Result, list[SavedRule], Path]) -> None:
    networks, _, rules, _ = swept
    (saved,) = (
        rule
        for rule in rules
        if (rule.setting["members"], rule.setting["width"], rule.setting["task"]) == ("1+0", 0.2, "cov@20")
    )
    expected = Window(Task.parse("cov@20"), 0.2).fit(stages_of(networks, saved, VAL))
    assert isinstance(saved.rule, IntervalRule)
    assert saved.rule == expected
