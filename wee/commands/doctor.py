"""`wee doctor`: say what is wrong with an installation, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wee.app import pipes
from wee.app.command import FOLDERS, Command, with_folders
from wee.app.docstrings import attributes_help
from wee.app.fields import Checked, as_list, written
from wee.app.help import listed
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.doctor.bare import TIMEOUT
from wee.doctor.base import Level
from wee.doctor.checks import CHECKS, count, examine
from wee.doctor.report import as_json, as_text
from wee.errors import WeeError, unknown
from wee.units import counted


@dataclass
class DoctorConfig(Common):
    """The config of `wee doctor`.

    Attributes:
        json: Whether to print machine-readable JSON, and nothing else; `--json` is short for json=true.
        full: Whether to read the whole store, and to import more packages; `--full` is short for full=true.
        only: Names of the checks to run; empty for all.
        timeout: How long importing torch may take, in seconds.
    """

    json: bool = False
    full: bool = False
    only: Checked[list[str]] = written([])
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        self.only = [str(name) for name in as_list(self.only)]
        for name in self.only:
            if name not in _HELP:
                raise unknown("check", name, _HELP)
        if not self.timeout > 0:
            raise WeeError(f"timeout is {self.timeout}: it must be a number of seconds above 0")


_HELP = {check.name: check.help for check in CHECKS}


def run(cfg: DoctorConfig) -> None:
    """Examine, and print the report.

    Raises:
        WeeError: there is a problem.
    """
    paths = {name: str(path) for name, path in vars(cfg.paths).items()}
    report = {
        name: [replace(finding, commands=tuple(map(with_folders, finding.commands))) for finding in found]
        for name, found in examine(paths, FOLDERS, cfg.full, cfg.timeout, cfg.only).items()
    }
    pipes.write(as_json(report) if cfg.json else as_text(report, sys.stdout.isatty()))
    problems = count(report, Level.PROBLEM)
    if problems:
        raise WeeError(f"{counted(problems, 'problem')} found; the report says what to do about each")


def doctor_help(overrides: Sequence[str]) -> str:
    """Return the help of the command."""
    examples = {
        "wee doctor": "what is wrong, and what to do about it; exit code 1 if there is a problem",
        "wee doctor --json": "the same for programs, and for reports of bugs",
        "wee doctor --full": "reads the whole store, and imports more packages",
        "wee doctor only=torch,devices": "some of the checks",
    }
    return (
        f"wee doctor [overrides]\n\n{listed(examples, 30)}"
        f"\nThe checks:\n\n{listed(_HELP)}"
        f"\nWhat can be set (key=value):\n\n{listed(attributes_help(DoctorConfig))}"
        + listed({"paths.NAME": "A folder to look at: outputs, data, store or checkpoints."})
    )


COMMAND = Command("doctor", DoctorConfig, run, modules(), help=doctor_help)

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("doctor").main()
