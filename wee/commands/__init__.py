"""The commands, each of which is a Hydra application in a separate module. Imports nothing heavy."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wee.app.command import Command

COMMANDS: Mapping[str, str] = {
    "train": "train members of a family, and save their weights",
    "evaluate": "run trained members on images, and save their logits in the store",
    "import": "create store entries from logits that other programs computed",
    "sweep": "evaluate cascades on stored logits: tables and Pareto fronts",
    "best": "name the best setting of sweeps within a budget, and the commands that make it",
    "calibrate": "make a cascade that runs: thresholds, guarantees, weights and a card",
    "predict": "classify images with a calibrated cascade",
    "latency": "time networks, ensembles and cascades on this machine",
    "export": "write a calibrated cascade in a format that runs without torch",
    "figure": "draw figures from the tables of one or many sweeps",
    "explore": "write one page that shows the tables of sweeps in a browser: filters, fronts, windows, commands",
    "families": "show the costs of the networks of families",
    "store": "list, verify, remove, export and import entries of the store (wee store ls, verify, rm, gc, export, import)",
    "doctor": "say what is wrong with an installation, and what to do about it",
    "data": "check that a data set exists and is complete (wee data check), or write images of it as files",
}
"""A description of each command, by name."""


def module_of(name: str) -> str:
    """Return the name of a command's module. The module of `import`, a keyword of Python, is called `import_`."""
    return f"wee.commands.{'import_' if name == 'import' else name}"


def find_command(name: str) -> Command[Any]:
    """Import the module of a command, and return the command."""
    command: Command[Any] = importlib.import_module(module_of(name)).COMMAND
    return command


def modules() -> dict[str, str]:
    """Return the module names of all commands, by command. The application imports one if a message needs its config."""
    return {name: module_of(name) for name in COMMANDS}
