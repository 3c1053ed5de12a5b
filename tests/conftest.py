"""What tests share: the command line as a subprocess, and a trained small family."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.helpers.command_line import QUICK, SMALL, Wee

settings.register_profile("wee", deadline=None)  # machines are noisy; speed is measured in the benchmark
settings.load_profile("wee")


@pytest.fixture(scope="session")
def wee() -> Wee:
    """Run `wee ARGS` in a folder, as a user would."""

    def run(*arguments: str, cwd: Path, code: int | None = 0, script: str | None = None) -> Any:
        command = [sys.executable, "-c", script] if script else [sys.executable, "-m", "wee"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        done = subprocess.run(
            [*command, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        if code is not None:
            assert done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """A folder in which two scales with two members each are trained and evaluated. Copy it; do not write into it."""
    folder = tmp_path_factory.mktemp("trained")
    wee("train", "scale=[s1,s2]", *SMALL, *QUICK, cwd=folder)
    wee("evaluate", "scale=[s1,s2]", *SMALL, *QUICK, cwd=folder)
    return folder


_lines: list[str] = []


@pytest.fixture(scope="session")
def note() -> list[str]:
    """Lines that are shown at the end of the tests."""
    return _lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests have counted."""
    for line in _lines:
        terminalreporter.write_line(line)
