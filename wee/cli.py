"""The console command: `wee <command> [overrides]`.

Each command is a separate Hydra application. This module imports nothing heavy: it lists the commands, or passes the
command line on to one of them.
"""

from __future__ import annotations

import atexit
import gc
import os
import runpy
import sys
import warnings
from importlib import import_module

from wee.app import pipes
from wee.commands import COMMANDS, find_command, module_of
from wee.commands.shorthand import ACTIONS, STORE, as_overrides

_HELP = """\
wee: window-based early-exit cascades.

usage: wee <command> [overrides]

{commands}

Every command is a Hydra application: `wee sweep window.width=0.1` sets a value, `wee sweep -m
score=msp,energy` runs several, `wee sweep --help` shows what can be set, `wee sweep --cfg job`
the whole config. Tab completion: eval "$(wee -sc install=bash)"
"""


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        _out(_HELP.format(commands="\n".join(f"  {name:<9} {what}" for name, what in COMMANDS.items())))
    elif arguments[0] == "--version":
        from importlib.metadata import version

        _out(f"wee {version('wee')}\n")
    elif arguments[0] in ("-sc", "--shell-completion", "--shell_completion"):
        _complete(arguments)
    elif arguments[0] not in COMMANDS:
        from wee.errors import unknown

        sys.exit(f"wee: {unknown('command', arguments[0], COMMANDS, 'See wee --help.')}")
    else:
        _run(arguments[0], arguments[1:])


def _run(command: str, arguments: list[str]) -> None:
    try:
        sys.argv = ["wee", *as_overrides(command, arguments)]
    except ValueError as error:  # a WeeError
        sys.exit(f"wee {command}: {error}")
    if command == "doctor":
        try:
            import_module("wee.app.command")
        except Exception as error:  # Hydra is missing or broken, which is what a doctor is asked about
            from wee.doctor.bare import examine_without_hydra

            sys.exit(examine_without_hydra(error, sys.argv[1:]))
    # That the module may have been imported already, for the names of its keys, does no harm.
    warnings.filterwarnings("ignore", ".* found in sys.modules .* prior to execution", RuntimeWarning, "runpy")
    # Run the module as __main__, so that processes which re-run this one (DDP) run the same command.
    gc.disable()  # what imports and configs make is kept; `wee.app.command` enables the collector before the work begins
    # At exit, the collector skips what is there, which saves 0.1 s after a sweep.
    atexit.register(gc.freeze)
    try:
        runpy.run_module(module_of(command), run_name="__main__", alter_sys=True)
    finally:
        gc.enable()


def _complete(arguments: list[str]) -> None:
    """Answer a shell's request for completions with the names of commands, or with Hydra's completions for a command."""
    if not any(argument.startswith("query=") for argument in arguments):
        _hydra("train", arguments)  # (un)install prints the same script for every command
        return
    words = os.environ.get("COMP_LINE", "").split(" ")
    command = words[1] if len(words) > 1 else ""
    if command == STORE and len(words) == 3 and "=" not in words[2]:
        _out(" ".join(name for name in ACTIONS if name.startswith(words[2])) + "\n")
    elif len(words) > 2 and command in COMMANDS:
        line = " ".join([words[0], *as_overrides(command, words[2:-1]), words[-1]])
        os.environ["COMP_LINE"], os.environ["COMP_POINT"] = line, str(len(line))
        _hydra(command, arguments)
    else:
        _out(" ".join(name for name in COMMANDS if name.startswith(command)) + "\n")


def _hydra(command: str, arguments: list[str]) -> None:
    """Run a command under the name "wee", which Hydra puts into its completion script."""
    sys.argv = ["wee", *arguments]
    find_command(command).main()


def _out(text: str) -> None:
    pipes.write(text)
    pipes.end()


if __name__ == "__main__":
    main()
