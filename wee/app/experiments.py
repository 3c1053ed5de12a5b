"""Experiments of users, whose settings other commands need without the experiment itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, OmegaConf

from wee.app.paths import conf_dir
from wee.app.safety import composed

EXPERIMENT = "experiment"
"""The config group of experiments: files that set keys of any other group."""

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_CONSTANTS = ("null", "true", "false", "nan", "inf")
_MISSING = "???"  # how OmegaConf writes that a value has to be set


def own_experiments(overrides: Sequence[str]) -> list[str]:
    """Return the names of the experiments of the user among overrides; those of `wee` choose no networks."""
    chosen = (word.partition("=")[2] for word in overrides if word.lstrip("+").partition("=")[0] == EXPERIMENT)
    names = [name.strip() for choices in chosen for name in choices.strip("[]").split(",")]
    return [name for name in names if not (conf_dir() / EXPERIMENT / f"{name}.yaml").is_file()]


def settings_of_experiments(
    command: str,
    overrides: Sequence[str],
    other: str,
    given: Sequence[str],
    parts: Collection[str],
    folders: Sequence[Path],
) -> list[str]:
    """Return what a command reads from experiments of the user as overrides of another command.

    An experiment may set keys that the other command does not have, so `+experiment=NAME` cannot be given to it.

    Args:
        command: the name of the command that reads the experiments.
        overrides: its overrides, as they stand on the command line.
        other: the name of the other command.
        given: the overrides that it gets already.
        parts: the first parts of the keys that both commands are to agree in, such as "dataset".
        folders: the user's folders of configs.

    Returns:
        An override for each choice and value in which the two configs would differ otherwise.
    """
    wanted = composed(command, overrides, folders)
    choices = [
        f"{part}={_written(choice)}" for part, choice in _choices(wanted, composed(other, given, folders), parts)
    ]
    present = _values(composed(other, [*given, *choices], folders), parts)
    values = _values(wanted, parts).items()
    return [*choices, *(f"++{key}={_written(value)}" for key, value in values if present.get(key, _MISSING) != value)]


def _choices(wanted: DictConfig, present: DictConfig, parts: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield the choices of config groups in which a config differs from another one."""
    chosen, other = ({**config.hydra.runtime.choices} for config in (wanted, present))
    for part in parts:
        if part in chosen and chosen[part] != other.get(part):
            yield part, chosen[part]


def _values(config: DictConfig, parts: Collection[str]) -> dict[str, Any]:
    """Return the values in some parts of a config by their dotted keys, without those that nobody has set."""
    plain: Any = OmegaConf.to_container(config, resolve=False)  # interpolations are compared as they are written
    pairs = (pair for part in parts if part in plain for pair in _leaves(part, plain[part]))
    return {key: value for key, value in pairs if value != _MISSING}


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values inside a part of a config, with their dotted keys."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    else:
        yield key, value


def _written(value: Any) -> str:
    """Return a value as Hydra's overrides have it.

    Example:
        >>> _written([0.5, None, "msp", {"a": True, "b": "x y"}])
        "[0.5,null,msp,{a:true,b:'x y'}]"
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name}:{_written(inner)}' for name, inner in value.items())}}}"
    text = str(value)
    if not isinstance(value, str) or (_PLAIN.fullmatch(text) and text.lower() not in _CONSTANTS):
        return text
    return QuotedString(text, Quote.single).with_quotes()
