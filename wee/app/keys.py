"""The keys of a command's config: their types, defaults and texts, for help and the reference."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import MISSING, DictConfig, OmegaConf

from wee.app.docstrings import field_texts
from wee.app.hydra_compat import composing
from wee.app.paths import conf_dir


@dataclass(frozen=True)
class ConfigKey:
    """A key of a config.

    Attributes:
        name: the dotted name, as it is written on the command line: "window.width".
        type: the type of its values, as in the dataclass; empty for a section.
        text: what the docstring of the dataclass says about it.
        default: the value that the command's own config gives it, before interpolation; `MISSING` if a value is required.
        section: whether it holds further keys, which follow it.
    """

    name: str
    type: str
    text: str
    default: Any
    section: bool


def config_keys(command: str, root: type) -> list[ConfigKey]:
    """Return every typed key of a command's config, each section before the keys in it.

    Keys whose types depend on a choice, such as those of a kind of data set, are not among them.

    Args:
        command: the name of the command and of its primary config.
        root: its typed config. It must be known to Hydra (`Command.register`).
    """
    with composing(str(conf_dir())):
        config = compose(command)
    plain = OmegaConf.to_container(config, resolve=False)
    return list(_keys(root, "", plain))


def schema_keys(schema: type, prefix: str = "") -> list[ConfigKey]:
    """Return the keys of a dataclass with its own defaults.

    Args:
        schema: the dataclass of a part of a config, such as a kind of data set.
        prefix: the key at which the part stands.
    """
    return list(_keys(schema, f"{prefix}." if prefix else "", None))


def _keys(schema: type, prefix: str, values: Any) -> Iterator[ConfigKey]:
    texts, hints = field_texts(schema), typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        hint = hints[field.name]
        parts = [part for part in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(part)]
        section = bool(parts) and typing.get_origin(hint) is not dict
        value = values.get(field.name, _default(field)) if isinstance(values, dict) else _default(field)
        name = f"{prefix}{field.name}"
        yield ConfigKey(name, "" if section else _written(field.type), texts[field.name], value, section)
        if section:
            inside = value if isinstance(value, dict) else None
            yield from _keys(typing.cast(type, parts[0]), f"{name}.", inside)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    value = field.default_factory() if field.default_factory is not dataclasses.MISSING else MISSING
    return value if isinstance(value, (dict, list, str, int, float)) or value is None else {}


def _written(annotation: Any) -> str:
    """Return a type as the source has it, without the mark of a checked field."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    match = re.fullmatch(r"Checked\[(.*)\]", text)
    return match[1] if match else text


def default_choices(command: str) -> dict[str, str]:
    """Return the choice that a command's own config makes of each config group, in its order."""
    defaults = OmegaConf.load(Path(conf_dir(), f"{command}.yaml")).defaults
    choices: dict[str, str] = {}
    for default in defaults:
        if isinstance(default, DictConfig):
            for key, choice in default.items_ex(resolve=False):
                words: Sequence[str] = str(key).split()
                if words[0] != "override":
                    choices[words[-1]] = str(choice)
    return choices
