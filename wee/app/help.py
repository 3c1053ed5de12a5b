"""`wee <command> --help`: what can be swapped, with a line about each choice, and the config.

Hydra's own help lists the groups of all commands, takes twice as long, and has nothing to say about a choice.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, ListConfig, OmegaConf

from wee.app.groups import Group
from wee.app.hydra_compat import composing
from wee.app.paths import conf_dir

_TEXT = """\
wee {command} [overrides]

What can be swapped (group=choice; * is the default):

{groups}
{values}What can be set (key=value), and its value now:

{config}
wee {command} -m group=a,b    runs several, and goes on when one fails
wee {command} --cfg job       shows the config alone, as YAML that can be piped
wee {command} --hydra-help    Hydra's own help
"""


def command_help(
    command: str,
    overrides: Sequence[str],
    config_dir: str | None,
    groups: Mapping[str, Group] | None = None,
    values: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """The help of a command.

    Args:
        command: its name.
        overrides: as given beside `--help`; the config is shown with them.
        config_dir: an additional folder of configs, as given by `--config-dir`.
        groups: config groups whose choices come from catalogues, by name.
        values: what is said about the values of some keys: by key, a line for each value.
    """
    folders = [conf_dir(), *([Path(config_dir).resolve()] if config_dir else [])]
    search = [f"hydra.searchpath=[file://{folders[1]}]"] if config_dir else []
    with composing(str(folders[0])):
        config = compose(command, overrides=[*search, *overrides], return_hydra_config=True)
    chosen = DictConfig({key: value for key, value in config.items_ex(resolve=False) if key != "hydra"})
    choices = _choices(command, overrides, config.hydra.runtime.choices)
    catalogued = groups or {}
    shown = "\n".join(_group(group, names, folders, catalogued.get(group)) for group, names in choices.items())
    experiments = "\n" + _group("+experiment", [], folders) if command == "sweep" else ""
    return _TEXT.format(
        command=command, groups=f"{shown}{experiments}", values=_values(values or {}), config=_yaml(chosen)
    )


def attributes_help(schema: type, names: Sequence[str] | None = None) -> dict[str, str]:
    """Return what the docstring of a config says about its fields, by name.

    Args:
        schema: the dataclass.
        names: the fields; None for all that the docstring describes.
    """
    _, _, section = inspect.cleandoc(schema.__doc__ or "").partition("\nAttributes:\n")
    described: dict[str, str] = {}
    key = ""
    for line in section.splitlines():
        match = re.match(r" {4}(\w+(?:, \w+)*): (.*)", line)
        if match:
            key = match[1]
            described[key] = match[2]
        elif line.startswith(" " * 8) and key:
            described[key] += f" {line.strip()}"
        else:
            break
    return {name: described.get(name, "") for name in (names if names is not None else described)}


def field_texts(schema: type) -> dict[str, str]:
    """Return what the docstrings of a config and of its base classes say about each of its fields, by name.

    Args:
        schema: the dataclass. A text that is written for several fields ("mean, std: ..") belongs to each of them.

    Returns:
        A text for each field, in the order of the fields; empty where no docstring has one.
    """
    written: dict[str, str] = {}
    for base in reversed(schema.__mro__):
        if dataclasses.is_dataclass(base):
            written |= {name: text for names, text in attributes_help(base).items() for name in names.split(", ")}
    return {field.name: written.get(field.name, "") for field in dataclasses.fields(schema)}


def listed(lines: Mapping[str, str], least: int = 18) -> str:
    """Return names with a description each, in two columns."""
    width = max([least, *map(len, lines)])
    return "".join(
        textwrap.fill(text, 118, initial_indent=f"  {name:<{width}}  ", subsequent_indent=" " * (width + 4)) + "\n"
        for name, text in lines.items()
    )


def _values(values: Mapping[str, Mapping[str, str]]) -> str:
    """The names that some keys take, each with its line, and how plug-ins are named."""
    text = ""
    for key, lines in values.items():
        every = {**lines, "module:Name": "one of your own, in a module on the PYTHONPATH"}
        width = max([18, *map(len, every)])
        text += f"  {key}\n" + "".join(f"     {value:<{width}} {line}\n" for value, line in every.items()) + "\n"
    return f"What some keys take (one name or a list of names):\n\n{text}" if text else ""


def _yaml(config: DictConfig) -> str:
    """A config with its short lists on one line each."""
    plain = OmegaConf.to_container(config, resolve=False)
    return str(yaml.safe_dump(plain, default_flow_style=None, sort_keys=False, width=110))


def _choices(command: str, overrides: Sequence[str], composed: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is chosen of each config group, in the order of the command's defaults.

    Hydra does not say which choices of a group were listed (`group=[a,b]`): these are read from the defaults and overrides.
    """
    defaults = OmegaConf.load(conf_dir() / f"{command}.yaml").defaults
    pairs = (
        pair for default in defaults if isinstance(default, DictConfig) for pair in default.items_ex(resolve=False)
    )
    written = {str(group): choice for group, choice in pairs if " " not in str(group)}
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    written |= {one.key_or_group: one.value() for one in parsed if one.key_or_group in written and not one.is_delete()}
    known = {group: choice for group, choice in composed.items() if "/" not in group}
    return {group: _names(choice) for group, choice in (written | known).items()}


def _names(choice: Any) -> list[str]:
    """The names that a choice of a group consists of: one, or several of a list."""
    return [str(name) for name in choice] if isinstance(choice, (list, ListConfig)) else [str(choice)]


def _group(group: str, chosen: Sequence[str], folders: Sequence[Path], catalogued: Group | None = None) -> str:
    """A group's choices, each with a line about it: from a catalogue its help, of a file the first comment."""
    about = group_choices(group, folders, catalogued, chosen)
    width = max([16, *map(len, about)])
    lines = [f"   {'*' if name in chosen else ' '} {name:<{width}} {line}".rstrip() for name, line in about.items()]
    return "\n".join([f"  {group}", *lines]) + "\n"


def group_choices(
    group: str, folders: Sequence[Path], catalogued: Group | None = None, chosen: Sequence[str] = ()
) -> dict[str, str]:
    """Return a line about each choice of a config group: from a catalogue its help, of a file the first comment.

    Args:
        group: the name of the group; "+experiment" stands for the group "experiment".
        folders: the folders of configs.
        catalogued: the catalogue that the group's choices come from, if they do.
        chosen: choices to include beside those of the catalogue, such as plug-ins.
    """
    files = {file.stem: file for folder in folders for file in (folder / group.lstrip("+")).glob("*.yaml")}
    about = {name: _comment(files[name]) for name in sorted(files)}
    if catalogued is not None:
        things = [
            catalogued.catalogue.find(name)
            for name in dict.fromkeys([*catalogued.catalogue, *chosen])
            if name not in files
        ]
        about = {thing.name: thing.help for thing in things} | about
    return about


def _comment(file: Path) -> str:
    comments = (line for line in file.read_text().splitlines() if line.startswith("# ") and "@package" not in line)
    return next(comments, "").removeprefix("# ")
