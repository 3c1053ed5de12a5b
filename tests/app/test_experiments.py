"""What other commands are told of experiments."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from wee.app.experiments import EXPERIMENT, own_experiments, settings_of_experiments
from wee.app.paths import conf_dir
from wee.app.safety import composed
from wee.commands import find_command
from wee.explore.reproduction import NETWORKS

GIVEN = ("dataset=digits", "family=tiny")

MINE = """# @package _global_
defaults:
  - override /window: grid
  - override /cost: latency
paths: {store: 'my logits', outputs: elsewhere}
dataset: {seed: 3}
pick: newest
name: mine-${dataset.name}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / EXPERIMENT).mkdir()
    (tmp_path / EXPERIMENT / "mine.yaml").write_text(MINE)
    for name in ("sweep", "calibrate"):
        find_command(name).register()
    return tmp_path


def test_another_command_gets_the_values_without_the_experiment(folder: Path) -> None:
    overrides = [*GIVEN, "+experiment=mine", "paths.outputs=here", "window.width=0.3"]
    given = [*GIVEN, "paths.outputs=here"]
    settings = settings_of_experiments("sweep", overrides, "calibrate", given, NETWORKS, [folder])
    assert {"++dataset.seed=3", "++paths.store='my logits'", "++pick=newest"} <= set(settings)
    assert not any(word.lstrip("+").startswith(("window", "name", "paths.outputs")) for word in settings)
    sweep = composed("sweep", overrides, [folder])
    calibrate = composed("calibrate", [*given, *settings], [folder])
    for part in NETWORKS:
        wanted, made = (OmegaConf.to_container(OmegaConf.create({part: config[part]})) for config in (sweep, calibrate))
        assert wanted == made, part
    assert (list(calibrate.cost.choices), calibrate.paths.store) == (["latency"], "my logits")


def test_experiments_of_wee_choose_no_networks() -> None:
    for file in (conf_dir() / EXPERIMENT).glob("*.yaml"):
        assert not set(OmegaConf.load(file)) & set(NETWORKS), file
        for default in OmegaConf.load(file).get("defaults", []):
            assert not {f"override /{part}" for part in NETWORKS} & set(default), file
        assert own_experiments([*GIVEN, f"+experiment={file.stem}", "+experiment=[mine]"]) == ["mine"]
