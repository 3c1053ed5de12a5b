"""The commands: each is a Hydra application in a module of its own. Imports nothing heavy."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wee.app.command import Command

COMMANDS: Mapping[str, str] = {
    "train": "train members of a family, and keep their weights",
    "evaluate": "run trained members over images, and keep their logits in the store",
    "import": "make store entries of logits that somebody else computed",
    "sweep": "trace cascades over stored logits: tables and Pareto fronts",
    "calibrate": "make a cascade that runs: thresholds, guarantees, weights and a card",
    "figure": "draw figures from the tables of one or many sweeps",
    "families": "show what the networks of the families cost",
    "data": "check that a data set is where it should be (wee data check)",
}
"""What each command does, by name."""


def module_of(name: str) -> str:
    """The module of a command. `import` is a keyword of Python, so that its module is called `import_`."""
    return f"wee.commands.{'import_' if name == 'import' else name}"


def find_command(name: str) -> Command[Any]:
    """The command of that name; imports its module."""
    command: Command[Any] = importlib.import_module(module_of(name)).COMMAND
    return command


def modules() -> dict[str, str]:
    """The module of every command, by name; handed to the application, which imports one when a message needs its config."""
    return {name: module_of(name) for name in COMMANDS}
