"""Messages, tables and progress bars in the terminal, which do not overwrite each other."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from wee.app import pipes
from wee.files import explain

log = logging.getLogger("wee")

_WIDE = 400  # characters: wider than any table
FIRST_LINE, NEXT_LINE = 60.0, 300.0
"""Seconds after which long work says how far it is, where the output is not a terminal: once, and then again and again."""


class _Console(Console):
    """A console that raises an error if the reader of a pipe has closed it; newer versions of rich end the process."""

    def on_broken_pipe(self) -> None:
        """Raise the error."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


console = _Console(stderr=True, soft_wrap=True, highlight=False)


def show(table: Any) -> None:
    """Print a table, wrapped to the width of a terminal; in a file or pipe it has its full width."""
    with pipes.dropping(sys.stdout):
        _Console(soft_wrap=True, width=line_width()).print(table)


def line_width() -> int:
    """Return how many characters a line of `show` can have."""
    out = Console()
    return out.width if out.is_terminal else max(out.width, _WIDE)


class ConsoleHandler(logging.Handler):
    """Prints log records as plain lines above any progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if getattr(record, "file_only", False):
            return
        style = "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else None
        with pipes.dropping(sys.stderr):
            console.print(self.format(record), markup=False, style=style)


class LogFile(logging.FileHandler):
    """Writes log records into a file. If it cannot, for instance because the disk is full, it warns once and goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Warn that the file cannot be written."""
        if not self._has_failed:
            self._has_failed = True
            error = sys.exc_info()[1]
            words = explain(error) if isinstance(error, OSError) else str(error)
            with pipes.dropping(sys.stderr):
                console.print(f"the log {self.baseFilename} cannot be written: {words}", markup=False, style="yellow")

    _has_failed = False

    def close(self) -> None:
        """Close the file, whether or not its last lines can be written."""
        with contextlib.suppress(OSError):
            super().close()


class Rate(ProgressColumn):
    """A column with the number of steps per second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Return the text of the column."""
        speed = task.finished_speed or task.speed
        unit = task.fields.get("unit", self.unit)
        return Text(f"{speed:,.0f} {unit}/s" if speed else "", style="dim")


class _Bar(Progress):
    """A progress bar; if the output is not a terminal, lines in the log that say now and then how far the work is.

    Args:
        unit: what is counted, in the plural.
        options: columns and options of rich's `Progress`.
    """

    def __init__(self, unit: str, *columns: str | ProgressColumn, **options: Any) -> None:
        super().__init__(*columns, **options)
        self._unit, self._due = unit, self.get_time() + FIRST_LINE

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Advance a task."""
        super().advance(task_id, advance)
        self._say(task_id)

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Change a task."""
        super().update(task_id, **changes)
        self._say(task_id)

    def _say(self, task_id: TaskID) -> None:
        if not self.disable or self.get_time() < self._due:
            return
        task = self.tasks[self.task_ids.index(task_id)]
        if task.finished:
            return
        self._due = self.get_time() + NEXT_LINE
        total = "" if task.total is None else f" of {task.total:,.0f}"
        unit = task.fields.get("unit", self._unit)
        left = "" if task.time_remaining is None else f", about {max(1, round(task.time_remaining / 60))} min left"
        log.info(f"{task.description}: {task.completed:,.0f}{total} {unit}{left}")


def progress(unit: str, refreshes: bool = True) -> Progress:
    """Make a progress bar with a rate and the remaining time.

    If the output is not a terminal, the bar is hidden, and a line in the log says after a minute, and then every five minutes,
    how far the work is.

    Args:
        unit: what is counted, in the plural ("networks").
        refreshes: whether a thread redraws the bar ten times a second. Where times are measured it would disturb them; the bar
            is then redrawn by `refresh()` alone.
    """
    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(unit)]
    return _Bar(
        unit, *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
        auto_refresh=refreshes,
    )  # fmt: skip
