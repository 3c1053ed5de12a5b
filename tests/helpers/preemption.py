"""Preempts every job of a multirun once, while it is at work."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

Preempt = Callable[[str, Mapping[str, str]], None]


def by_signal(job: str, environment: Mapping[str, str]) -> None:
    """Send the signal that announces a preemption or a time limit: the job saves its state and is requeued."""
    _ask(["scancel", "--signal=USR2", job], environment)


def by_scheduler(job: str, environment: Mapping[str, str]) -> None:
    """Requeue a job without an announcement, as a scheduler does: SIGTERM, and some seconds later SIGKILL."""
    _ask(["scontrol", "requeue", job], environment)


def _ask(command: list[str], environment: Mapping[str, str]) -> None:
    """Start a command of SLURM without waiting for it, which may take seconds on a busy machine."""
    subprocess.Popen(command, env={**environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Preemptor:
    """Watches the jobs of the latest multirun of a command, and preempts each as soon as it is at work.

    Args:
        runs: the folder of the command's runs.
        environment: the variables with which SLURM's commands find the cluster.
        at_work: whether a job, by its number, is in the middle of its work.
        count: the number of jobs.
        preempt: how they are preempted.
    """

    def __init__(
        self,
        runs: Path,
        environment: Mapping[str, str],
        at_work: Callable[[int], bool],
        count: int,
        preempt: Preempt = by_signal,
    ) -> None:
        self.runs, self.environment, self.at_work, self.preempt = runs, environment, at_work, preempt
        self.waiting = set(range(count))
        self.preempted: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def logs(self) -> list[str]:
        """The logs of the jobs of the latest multirun, in order."""
        files = [file for file in self._jobs().glob("*_log.out") if re.match(r"\d+_\d+_0_log", file.name)]
        return [file.read_text() for file in sorted(files, key=lambda file: int(file.name.split("_")[1]))]

    def _jobs(self) -> Path:
        return max(self.runs.glob("*-multirun"), default=Path("nowhere")) / "jobs"

    def _watch(self) -> None:
        while self.waiting and not self._over.is_set():
            logs = {
                int(file.name.split("_")[1]): file.name.split("_")[0] for file in self._jobs().glob("*_*_0_log.out")
            }
            for number in sorted(self.waiting & logs.keys()):
                if self.at_work(number):
                    self.preempt(f"{logs[number]}_{number}", self.environment)
                    self.preempted.append(number)
                    self.waiting.discard(number)
            time.sleep(0.05)
