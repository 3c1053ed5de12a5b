"""Composes configs without running a command."""

from __future__ import annotations

from hydra import compose, initialize_config_dir

from wee.app.paths import conf_dir
from wee.app.typed import to_object
from wee.commands import find_command


def composed(name: str, *overrides: str) -> object:
    """The typed config of a command with some overrides."""
    command = find_command(name)
    command.register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return to_object(command.root, compose(name, overrides=list(overrides)))
