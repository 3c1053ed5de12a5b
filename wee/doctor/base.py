"""Checks and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wee.doctor.probe import Probe


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that a check has found.

    Attributes:
        level: how serious it is. A problem keeps wee from working; a warning does so under some conditions; a note is good to
            know.
        text: what was found, in plain words.
        advice: what to do about it; empty if nothing needs to be done.
        commands: commands that do it.
        facts: the same as plain data, for programs.
    """

    level: Level
    text: str
    advice: str = ""
    commands: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Surroundings:
    """What checks look at.

    Attributes:
        paths: the folders of the config, by name.
        conf: the folders of configs; the first is wee's own.
        full: whether checks take the time to read everything.
        probe: what importing torch in another process has shown.
    """

    paths: Mapping[str, str]
    conf: tuple[Path, ...]
    full: bool
    probe: Probe

    def folder(self, name: str) -> Path:
        """Return a folder of the config."""
        return Path(self.paths[name])


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        name: the name by which it is chosen.
        title: its heading in the report.
        help: what it looks at, in one line.
        run: looks, and returns what it has found.
        slow: whether it waits for another process; such checks come last.
    """

    name: str
    title: str
    help: str
    run: Callable[[Surroundings], Iterable[Finding]]
    slow: bool = False


def ok(text: str, **facts: Any) -> Finding:
    """Return a finding that everything is as it should be."""
    return Finding(Level.OK, text, facts=facts)


def note(text: str, advice: str = "", *commands: str, **facts: Any) -> Finding:
    """Return a finding that is good to know."""
    return Finding(Level.NOTE, text, advice, commands, facts)


def warning(text: str, advice: str = "", *commands: str, **facts: Any) -> Finding:
    """Return a finding of something that may go wrong."""
    return Finding(Level.WARNING, text, advice, commands, facts)


def problem(text: str, advice: str = "", *commands: str, **facts: Any) -> Finding:
    """Return a finding of something that keeps wee from working."""
    return Finding(Level.PROBLEM, text, advice, commands, facts)
