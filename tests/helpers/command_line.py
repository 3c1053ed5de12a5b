"""What tests of the command line share."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

SMALL = (
    "dataset.base_images={train:120,val:60,test:60}",
    "dataset.draws={train:4,val:5,test:5}",
)
"""Overrides that make the embedded data set small: 300 samples in val and test."""

QUICK = ("trainer.steps=12", "trainer.batch_size=64")
"""Overrides that make training short."""

Wee = Callable[..., "subprocess.CompletedProcess[str]"]


def last_report(cwd: Path, command: str) -> dict[str, Any]:
    """What the latest run of a command reports that it did."""
    reports = sorted((cwd / "outputs" / "runs" / command).rglob("report.json"), key=lambda path: path.stat().st_mtime)
    report: dict[str, Any] = json.loads(reports[-1].read_text())
    return report


def receive_interrupts() -> None:
    """Let a new process receive SIGINT: a `preexec_fn` for `subprocess.Popen`.

    Shells without job control make their background jobs ignore SIGINT. If the tests are such a job, the processes that they
    start inherit that.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
