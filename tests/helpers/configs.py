"""Composes configs without running a command."""

from __future__ import annotations

from hydra import compose

from wee.app.hydra_compat import composing
from wee.app.paths import conf_dir
from wee.app.typed import to_object
from wee.commands import find_command


def composed(name: str, *overrides: str) -> object:
    """The typed config of a command with some overrides."""
    command = find_command(name)
    command.register()
    with composing(str(conf_dir())):
        return to_object(command.root, compose(name, overrides=list(overrides)))
