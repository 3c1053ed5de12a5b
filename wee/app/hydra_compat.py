"""What depends on the version of Hydra: private parts (`hydra._internal`), and arguments that only some versions have.

No other module imports private parts of Hydra. When a new version moves or changes one of them, this module changes and nothing
else. Everything here works with Hydra 1.3 and with the release candidate of 1.4.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NoReturn

import hydra
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import TaskFunction
from omegaconf import OmegaConf

from wee.errors import WeeError

__all__ = [
    "application",
    "checked_plugins",
    "composing",
    "failures_unannounced",
    "mode_unset",
    "parse_arguments",
    "parsed_overrides",
    "store",
]

TRUSTED = ("wee.app.console.ConsoleHandler", "wee.app.console.LogFile")
"""The callables that configs may name for Hydra to call, in addition to the handlers of `logging`.

From version 1.4 on, Hydra can refuse everything else, so that a config from elsewhere cannot run code.
"""


_NEW = "execution_whitelist" in inspect.signature(hydra.main).parameters
"""Whether this is Hydra 1.4 or later."""

_DEFAULTS: dict[str, Any] = {} if _NEW else {"version_base": None}
"""How the defaults of the installed version are requested."""


def application(task: TaskFunction, folder: str, config: str) -> Callable[[], Any]:
    """Return the Hydra application that composes a config from the command line and calls a function with it.

    Args:
        task: the function to call.
        folder: absolute path of the folder of configs.
        config: name of the primary config.
    """
    trust: dict[str, Any] = {"execution_whitelist": TRUSTED} if _NEW else {}
    started: Callable[[], Any] = hydra.main(config_path=folder, config_name=config, **_DEFAULTS, **trust)(task)
    return started


@contextmanager
def checked_plugins(check: Callable[[Any], None]) -> Iterator[None]:
    """Return a context in which the config of a launcher or sweeper is checked just before Hydra makes it.

    What interpolations lead to can depend on the time and on the mode of the run, so that it is not known earlier. Hydra is
    given the plain values that were checked, and not the interpolations.

    Args:
        check: called with the plain config; it raises an error to refuse it.
    """
    original = Plugins._instantiate

    def instantiate(self: Plugins, config: Any) -> Any:
        plain: Any = OmegaConf.to_container(config, resolve=True)
        check(plain)
        return original(self, OmegaConf.create(plain))

    Plugins._instantiate = instantiate  # type: ignore[method-assign]
    try:
        yield
    finally:
        Plugins._instantiate = original  # type: ignore[method-assign]


@contextmanager
def mode_unset() -> Iterator[None]:
    """Return a context in which Hydra takes it that no config sets `hydra.mode`.

    To look for it, Hydra composes the whole config once more than it needs to, which is a fifth of the time that a command
    takes to start. Use this where nothing can set the mode.
    """
    original = Hydra.get_mode
    Hydra.get_mode = lambda *args, **kwargs: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = original  # type: ignore[method-assign]


@contextmanager
def failures_unannounced() -> Iterator[None]:
    """Return a context in which Hydra raises the error of a failed job without writing a line about it first.

    The line begins with "Error executing job with overrides". The command reports the error itself.
    """
    original: Any = JobReturn.return_value

    def value(self: JobReturn) -> Any:
        if self.status is JobStatus.FAILED:
            raise self._return_value
        return original.fget(self)

    JobReturn.return_value = property(value, original.fset)  # type: ignore[assignment]
    try:
        yield
    finally:
        JobReturn.return_value = original  # type: ignore[method-assign]


@contextmanager
def composing(folder: str) -> Iterator[None]:
    """Return a context in which `hydra.compose` composes configs, also inside a job.

    Args:
        folder: absolute path of the folder of configs.
    """
    of_job = GlobalHydra.instance().hydra  # Hydra refuses to be initialised twice
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(folder, **_DEFAULTS):
            yield
    finally:
        GlobalHydra.instance().hydra = of_job


def store(name: str, node: Any, group: str | None = None, provider: str | None = None) -> None:
    """Make a config known to Hydra, in place of one with the same name; see `ConfigStore.store`."""
    replace: dict[str, Any] = {"replace": True} if _NEW else {}
    ConfigStore.instance().store(name=name, node=node, group=group, provider=provider, **replace)


@lru_cache(maxsize=8)
def parsed_overrides(overrides: tuple[str, ...]) -> tuple[Override, ...]:
    """Return the overrides of a command line, parsed. Several checks ask for the same ones, which take 10 ms to parse.

    Raises:
        OverrideParseException: an override is malformed.
    """
    return tuple(OverridesParser.create().parse_overrides(list(overrides)))


def parse_arguments() -> argparse.Namespace:
    """Parse the command line as Hydra does, and put its flags before its overrides.

    Up to version 1.3, Hydra refuses flags that stand between overrides.

    Raises:
        WeeError: a flag does not exist or lacks its value.
    """
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise WeeError(f"{message}. See --help and --hydra-help.")

    parser.error = refuse  # type: ignore[method-assign]
    arguments = parser.parse_intermixed_args()
    flags = sys.argv[1:]
    for override in arguments.overrides:
        flags.remove(override)
    sys.argv[1:] = [*flags, *arguments.overrides]
    return arguments
