"""Every config of every group composes, for every command that has the group, and fits its typed root."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.helpers.configs import composed
from wee.app.paths import conf_dir
from wee.commands import COMMANDS, find_command

CHOICES = [
    (group.name, file.stem)
    for group in sorted(conf_dir().iterdir())
    if group.is_dir() and group.name not in ("hydra", "experiment")
    for file in sorted(group.glob("*.yaml"))
]
CATALOGUED = [
    (name, group, option)
    for name in COMMANDS
    for group, choices in find_command(name).groups.items()
    for option in choices.catalogue
]
"""The choices that come from catalogues."""


def needs(name: str) -> list[str]:
    """Overrides without which a command cannot run."""
    names = ["dataset.name=d", "family.name=f"]
    return {
        "import": [*names, "file=f.npz", "scale=s", "macs=1"],
        "calibrate": ["target=50"],
        "predict": ["cascade=c", "images=i"],
        "export": ["cascade=c"],
    }.get(name, [])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_defaults_compose(name: str) -> None:
    assert isinstance(composed(name, *needs(name)), find_command(name).root)


REFUSED = ("all", "sc", "scod", "ood", "exits", "fpr@80", "fpr@95", "expected_entropy", "mutual_information")
"""Choices that a cascade cannot be calibrated with: several scores or tasks, or ones that do not fit."""

PAIRS = [
    (name, group, option)
    for name, (group, option) in itertools.product(COMMANDS, CHOICES)
    if group in {field.name for field in dataclasses.fields(find_command(name).root)}
]
PAIRS += [choice for choice in CATALOGUED if choice not in PAIRS]
PAIRS = [choice for choice in PAIRS if not (choice[0] == "calibrate" and choice[2] in REFUSED)]


@pytest.mark.parametrize(("name", "group", "option"), PAIRS)
def test_every_choice_composes(name: str, group: str, option: str) -> None:
    many = group in ("ood", "shift", "logger")
    named = [f"{group}.name=x"] if option in ("stored", "folder") and not many else []
    found = composed(name, *needs(name), *named, f"{group}=[{option}]" if many else f"{group}={option}")
    assert isinstance(found, find_command(name).root)


@pytest.mark.parametrize("file", sorted((conf_dir() / "experiment").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_experiment_composes(file: Path) -> None:
    assert isinstance(composed("sweep", f"+experiment={file.stem}"), find_command("sweep").root)


@pytest.mark.parametrize("file", sorted(conf_dir().rglob("*.yaml")), ids=lambda file: file.stem)
def test_no_path_is_absolute(file: Path) -> None:
    def leaves(node: object) -> list[str]:
        if isinstance(node, dict):
            return [leaf for value in node.values() for leaf in leaves(value)]
        return [str(node)]

    values = leaves(OmegaConf.to_container(OmegaConf.load(file)))
    assert not [value for value in values if value.startswith(("/", "~"))]


def test_every_group_belongs_to_a_command() -> None:
    assert {group for group, _ in CHOICES} | {group for _, group, _ in CATALOGUED} == {group for _, group, _ in PAIRS}
    assert len(CATALOGUED) > 4


def test_every_choice_says_what_it_is() -> None:
    """Help shows the first comment of each file."""
    for group, option in CHOICES:
        first = (conf_dir() / group / f"{option}.yaml").read_text().splitlines()[0]
        assert first.startswith("# "), f"{group}/{option}.yaml has no comment"
