"""Config groups whose choices come from a catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hydra import compose
from hydra.core.config_store import ConfigStore

from wee.app.groups import Group
from wee.app.hydra_compat import composing
from wee.app.typed import check_overrides, has_key
from wee.catalogue import Catalogue
from wee.commands.evaluate import EvaluateConfig
from wee.commands.sweep import SweepConfig
from wee.errors import WeeError


@dataclass(frozen=True)
class Fruit:
    name: str
    label: str = ""
    help: str = ""


@dataclass
class Root:
    fruit: Any = None
    basket: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, Group]]:
    """A group of two fruits and a YAML file, in the folder of configs `tmp_path`."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"garden_{tmp_path.name}.py").write_text("Fig = object()\n")
    (tmp_path / "fruit").mkdir()
    (tmp_path / "fruit" / "both.yaml").write_text("names: {apple: 1, pear: 1}\n")
    (tmp_path / "main.yaml").write_text("defaults: [{fruit: apple}, _self_]\n")
    catalogue = Catalogue("fruit", [Fruit("apple"), Fruit("pear")], lambda name, found: Fruit(name))
    group = Group(catalogue, lambda name: {"names": {name: None}})
    group.offer("fruit")
    yield {"fruit": group}
    ConfigStore.instance().repo.pop("fruit")


def chosen(folder: Path, *overrides: str) -> list[str]:
    with composing(str(folder)):
        return list(compose("main", overrides=list(overrides)).fruit.names)


def test_catalogue_plugins_and_files_are_choices(groups: Mapping[str, Group], tmp_path: Path) -> None:
    plugin = f"garden_{tmp_path.name}:Fig"
    for override, expected in {
        "fruit=pear": ["pear"],
        "fruit=both": ["apple", "pear"],
        "fruit=[pear,apple]": ["pear", "apple"],
        f"fruit={plugin}": [plugin],
        f"fruit=[apple,{plugin}]": ["apple", plugin],
    }.items():
        check_overrides(Root, [override], [tmp_path], groups)
        assert chosen(tmp_path, override) == expected
    check_overrides(Root, ["fruit=apple,nosuch"], [tmp_path], groups)  # of a multirun, each job is checked on its own
    assert chosen(tmp_path) == ["apple"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "fruit=aple",
            r"no fruit 'aple'; did you mean 'apple'\? Known: apple, pear, both. A fruit of your own is named as",
        ),
        ("fruit=[pear,aple]", "no fruit 'aple'"),
        ("fruit=nosuch_garden:Fig", "is the folder of nosuch_garden.py on the PYTHONPATH"),
    ],
)
def test_what_is_no_choice_is_told(groups: Mapping[str, Group], tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        check_overrides(Root, [override], [tmp_path], groups)


@pytest.mark.parametrize(
    ("schema", "key", "known"),
    [
        (SweepConfig, "cost.conditions.batch", True),
        (EvaluateConfig, "cost.conditions.batch", False),  # so a sweep's message does not hand it on
        (EvaluateConfig, "cost.measure", True),
        (EvaluateConfig, "dataset.draws", True),
        (EvaluateConfig, "family.scales.big.model", True),
        (EvaluateConfig, "family.scale", False),
        (EvaluateConfig, "window", False),
    ],
)
def test_keys_of_a_schema(schema: type, key: str, known: bool) -> None:
    assert has_key(schema, key) == known
