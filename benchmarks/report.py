"""What a benchmark found: a table on the terminal, in Markdown, and as data."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from wee.machine import processors


@dataclass(frozen=True)
class Row:
    """One thing measured.

    Attributes:
        what: was done.
        seconds: that wee took.
        against: what it is compared with; empty for nothing.
        baseline: seconds that took.
        note: what else there is to say.
    """

    what: str
    seconds: float
    against: str = ""
    baseline: float | None = None
    note: str = ""

    def cells(self) -> list[str]:
        """As they stand in a table."""
        ratio = "" if not self.baseline else f"{self.baseline / self.seconds:,.3g}"
        baseline = "" if self.baseline is None else f"{self.against}: {seconds(self.baseline)}"
        return [self.what, seconds(self.seconds), baseline, ratio, self.note]


HEADER = ["what", "wee", "baseline", "baseline / wee", "note"]


@dataclass
class Report:
    """All that was measured in one run."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Take one more, and say so."""
        self.rows.append(row)
        Console(stderr=True, soft_wrap=True).print("  ".join(cell for cell in row.cells() if cell), highlight=False)

    def write(self, folder: Path, name: str = "bench") -> None:
        """Print the table, and keep it as Markdown and as JSON."""
        shown = Table(title=machine(), title_justify="left")
        for k, column in enumerate(HEADER):
            shown.add_column(column, justify="right" if k in (1, 3) else "left")
        for row in self.rows:
            shown.add_row(*row.cells())
        Console(soft_wrap=True).print(shown)
        folder.mkdir(parents=True, exist_ok=True)
        lines = ["| " + " | ".join(cells) + " |" for cells in [HEADER, *(row.cells() for row in self.rows)]]
        lines.insert(1, "| --- | ---: | --- | ---: | --- |")
        (folder / f"{name}.md").write_text(f"{machine()}\n\n" + "\n".join(lines) + "\n")
        about = {"machine": machine(), "time": time.strftime("%Y-%m-%d"), "rows": [asdict(row) for row in self.rows]}
        (folder / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")
        Console(stderr=True, soft_wrap=True).print(f"written: {folder / name}.md, {folder / name}.json")


_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
process = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(process, 0)
print(time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), status)
"""
"""A small process that starts the measured one: the peak memory of a process includes that of the one that it comes from."""


def run_measured(command: Sequence[str]) -> tuple[float, int]:
    """Run a command, and return its seconds and its peak memory in bytes; of several processes, the memory of the largest.

    Args:
        command: the program, with its path, and its arguments. What it prints is not shown.
    """
    launched = subprocess.run(
        [sys.executable, "-S", "-c", _LAUNCHER, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    taken, memory, status = launched.stdout.splitlines()[-1].split()
    if int(status):
        raise SystemExit(f"this failed: {' '.join(command)}")
    return float(taken), int(memory)


def seconds(value: float) -> str:
    """A time as one would say it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:,.3g} {unit}" if value * factor < 1000 else f"{value * factor:,.0f} {unit}"
    return f"{value * 1e9:.3g} ns"


def machine() -> str:
    """What this runs on."""
    import numpy
    import torch

    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    parts: list[Any] = [f"{processors()} cores ({model})", f"Python {platform.python_version()}"]
    return ", ".join([*parts, f"torch {torch.__version__}", f"numpy {numpy.__version__}"])
