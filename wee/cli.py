"""The console command: `wee <stage> [overrides]`.

Each stage is a Hydra application of its own. This front imports nothing heavy: it lists the stages, or
hands the command line on.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys

STAGES = {
    "train": "train members of a family, and keep their weights",
    "evaluate": "run trained members over images, and keep their logits in the store",
    "import": "make store entries of logits that somebody else computed",
    "sweep": "trace cascades over stored logits: tables and Pareto fronts",
    "figure": "draw figures from the tables of one or many sweeps",
    "families": "tell what the networks of the families cost",
    "data": "tell whether a data set is where it should be (wee data check)",
}

MODULES = {"import": "importing", "data": "checking"}
"""Stages whose module has another name than they."""

_HELP = """\
wee: window-based early-exit cascades.

usage: wee <stage> [overrides]

{stages}

Every stage is a Hydra application: `wee sweep window.width=0.1` sets a value, `wee sweep -m
score=msp,energy` runs several, `wee sweep --help` shows what can be set, `wee sweep --cfg job`
the whole config. Tab completion: eval "$(wee -sc install=bash)"
"""


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        _out(_HELP.format(stages="\n".join(f"  {name:<9} {what}" for name, what in STAGES.items())))
    elif arguments[0] == "--version":
        from importlib.metadata import version

        _out(f"wee {version('wee')}\n")
    elif arguments[0] in ("-sc", "--shell-completion", "--shell_completion"):
        _complete(arguments)
    elif arguments[0] not in STAGES:
        from wee.errors import unknown

        sys.exit(f"wee: {unknown('stage', arguments[0], STAGES, 'See wee --help.')}")
    else:
        _run(arguments[0], arguments[1:])


def _run(stage: str, arguments: list[str]) -> None:
    if stage == "data" and arguments[:1] == ["check"]:  # as it reads best
        arguments = arguments[1:]
    # As a module and as __main__, so that processes which re-run this one (DDP) run the same stage.
    sys.argv = ["wee", *arguments]
    runpy.run_module(f"wee.stages.{MODULES.get(stage, stage)}", run_name="__main__", alter_sys=True)


def _complete(arguments: list[str]) -> None:
    """Answer a shell's request for completions: a stage's name, or what Hydra knows inside the stage."""
    if not any(argument.startswith("query=") for argument in arguments):
        _hydra("train", arguments)  # (un)install prints the same script for every stage
        return
    words = os.environ.get("COMP_LINE", "").split(" ")
    stage = words[1] if len(words) > 1 else ""
    if len(words) > 2 and stage in STAGES:
        line = " ".join([words[0], *words[2:]])
        os.environ["COMP_LINE"], os.environ["COMP_POINT"] = line, str(len(line))
        _hydra(stage, arguments)
    else:
        _out(" ".join(name for name in STAGES if name.startswith(stage)) + "\n")


def _hydra(stage: str, arguments: list[str]) -> None:
    """Run a stage under wee's own name, which Hydra puts into its completion script."""
    sys.argv = ["wee", *arguments]
    importlib.import_module(f"wee.stages.{MODULES.get(stage, stage)}").STAGE.main()


def _out(text: str) -> None:
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
