"""The commands that make a setting again."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from wee.explore.reproduction import calibrate_words, not_calibrated, setting_words, task_word
from wee.method.policies import FixedRule, Role
from wee.sweep.rules import SavedRule


def saved(rule: Any = FixedRule(0), **changes: Any) -> SavedRule:  # noqa: B008
    setting = {
        "family": "tiny", "scale": "s1", "members": "0+1", "exits": None, "size": 2, "policy": "window", "width": 0.2,
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
