"""The catalogue of costs, and plug-ins."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wee.app.typed import to_object
from wee.costs import COSTS, amount, conditions, measured
from wee.costs.config import CostConfig, CostsConfig
from wee.data.base import Transform
from wee.errors import WeeError

TRANSFORM = Transform(8, (0.0,), (1.0,))

PLUGIN = '''
class Watts:
    """Energy of one forward pass."""
    label, unit = "energy", "J"
    batch = 1
    def measure(self, network, transform, channels):
        network.weight.data.zero_()
        return transform.size * channels * self.batch
    def conditions(self):
        return {"batch": self.batch}

class Needy(Watts):
    def __init__(self, batch):
        self.batch = batch

BATCH_8 = Needy(8)

class Plain:
    conditions = {"machine": "a"}
    def measure(self, network, transform, channels):
        return 0

class Odd(Plain):
    conditions = {"machine": object()}
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module with costs, under a name that no other test has imported."""
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / f"energy_{tmp_path.name}.py"
    path.write_text(PLUGIN)
    return path


def test_a_plugin_says_what_it_counts(plugin: Path) -> None:
    name = f"{plugin.stem}:Watts"
    cost = COSTS.find(name)
    assert (cost.name, cost.label, cost.unit) == (name, "energy", "J")
    assert (cost.heading, cost.help) == ("energy (J)", "Energy of one forward pass.")
    assert amount(3.14159, cost.label, cost.unit) == "3.14 J"
    assert COSTS.find(f"{plugin.stem}:Plain").heading == "Plain"
    assert conditions(f"{plugin.stem}:Plain")["machine"] == "a"
    assert set(conditions(name)) == {"batch", "source"}
    assert COSTS.find(f"{plugin.stem}:BATCH_8").conditions() == {"batch": 8}
    assert COSTS["macs"].heading == "MACs"
    assert conditions("macs") == {}


def test_a_cost_cannot_change_the_network(plugin: Path) -> None:
    network = nn.Conv2d(3, 4, 1)
    before = network.weight.detach().clone()
    assert measured(COSTS.find(f"{plugin.stem}:Watts"), network, TRANSFORM, 3) == [24.0]
    assert (network.weight == before).all()
    assert network.training


def test_what_is_no_cost_is_refused(plugin: Path) -> None:
    with pytest.raises(WeeError, match=r"the cost .*:Plain is 0\.0: it must be a positive number"):
        measured(COSTS.find(f"{plugin.stem}:Plain"), nn.Conv2d(3, 4, 1), TRANSFORM, 3)
    with pytest.raises(WeeError, match=r"Watts raised AttributeError: .*weight.* \(.*\.py, line \d+\)$"):
        measured(COSTS.find(f"{plugin.stem}:Watts"), nn.Identity(), TRANSFORM, 3)
    for name, message in {
        "Needy": r"cannot be made: .*batch.*name an object of it",
        "Odd": "conditions of the cost .*:Odd are no plain data",
        "PLUGIN": "has no PLUGIN",
    }.items():
        with pytest.raises(WeeError, match=message):
            COSTS.find(f"{plugin.stem}:{name}")
    with pytest.raises(WeeError, match="the cost sys:path has no measure"):
        COSTS.find("sys:path")


class TwoExits(nn.Module):
    """A stem and two exits, of which the first needs the first half alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.first(images))

    def up_to(self) -> list[Any]:
        return [self.first, self]


@pytest.mark.parametrize(("name", "expected"), [("macs", [768.0, 1792.0]), ("parameters", [16.0, 36.0])])
def test_exits_cost_what_leads_up_to_them(name: str, expected: list[float]) -> None:
    assert measured(COSTS[name], TwoExits(), TRANSFORM, 3) == expected


def test_a_cost_has_one_number_for_each_exit(plugin: Path) -> None:
    network = TwoExits()
    network.weight = nn.Parameter(torch.ones(1))
    with pytest.raises(WeeError, match=r"Watts is 24\.0: it must be 2 positive numbers, one for each exit, ascending"):
        measured(COSTS.find(f"{plugin.stem}:Watts"), network, TRANSFORM, 3)


@pytest.mark.parametrize(
    ("name", "label", "unit", "shown"),
    [
        ("latency_ms", "latency", "ms", "3.2 ms"),
        ("energy_mJ", "energy", "mJ", "3.2 mJ"),
        ("energy_mj", "energy", "mJ", "3.2 mJ"),
        ("energy_MJ", "energy MJ", "", "3.2 energy MJ"),
        ("gpu_time_us", "gpu time", "µs", "3.2 µs"),
        ("network_calls", "network calls", "", "3.2 network calls"),
        ("ms", "ms", "", "3.2 ms"),
    ],
)
def test_a_given_cost_has_the_unit_that_its_name_ends_with(name: str, label: str, unit: str, shown: str) -> None:
    cost = COSTS.find(name)
    assert (cost.name, cost.label, cost.unit, cost.amount(3.2)) == (name, label, unit, shown)
    assert cost.average == (f"average {label} ({unit})" if unit else f"average {label}")
    assert (conditions(name), COSTS.source(name)) == ({}, None)
    assert to_object(CostConfig, {"measure": name}).measure == name
    with pytest.raises(WeeError, match=f"the cost {name} cannot be measured"):
        measured(cost, nn.Identity(), TRANSFORM, 3)


def test_a_built_in_cost_is_no_given_one() -> None:
    assert COSTS.find("latency") is COSTS["latency"]
    with pytest.raises(WeeError, match="there is no cost 'my watts': .* letters, digits and underscores"):
        COSTS.find("my watts")
    with pytest.raises(WeeError, match="there is no cost 'Macs'; did you mean 'macs'"):
        COSTS.find("Macs")


def test_choices_of_the_group_can_be_listed(plugin: Path) -> None:
    """Each choice is a key of a mapping, so that Hydra merges them."""
    name = f"{plugin.stem}:Watts"
    assert to_object(CostsConfig, {"choices": {"macs": None, "parameters": None}}).measure == ["macs", "parameters"]
    assert to_object(CostsConfig, {"measure": [name, "macs", name]}).measure == [name, "macs"]
    assert to_object(CostConfig, {"choices": {"parameters": None}}).measure == "parameters"
    assert to_object(CostConfig, {"measure": name}).measure == name
    for value, message in {
        "mcas": "there is no cost 'mcas'; did you mean 'macs'",
        "latency_ms": "there is no cost 'latency_ms'; .* numbers that you know are given with wee import",
        "nosuch:Cost": "is the folder of nosuch.py on the PYTHONPATH",
    }.items():
        with pytest.raises(WeeError, match=message):
            to_object(CostsConfig, {"measure": value})
    with pytest.raises(WeeError, match=r"cost\.measure is empty"):
        to_object(CostsConfig, {"measure": []})
    with pytest.raises(WeeError, match=r"priced by one cost, and cost\.measure has 2: macs, parameters"):
        to_object(CostConfig, {"measure": ["macs", "parameters"]})
    assert not [module for module in sys.modules if module.startswith("nosuch")]
