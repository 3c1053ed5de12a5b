"""Config files are data: they run no code, and do not fill the memory.

Hydra calls what `hydra.callbacks` names, and Python's logging what the handlers of `hydra.job_logging` name. A config file
of somebody else, given by `--config-dir`, could so run any command. These parts of a config are therefore checked before
Hydra acts on them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wee.app.hydra_compat import composing, parsed_overrides
from wee.app.paths import conf_dir
from wee.errors import WeeError

MAX_NODES = 100_000
"""The largest number of values in a config file, each alias counted as a copy."""

_CLASS = re.compile(
    r"logging\.(StreamHandler|FileHandler|NullHandler|Formatter|handlers\.\w+)"
    r"|wee\.app\.console\.(ConsoleHandler|LogFile)|rich\.logging\.RichHandler|colorlog\.ColoredFormatter"
)
_OBJECT = re.compile(r"ext://sys\.(stdout|stderr)")


def check_configs(command: str, overrides: Sequence[str], folders: Sequence[Path]) -> None:
    """Check the config files of a user, and what they and overrides set of Hydra itself.

    Args:
        command: the name of the command.
        overrides: as they stand on the command line.
        folders: the user's folders of configs.

    Raises:
        WeeError: a file would fill the memory, or a config would run code.
    """
    parsed = parsed_overrides(tuple(overrides))
    if not folders and not any(override.key_or_group.startswith("hydra") for override in parsed):
        return
    config = composed(command, overrides, folders)
    check_hydra(OmegaConf.to_container(config.hydra, resolve=False))
    for part in ("launcher", "sweeper"):
        check_plugin(config.hydra.get(part), f"hydra.{part}")


def composed(command: str, overrides: Sequence[str], folders: Sequence[Path]) -> DictConfig:
    """Compose the config of a command, with Hydra's own part; nothing in it is run. Overrides with several values are left out.

    Args:
        command: the name of the command.
        overrides: as they stand on the command line.
        folders: the user's folders of configs.

    Raises:
        WeeError: a file would fill the memory, or the config cannot be composed.
        HydraException, OmegaConfBaseException, YAMLError: the config cannot be composed.
    """
    for file in (file for folder in folders for file in sorted(folder.rglob("*.yaml"))):
        _check_size(file)
    parsed = parsed_overrides(tuple(overrides))
    search = [f"hydra.searchpath=[{','.join(f'file://{folder.resolve()}' for folder in folders)}]"] if folders else []
    single = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    try:
        with composing(str(conf_dir())):
            return compose(command, overrides=[*search, *single], return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError):
        raise
    except Exception as error:  # Hydra raises errors of many types for files that are no configs
        raise WeeError(f"the config cannot be composed: {type(error).__name__}: {error}") from None


def check_plugin(config: Any, key: str) -> None:
    """Check that the config of a launcher or sweeper names nothing to call besides its own class, of which Hydra takes care.

    Hydra would call what a `_target_` inside it names, also one that an interpolation leads to. This check comes before
    anything runs and can name the key; `check_plugin_values` is needed besides, as an interpolation may lead elsewhere later.

    Raises:
        WeeError: it does.
    """
    if not isinstance(config, DictConfig | ListConfig) or config._is_none() or config._is_missing():
        return
    names: list[Any] = list(config) if isinstance(config, DictConfig) else list(range(len(config)))
    for name in names:
        with contextlib.suppress(OmegaConfBaseException):  # Hydra reports what cannot be resolved
            value: Any = config[name]
            if isinstance(value, DictConfig) and "_target_" in value:
                target = OmegaConf.to_container(value, resolve=False)
                raise WeeError(
                    f"{key}.{name} would run {_target(target)}: configs of wee are values and run no code; leave _target_ out"
                )
            check_plugin(value, f"{key}.{name}")


def check_plugin_values(config: Any, key: str = "the config of a launcher or sweeper") -> None:
    """Check the plain values that a launcher or sweeper is made from: they name nothing to call, and nothing to resolve again.

    Raises:
        WeeError: they do.
    """
    for name, value in config.items() if isinstance(config, Mapping) else enumerate(config):
        if isinstance(value, Mapping) and "_target_" in value:
            raise WeeError(
                f"{key} would run {_target(value)}: configs of wee are values and run no code; leave _target_ out"
            )
        if isinstance(value, str) and "${" in value:
            raise WeeError(f"{key} has {value!r} for {name}: write variables of the shell without braces, $NAME")
        if isinstance(value, Mapping | list):
            check_plugin_values(value, key)


def check_hydra(hydra: Any) -> None:
    """Check that the part of a config that is Hydra's own runs no code.

    Raises:
        WeeError: it does.
    """
    callbacks = hydra.get("callbacks") or {}
    if not isinstance(callbacks, Mapping):  # an interpolation, which may become anything
        raise WeeError(f"hydra.callbacks is {callbacks}, which may run code: configs of wee are values; leave it out")
    for name, callback in callbacks.items():
        raise WeeError(
            f"hydra.callbacks.{name} would run {_target(callback)}: configs of wee are values and run no code; leave it out"
        )
    for part in ("job_logging", "hydra_logging"):
        for key, value in _leaves(hydra.get(part) or {}, f"hydra.{part}"):
            name = key.rpartition(".")[2]
            wrong = name == "()" or (name == "class" and not _CLASS.fullmatch(str(value)))
            wrong = wrong or (name != "filename" and isinstance(value, str) and "${" in value)  # may become anything
            if wrong or (isinstance(value, str) and value.startswith("ext://") and not _OBJECT.fullmatch(value)):
                raise WeeError(
                    f"{key} would run {value}: handlers of logs are classes of logging (logging.FileHandler), and configs run "
                    "no other code"
                )


def _target(callback: Any) -> str:
    return str(callback.get("_target_", callback)) if isinstance(callback, Mapping) else str(callback)


def _leaves(value: Any, key: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{key}.{place}")
    else:
        yield key, value


def _check_size(file: Path) -> None:
    """Check that a file does not multiply its values by aliases of aliases.

    Raises:
        WeeError: it does.
    """
    try:
        root = yaml.compose(file.read_text(), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, OSError, UnicodeDecodeError, RecursionError):
        return  # reported by Hydra, if the file is used
    if root is not None and _size(root, {}) > MAX_NODES:
        raise WeeError(
            f"{file} has more than {MAX_NODES:,} values once its aliases (*name) are written out: shorten it"
        )


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return the number of values below a node; one that contains itself counts as too many."""
    if id(node) not in known:
        known[id(node)] = MAX_NODES + 1
        inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + (0 if isinstance(node, yaml.ScalarNode) else sum(_size(part, known) for part in inner))
    return known[id(node)]
