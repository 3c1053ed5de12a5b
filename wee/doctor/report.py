"""The report of `wee doctor`, for people and for programs."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from wee.doctor.base import Finding, Level
from wee.doctor.checks import CHECKS, Report, count
from wee.units import counted

_COLOURS = {Level.OK: "32", Level.NOTE: "36", Level.WARNING: "33", Level.PROBLEM: "31;1"}
_WIDTH = 10  # of the column with the level
_WIDEST = 118


def as_json(report: Report) -> str:
    """Return the report as JSON."""
    titles = {check.name: check.title for check in CHECKS}
    about = {
        "ok": not count(report, Level.PROBLEM),
        "problems": count(report, Level.PROBLEM),
        "warnings": count(report, Level.WARNING),
        "python": sys.executable,
        "platform": platform.platform(),
        "checks": [
            {"name": name, "title": titles[name], "findings": [asdict(finding) for finding in findings]}
            for name, findings in report.items()
        ],
    }
    return json.dumps(about, indent=1) + "\n"


def as_text(report: Report, colours: bool, width: int | None = None) -> str:
    """Return the report as text.

    Args:
        report: what was found.
        colours: whether to colour it for a terminal.
        width: the number of characters in a line; None for that of the terminal.
    """
    width = min(width or shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    lines = [f"{sys.executable} on {platform.platform()}", ""]
    titles = {check.name: check.title for check in CHECKS}
    for name, findings in report.items():
        if findings:
            lines.append(_paint(titles[name], "1", colours))
            for finding in findings:
                lines += _finding(finding, colours, width)
    return "\n".join([*lines, "", *_conclusion(report)]) + "\n"


def _finding(finding: Finding, colours: bool, width: int) -> Iterator[str]:
    level = f"  {finding.level.value}".ljust(_WIDTH)
    indent = " " * _WIDTH
    text = textwrap.wrap(finding.text, width - _WIDTH, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(text):
        yield (_paint(level, _COLOURS[finding.level], colours) if number == 0 else indent) + line
    if finding.advice:
        advice = f"What to do: {finding.advice}" + (":" if finding.commands else ".")
        for line in textwrap.wrap(advice, width - _WIDTH, break_long_words=False, break_on_hyphens=False):
            yield indent + line
    for command in finding.commands:  # never wrapped, so that it can be copied
        yield f"{indent}    {command}"


def _conclusion(report: Report) -> Iterator[str]:
    problems, warnings = count(report, Level.PROBLEM), count(report, Level.WARNING)
    if problems:
        yield f"{counted(problems, 'problem')} and {counted(warnings, 'warning')}; the problems first, from the top."
    elif warnings:
        yield f"No problems, {counted(warnings, 'warning')}."
    else:
        yield "Everything is as it should be."


def _paint(text: str, code: str, colours: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colours else text
