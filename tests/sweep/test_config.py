"""What is chosen of the groups that catalogues fill, and what is set by key."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.helpers.configs import composed
from wee.app.paths import conf_dir
from wee.app.typed import check_overrides
from wee.commands import find_command
from wee.commands.sweep import SweepConfig
from wee.errors import WeeError
from wee.method import POLICIES, SCORES
from wee.sweep.config import check_shares


def sweep(*overrides: str) -> SweepConfig:
    cfg = composed("sweep", *overrides)
    assert isinstance(cfg, SweepConfig)
    return cfg


@pytest.mark.parametrize("name", [name for name, score in SCORES.items() if not score.several])
def test_every_score_is_a_choice(name: str) -> None:
    score = sweep(f"score={name}").score
    assert (score.exit, score.evaluation) == ([name], ["same"])


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_is_a_choice(name: str) -> None:
    assert sweep(f"policy={name}").policy.names == [name]


@pytest.mark.parametrize(
    ("overrides", "key", "expected"),
    [
        (["score=[margin,energy]"], "exit", ["margin", "energy"]),
        (["score=[msp,mutual_information]"], "exit", ["msp"]),
        (["score=[msp,mutual_information]"], "evaluation", ["same", "mutual_information"]),
        (["score=mutual_information"], "exit", ["msp"]),
        (["score=energy", "score.exit=[gini]"], "exit", ["gini"]),
        (["score=all"], "evaluation", ["same", "msp", "entropy", "max_logit", "energy"]),
        (["score=[all,margin]"], "exit", ["msp", "entropy", "max_logit", "energy", "margin"]),
        (
            ["score=[all,mutual_information]"],
            "evaluation",
            ["same", "msp", "entropy", "max_logit", "energy", "mutual_information"],
        ),
        (["policy=[window,single]"], "names", ["window", "single"]),
        (["policy=[paper,threshold]"], "names", ["single", "ensemble", "window", "threshold"]),
        (["policy=all", "policy.names=[single]"], "names", ["single"]),
    ],
)
def test_choices_unite_and_keys_replace_them(overrides: list[str], key: str, expected: list[str]) -> None:
    cfg = sweep(*overrides)
    assert getattr(cfg.score if overrides[0].startswith("score") else cfg.policy, key) == expected


def test_tasks_are_choices_alone_and_beside_files() -> None:
    check_overrides(SweepConfig, ["task=cov@7", "task=[sc,risk@80.0]"], [conf_dir()], find_command("sweep").groups)
    assert sweep("task=cov@7").task.names == ["cov@7"]
    assert sweep("task=[sc,risk@80.0]").task.names == ["cov@5", "cov@10", "risk@50", "risk@80"]
    assert sweep("task=sc", "task.names=[cov@1]").task.names == ["cov@1"]


def test_a_choice_and_the_same_key_are_one_configuration() -> None:
    """Otherwise one sweep would be computed twice under two identities."""
    parts: list[dict[str, Any]] = [
        dataclasses.asdict(cfg.policy) | dataclasses.asdict(cfg.score)
        for cfg in (sweep("policy=window", "score=gini"), sweep("policy.names=window", "score.exit=gini"))
    ]
    for part in parts:
        del part["quantile"], part["probability"]  # the file all.yaml, the default, has a grid of these
    assert parts[0] == parts[1]


def test_a_mapping_is_no_list_of_names() -> None:
    with pytest.raises(WeeError, match="there is no policy"):
        sweep("policy.names={window: 1}")


def test_shares_of_ood_data() -> None:
    assert check_shares(0.1) == [0.1]
    assert check_shares([0.25, 0.5]) == [0.25, 0.5]
    for wrong in (0, 1, 1.5, "half", True, [0.5, 0]):
        with pytest.raises(WeeError, match="greater than 0 and less than 1"):
            check_shares(wrong)
    for wrong in ([], [0.5, 0.5]):
        with pytest.raises(WeeError, match="different shares"):
            check_shares(wrong)
