"""Messages, tables and progress bars in the terminal, which do not overwrite each other."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from wee.files import explain

_WIDE = 400  # characters: wider than any table

console = Console(stderr=True, soft_wrap=True, highlight=False)


def show(table: Any) -> None:
    """Print a table, wrapped to the width of a terminal; in a file or pipe it has its full width."""
    out = Console(soft_wrap=True)
    Console(soft_wrap=True, width=None if out.is_terminal else max(out.width, _WIDE)).print(table)


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
        console.print(self.format(record), markup=False, style=style)


class LogFile(logging.FileHandler):
    """Writes log records into a file. If it cannot, for instance because the disk is full, it warns once and goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Warn that the file cannot be written."""
        if not self._has_failed:
            self._has_failed = True
            error = sys.exc_info()[1]
            words = explain(error) if isinstance(error, OSError) else str(error)
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


def progress(unit: str, refreshes: bool = True) -> Progress:
    """Make a progress bar with a rate and the remaining time; it is hidden if the output is not a terminal.

    Args:
        unit: what is counted, in the plural ("networks").
        refreshes: whether a thread redraws the bar ten times a second. Where times are measured it would disturb them; the bar
            is then redrawn by `refresh()` alone.
    """
    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(unit)]
    return Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
        auto_refresh=refreshes,
    )  # fmt: skip
