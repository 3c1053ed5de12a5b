"""The commands that make a setting again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wee.explore.reproduction import calibrate_words, not_calibrated, setting_commands, setting_words, task_word
from wee.method.policies import FixedRule, Role
from wee.sweep.results import MADE_BY, TABLE, save
from wee.sweep.rules import SavedRule


def saved(rule: Any = FixedRule(0), **changes: Any) -> SavedRule:  # noqa: B008
    setting = {
        "dataset": "toy", "cascades": 2, "family": "tiny", "scale": "s1", "members": "0+1", "exits": None, "size": 2,
        "policy": "window", "width": 0.2,
        "fraction": None, "parameters": None, "score": "msp", "task": "cov@5", **changes,
    }  # fmt: skip
    return SavedRule(setting, [], Role.CASCADE, "average", rule, not_saved="it has no to_dict()")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["setting.scale=s1", "setting.members=[0,1]", "setting.size=2", "setting.width=0.2", "task=cov@5"]),
        ({"scale": "s1>s3", "members": "1"}, ["setting.scale=[s1,s3]", "setting.members=1"]),
        ({"exits": "3+5"}, ["setting.exits=[3,5]"]),
        ({"width": "0.7+0.2"}, ["setting.width=[0.7,0.2]"]),
        ({"width": "all"}, ["setting.width=all"]),
        ({"width": None, "fraction": 0.3}, ["setting.fraction=0.3"]),
        ({"parameters": "share=0.3, seed=1"}, ["setting.parameters='share=0.3, seed=1'"]),
        ({"task": "mine:Task@5"}, ["task.names=[mine:Task@5]"]),
    ],
)
def test_a_setting_is_named_by_its_columns(changes: dict[str, Any], words: list[str]) -> None:
    named = setting_words(saved(**changes))
    assert set(words) <= set(named)
    assert shlex.split(shlex.join(named)) == named


def test_what_a_setting_has_not_is_not_named() -> None:
    words = setting_words(saved(width=None, task=None, score=None))
    assert words == ["setting.policy=window", "setting.scale=s1", "setting.members=[0,1]", "setting.size=2"]


def test_the_networks_of_a_sweep_are_kept_and_its_settings_are_not() -> None:
    command = (
        "wee sweep --config-dir=mine dataset=cifar10 family=cifar_resnet +experiment=sc paths.store=logits "
        "'task.names=[cov@2]' window.width=0.2 cost=latency +cost.conditions.batch=1 pick=newest bootstrap.resamples=9"
    )
    assert calibrate_words(command, "outputs/sweeps/a b/key") == [
        "wee", "calibrate", "--config-dir=mine", "dataset=cifar10", "family=cifar_resnet", "paths.store=logits", "cost=latency",
        "+cost.conditions.batch=1", "pick=newest", "setting.sweep=outputs/sweeps/a b/key",
    ]  # fmt: skip


def test_what_a_sweep_has_from_an_experiment_is_kept_without_the_experiment() -> None:
    command = "wee sweep --config-dir=mine dataset=digits family=tiny +experiment=mine"
    assert calibrate_words(command, "key", ["++paths.store=logits"]) == [
        "wee", "calibrate", "--config-dir=mine", "dataset=digits", "family=tiny", "++paths.store=logits", "setting.sweep=key",
    ]  # fmt: skip


def test_what_cannot_be_calibrated_says_why() -> None:
    assert not_calibrated(saved()) == ""
    assert "across families" in not_calibrated(saved(family="one+two"))
    assert "it has no to_dict()" in not_calibrated(saved(rule=None))


def test_a_task_of_a_plugin_is_a_value() -> None:
    assert task_word("cov@5") == "task=cov@5"
    assert task_word("mine:Task@5") == "task.names=[mine:Task@5]"


SWEEP = "wee sweep dataset=digits family=tiny 'task.names=[fpr@95,cov@5,risk@80]'"
NO_WINDOW: dict[str, Any] = {"policy": "single", "width": None, "score": None, "task": None}


def row_of(rule: SavedRule, metric: str, eval_score: Any = "msp") -> dict[str, Any]:
    """A row of a table as it is read from a file: missing values are NaN, and numbers are floats."""
    cells = {name: float("nan") if value is None else value for name, value in rule.setting.items()}
    return {**cells, "size": float(cells["size"]), "metric": metric, "eval_score": eval_score, "cost": "macs"}


def keep(folder: Path, rule: SavedRule, **about: Any) -> Path:
    tasks = {"task": {"names": ["fpr@95", "cov@5", "risk@80"]}}
    save(folder, {TABLE: pd.DataFrame({"x": [1]})}, {MADE_BY: SWEEP, **tasks, **about}, [rule])
    return folder


@pytest.mark.parametrize(
    ("changes", "metric", "eval_score", "words"),
    [
        ({}, "cov@5", "msp", ["setting.policy=window", "task=cov@5", "score=msp"]),
        ({}, "accuracy", float("nan"), ["task=cov@5", "score=msp"]),
        (NO_WINDOW, "risk@80", "energy", ["setting.policy=single", "task=risk@80", "score=energy"]),
        (NO_WINDOW, "deployed_cov@80", "msp", ["task=risk@80"]),
        (NO_WINDOW, "accuracy", float("nan"), ["task=cov@5", "score=msp"]),
    ],
)
def test_the_commands_of_a_row(
    tmp_path: Path, changes: dict[str, Any], metric: str, eval_score: Any, words: list[str]
) -> None:
    rule = saved(**changes)
    other = keep(tmp_path / "other" / "key", saved(members="1+0"))
    folder = keep(tmp_path / "mine" / "key", rule)
    commands = setting_commands([tmp_path, other, folder], row_of(rule, metric, eval_score))
    assert commands.sweep == SWEEP
    assert commands.reason == ""
    found = shlex.split(str(commands.calibrate))
    assert found[:4] == ["wee", "calibrate", "dataset=digits", "family=tiny"]
    assert {f"setting.sweep={folder}", *words} <= set(found)
    assert sum(word.startswith("task") for word in found) == sum(word.startswith("score=") for word in found) == 1


@pytest.mark.parametrize(
    ("changes", "eval_score", "reason"),
    [
        ({"task": "fpr@95"}, "msp", "tasks of ID data alone"),
        ({}, "energy", "decides exits, here msp, and these results are ranked by energy"),
        (NO_WINDOW, "expected_entropy", "these results are ranked by expected_entropy"),
        ({"family": "one+two"}, "msp", "across families"),
    ],
)
def test_a_row_that_cannot_be_calibrated_says_why(
    tmp_path: Path, changes: dict[str, Any], eval_score: str, reason: str
) -> None:
    rule = saved(**changes)
    commands = setting_commands([keep(tmp_path / "mine" / "key", rule)], row_of(rule, "cov@5", eval_score))
    assert (commands.sweep, commands.calibrate) == (SWEEP, None)
    assert reason in commands.reason


def test_the_commands_are_those_of_a_sweep_with_the_cost_of_the_row(tmp_path: Path) -> None:
    """The same setting is in both sweeps."""
    rule = saved()
    folders = [keep(tmp_path / cost, rule, cost={"measure": cost}) for cost in ("macs", "energy_mj")]
    row = {**row_of(rule, "cov@5"), "cost": "energy_mj"}
    assert f"setting.sweep={folders[1]}" in shlex.split(str(setting_commands(folders, row).calibrate))
    assert "no fitted rule" in setting_commands(folders, {**row, "cost": "latency"}).reason


def test_a_row_without_a_rule_or_a_command_says_why(tmp_path: Path) -> None:
    rule = saved()
    assert "no fitted rule" in setting_commands([tmp_path], row_of(rule, "cov@5")).reason
    folder = keep(tmp_path / "mine" / "key", rule, **{MADE_BY: None})
    assert "earlier version" in setting_commands([folder], row_of(rule, "cov@5")).reason
