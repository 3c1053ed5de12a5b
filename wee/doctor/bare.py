"""`wee doctor` where Hydra cannot be imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from wee.app import pipes
from wee.app.paths import PathsConfig, conf_dir
from wee.doctor.base import Level, problem
from wee.doctor.checks import count, examine
from wee.doctor.report import as_json, as_text

TIMEOUT = 9.0
"""How long importing torch may take, in seconds, if the config does not say."""


def examine_without_hydra(error: Exception, arguments: Sequence[str]) -> int:
    """Examine with the default config, and print the report.

    Args:
        error: what went wrong with Hydra.
        arguments: overrides; json=true, full=true and those of paths are read, others are not.

    Returns:
        The exit code.
    """
    given = dict(argument.partition("=")[::2] for argument in arguments)
    paths = vars(PathsConfig())
    paths |= {name: given[f"paths.{name}"] for name in paths if f"paths.{name}" in given}
    paths = {name: str(path).replace("${paths.outputs}", str(paths["outputs"])) for name, path in paths.items()}
    report = examine(paths, [conf_dir()], given.get("full") == "true", TIMEOUT)
    broken = problem(
        f"no command of wee can run: {type(error).__name__}: {error}",
        "install Hydra and what it needs again", "pip install --force-reinstall 'hydra-core<1.5' 'omegaconf<2.5' PyYAML",
    )  # fmt: skip
    first = next(iter(report))
    report[first].insert(0, broken)
    as_requested = as_json(report) if given.get("json") == "true" else as_text(report, sys.stdout.isatty())
    pipes.write(as_requested)
    return int(count(report, Level.PROBLEM) > 0)
