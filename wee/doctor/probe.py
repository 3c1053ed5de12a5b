"""Importing torch and torchvision in another process, where they may crash, hang or be missing."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

STEPS = ("torch", "torchvision", "devices")
"""What is tried, in this order."""

MORE_STEPS = ("timm", "lightning", "torchmetrics")
"""What is also tried if there is time."""

_SCRIPT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from wee.doctor.probe import main; main(sys.argv[2:])"
)


class Probe:
    """A process that imports torch and torchvision while other checks run.

    Args:
        full: whether other packages that import torch are tried too.
        timeout: the time that the process may take, in seconds.
    """

    def __init__(self, full: bool, timeout: float) -> None:
        self.steps, self.timeout = (*STEPS, *(MORE_STEPS if full else ())), timeout
        self._until = time.monotonic() + timeout
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process."""
        self._until = time.monotonic() + self.timeout
        command = [sys.executable, "-c", _SCRIPT, json.dumps(sys.path), *self.steps]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def close(self) -> None:
        """End the process, if it still runs."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.communicate()

    @cached_property
    def results(self) -> Mapping[str, Mapping[str, Any]]:
        """What each step has shown, by name: `error`, or facts. Waits for the process; steps not reached are missing."""
        if self._process is None:
            return {}
        try:
            output, _ = self._process.communicate(timeout=max(0.1, self._until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            output, _ = self._process.communicate()
        results: dict[str, Mapping[str, Any]] = {}
        for line in output.splitlines():
            try:
                step = json.loads(line)
                results[str(step["step"])] = step
            except (ValueError, KeyError, TypeError):  # something else that was printed
                continue
        return results

    @cached_property
    def ending(self) -> str:
        """How the process ended, in words; empty if it reached its end."""
        missing = [step for step in self.steps if step not in self.results]
        if not missing:
            return ""
        code = -9 if self._process is None else self._process.returncode
        if code == -9 and time.monotonic() >= self._until:
            return f"took longer than {self.timeout:g} s"
        return f"ended the process with signal {-code}" if code < 0 else f"ended the process with exit code {code}"

    @property
    def stopped_at(self) -> str:
        """The step that the process did not finish; empty if it finished all."""
        return next((step for step in self.steps if step not in self.results), "")


def main(steps: list[str]) -> None:
    """Try the steps one after the other, and print what each shows as a line of JSON."""
    for step in steps:
        try:
            facts = _STEPS.get(step, lambda name=step: _version(name))()
        except BaseException as error:  # whatever a broken package raises
            facts = {"error": f"{type(error).__name__}: {str(error).strip() or 'no message'}"}
        sys.stdout.write(json.dumps({"step": step, **facts}) + "\n")
        sys.stdout.flush()


def _version(name: str) -> dict[str, Any]:
    module = importlib.import_module(name)
    return {"version": str(getattr(module, "__version__", "")), "file": str(getattr(module, "__file__", ""))}


def _torch() -> dict[str, Any]:
    import torch

    return {**_version("torch"), "cuda": torch.version.cuda, "threads": torch.get_num_threads()}


def _torchvision() -> dict[str, Any]:
    from wee.compat import repair_torchvision

    repaired = repair_torchvision()
    return {**_version("torchvision"), "repaired": repaired}


def _devices() -> dict[str, Any]:
    import torch

    devices = []
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            with torch.cuda.device(number):
                free, total = torch.cuda.mem_get_info()
                bf16 = torch.cuda.is_bf16_supported()
            devices.append({"name": about.name, "memory": total, "free": free, "bf16": bf16})
    return {"cuda": devices, "mps": bool(torch.backends.mps.is_available())}


_STEPS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "torch": _torch, "torchvision": _torchvision, "devices": _devices,
}  # fmt: skip
