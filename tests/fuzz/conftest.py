"""What the tests of bad input count is shown at the end."""

from __future__ import annotations

import sys

import pytest

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]  # processes with torch fork on Linux alone

_lines: list[str] = []


@pytest.fixture(scope="session")
def note() -> list[str]:
    """Lines that are shown at the end of the tests."""
    return _lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests have counted."""
    for line in _lines:
        terminalreporter.write_line(line)
