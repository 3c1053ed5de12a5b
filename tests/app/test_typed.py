"""Typed configs: every wrong key, value and choice has one clear message."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from wee.app.fields import choose
from wee.app.paths import conf_dir
from wee.app.typed import check_overrides, to_object
from wee.commands.sweep import SweepConfig
from wee.commands.train import TrainConfig
from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.sweep.config import PolicyConfig, ScoreConfig, TaskConfig, WindowConfig


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("widnow=0.2", "no key 'widnow'; did you mean 'window'"),
        ("widnow.width=0.2", "no key 'widnow'; did you mean 'window'"),
        ("+widnow.width=0.2", "no key 'widnow'; did you mean 'window'"),
        ("++widnow.width=0.2", "no key 'widnow'; did you mean 'window'"),
        ("window.widht=0.2", "no key 'window.widht'; did you mean 'window.width'"),
        ("+window.widht=0.2", "no key 'window.widht'; did you mean 'window.width'"),
        ("trainer=tiny", "no key 'trainer'"),
        ("family=nosuch", "no family 'nosuch'. Known: .*tiny"),
        ("window=1.5", "no window '1.5'. .* A value goes into a field: window.width=1.5"),
        ("+experiment=dmo", "no experiment 'dmo'; did you mean 'demo'"),
    ],
)
def test_wrong_overrides(override: str, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        check_overrides(SweepConfig, [override], [conf_dir()])


@pytest.mark.parametrize(
    "override",
    ["window.width=0.1", "window=grid", "+experiment=demo", "family=tiny,nosuch", "hydra.verbose=true", "~ensemble",
     "hydra/launcher=basic", "+family.scales.big.model=resnet18", "dataset@dataset=digits"],
)  # fmt: skip
def test_right_overrides(override: str) -> None:
    """A choice among several is checked job by job, so that the other jobs go on."""
    check_overrides(SweepConfig, [override], [conf_dir()])


def test_a_users_own_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "family").mkdir()
    (tmp_path / "family" / "mine.yaml").write_text("name: mine\n")
    (tmp_path / "study").mkdir()
    check_overrides(TrainConfig, ["family=mine", "+study=x"], [conf_dir(), tmp_path])
    with pytest.raises(WeeError, match="Known: .*mine"):
        check_overrides(TrainConfig, ["family=other"], [conf_dir(), tmp_path])


@pytest.mark.parametrize(
    ("schema", "values", "message"),
    [
        (WindowConfig, {"width": 1.5}, r"window.width is 1.5: it must be a number in \[0, 1\]"),
        (WindowConfig, {"width": [0.2, "wide"]}, "window.width is 'wide'"),
        (WindowConfig, {"widht": 0.1}, "no key 'widht'; did you mean 'width'"),
        (ScoreConfig, {"exit": "mps"}, "no score 'mps'; did you mean 'msp'"),
        (ScoreConfig, {"exit": []}, "score.exit is empty"),
        (PolicyConfig, {"names": ["windw"]}, "no policy 'windw'; did you mean 'window'"),
        (PolicyConfig, {"names": "random", "probability": 2}, "policy.probability is 2"),
        (TaskConfig, {"names": [], "metrics": []}, "task.names is empty"),
        (TaskConfig, {"names": []}, "task.names is empty"),
        (EnsembleConfig, {"size": 3}, "ensemble.size is 3, but there are 2 members"),
        (EnsembleConfig, {"size": "two"}, "size: Value 'two'"),
        (EnsembleConfig, {"members": [0, 0]}, "names a member twice"),
        (EnsembleConfig, {"members": [-1, 0]}, "-1 is no member"),
        (EnsembleConfig, {"orders": "both"}, "no value of ensemble.orders 'both'"),
        (EnsembleConfig, {"orders": [[0, 0]]}, r"\[0, 0\] is no order of 2 different members"),
        (EnsembleConfig, {"orders": 0}, "ensemble.orders is 0"),
        (EnsembleConfig, {"orders": True}, "no value of ensemble.orders 'True'"),
        (EnsembleConfig, {"orders": []}, "ensemble.orders is an empty list"),
        (EnsembleConfig, {"orders": [[0, 1], [0, 1]]}, r"ensemble.orders has \[0, 1\] twice"),
        (EnsembleConfig, {"max_orders": 0}, "ensemble.max_orders is 0: it must be a whole number from 1 on"),
        (EnsembleConfig, {"max_cascades": 0}, "ensemble.max_cascades is 0: it must be a whole number from 1 on"),
        (EnsembleConfig, {"seed": -1}, "ensemble.seed is -1: it must be a whole number from 0 on"),
    ],
)
def test_wrong_values(schema: type, values: dict[str, Any], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        to_object(schema, values)


@dataclass
class _Part:
    reference: str = "none"

    def __post_init__(self) -> None:
        self.reference = self.reference.lower()


@dataclass
class _Whole:
    name: str = "sweep"
    part: _Part = field(default_factory=_Part)

    def __post_init__(self) -> None:
        self.name += self.part.reference


def test_an_interpolation_in_the_place_of_a_section() -> None:
    config = OmegaConf.structured(_Whole)
    OmegaConf.update(config, "part", "${name}")
    with pytest.raises(WeeError, match=r"^part is 'sweep', but it is a section; set its keys: part\.reference$"):
        to_object(_Whole, config)
    assert to_object(_Whole, {"part": {"reference": "Other"}}).name == "sweepother"


def test_one_value_is_as_good_as_a_list() -> None:
    assert to_object(WindowConfig, {"width": 0.2}).width == [0.2]
    assert to_object(WindowConfig, {"width": [0, "all"]}).width == [0.0, "all"]
    assert to_object(EnsembleConfig, {"members": 3}).members == [0, 1, 2]


def test_evaluation_scores() -> None:
    same = to_object(ScoreConfig, {"exit": ["msp", "energy"], "evaluation": "same"})
    assert same.evaluations("energy") == ["energy"]
    assert same.evaluations(None) == ["msp", "energy"]
    other = to_object(ScoreConfig, {"exit": "msp", "evaluation": ["entropy", "same"]})
    assert other.evaluations("msp") == ["entropy", "msp"]
    assert other.needed() == ["msp", "entropy"]


def test_choosing() -> None:
    assert choose("scale", "all", ["a", "b"]) == ["a", "b"]
    assert choose("scale", "b", ["a", "b"]) == ["b"]
    assert choose("scale", ["b", "a", "b"], ["a", "b"]) == ["b", "a"]
    with pytest.raises(WeeError, match="no scale 'c' of family tiny. Known: a, b, all"):
        choose("scale", ["a", "c"], ["a", "b"], of="family tiny")
