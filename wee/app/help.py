"""`wee <command> --help`: what can be swapped, with a line about each choice, and the config, with a comment on each key.

Hydra's own help lists the groups of all commands, takes twice as long, and has nothing to say about a choice.
"""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from omegaconf import DictConfig, ListConfig, OmegaConf

from wee.app.groups import Group
from wee.app.hydra_compat import composing, parsed_overrides
from wee.app.keys import ConfigKey, schema_keys
from wee.app.paths import conf_dir
from wee.errors import WeeError

_WIDTH = 118
"""The largest length of a line, in characters."""

_COMMENTS = 36
"""The column in which the comments on keys begin."""

_TEXT = """\
wee {command} [overrides]

What can be swapped (group=choice; * is the default):

{groups}
{values}What can be set (key=value), its value now, and what it means:

{config}
wee {command} -m group=a,b    runs several, and goes on when one fails
wee {command} --cfg job       shows the config alone, as YAML that can be piped
wee {command} --hydra-help    Hydra's own help
"""


def command_help(
    command: str,
    schema: type,
    overrides: Sequence[str],
    config_dir: str | None,
    groups: Mapping[str, Group] | None = None,
    values: Mapping[str, Mapping[str, str]] | None = None,
    kinds: Callable[[str], type] | None = None,
) -> str:
    """The help of a command.

    Args:
        command: its name.
        schema: its typed config, whose docstrings say what the keys mean.
        overrides: as given beside `--help`; the config is shown with them.
        config_dir: an additional folder of configs, as given by `--config-dir`.
        groups: config groups whose choices come from catalogues, by name.
        values: what is said about the values of some keys: by key, a line for each value.
        kinds: returns the typed config of a part whose type depends on its `kind`; see `commented`.
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
        command=command,
        groups=f"{shown}{experiments}",
        values=_values(values or {}),
        config=commented(chosen, schema, kinds),
    )


def listed(lines: Mapping[str, str], least: int = 18) -> str:
    """Return names with a description each, in two columns."""
    width = max([least, *map(len, lines)])
    return "".join(
        textwrap.fill(text, _WIDTH, initial_indent=f"  {name:<{width}}  ", subsequent_indent=" " * (width + 4)) + "\n"
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


def commented(config: DictConfig, schema: type, kinds: Callable[[str], type] | None = None) -> str:
    """Return a config as YAML with a comment on each typed key, which says what the key means.

    Args:
        config: the config, before interpolation.
        schema: the dataclass whose docstring, with those of its parts, has the texts.
        kinds: returns the dataclass of a part by the value of its key `kind`, or raises a `WeeError`. It is called for parts
            that the schema leaves untyped, such as data sets. None if there are none.
    """
    values = OmegaConf.to_container(config, resolve=False)
    keys = {key.name: key for key in schema_keys(schema)}
    if kinds is not None:
        keys |= _keys_of_kinds(values, keys, "", kinds)
    return "".join(f"{line}\n" for line in _commented(values, keys, ""))


def _keys_of_kinds(
    values: Any, keys: Mapping[str, ConfigKey], prefix: str, kinds: Callable[[str], type]
) -> dict[str, ConfigKey]:
    """Return the keys of the untyped parts of a section that have a kind, such as `dataset`, or `ood.photos` within `ood`."""
    found: dict[str, ConfigKey] = {}
    for name, value in values.items():
        key = keys.get(f"{prefix}{name}")
        if not isinstance(value, dict) or (key is not None and key.section):
            continue
        if "kind" in value:
            with contextlib.suppress(WeeError):  # of an unknown kind, which the command reports when it runs
                found |= {part.name: part for part in schema_keys(kinds(str(value["kind"])), f"{prefix}{name}")}
        else:
            found |= _keys_of_kinds(value, keys, f"{prefix}{name}.", kinds)
        if any(part.startswith(f"{prefix}{name}.") for part in found):
            text = "" if key is None else key.text
            found[f"{prefix}{name}"] = ConfigKey(f"{prefix}{name}", "", text, value, section=True)
    return found


def _commented(values: Any, keys: Mapping[str, ConfigKey], prefix: str) -> Iterator[str]:
    """Yield the lines of a section. Its sections are indented below their names, and so are long values."""
    indent = "  " * prefix.count(".")
    for name, value in values.items():
        key = keys.get(f"{prefix}{name}")
        section = key is not None and key.section and isinstance(value, dict) and bool(value)
        lines = [f"{name}:"] if section else _yaml(name, value)
        comment = "" if key is None else key.text
        yield from _with_comment([indent + line for line in lines], comment)
        if section:
            yield from _commented(value, keys, f"{prefix}{name}.")


def _with_comment(lines: Sequence[str], comment: str) -> Iterator[str]:
    """Yield the lines of a key with a comment to the right of the key, or below its value where that is too long."""
    margin = " " * _COMMENTS
    comments = textwrap.wrap(
        comment, _WIDTH, initial_indent=f"{margin}# ", subsequent_indent=f"{margin}# ", break_on_hyphens=False
    )
    first, *others = lines
    if comments and len(first) < _COMMENTS and (first.endswith(":") or not others):
        first += comments.pop(0)[len(first) :]
        yield from [first, *comments, *others]
    else:
        yield from [first, *others, *comments]


def _yaml(name: str, value: Any) -> list[str]:
    """Return a key and its value as lines of YAML, in which short lists are on one line each."""
    style = None if isinstance(value, (dict, list)) else False
    text: str = yaml.safe_dump({name: value}, default_flow_style=style, sort_keys=False, width=_WIDTH - 8)
    return text.splitlines()


def _choices(command: str, overrides: Sequence[str], composed: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is chosen of each config group, in the order of the command's defaults.

    Hydra does not say which choices of a group were listed (`group=[a,b]`): these are read from the defaults and overrides.
    """
    defaults = OmegaConf.load(conf_dir() / f"{command}.yaml").defaults
    pairs = (
        pair for default in defaults if isinstance(default, DictConfig) for pair in default.items_ex(resolve=False)
    )
    written = {str(group): choice for group, choice in pairs if " " not in str(group)}
    parsed = parsed_overrides(tuple(overrides))
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
