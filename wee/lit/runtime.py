"""Typed config of the devices that networks run on. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wee.errors import WeeError, unknown

STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")


@dataclass
class RuntimeConfig:
    """How networks are run. Nothing here changes a result by more than rounding, so nothing here is part of an identity.

    (A training on several devices keeps its batch as a whole; batch norm sees each device's share of it alone.)

    Attributes:
        accelerator: the kind of device, as Lightning's Trainer takes it: "auto", "cpu", "gpu", ..
        devices: their number, a list of their indices, or "auto" for all there are. Each device has a process of its own; on
            "cpu", processes share the processors, and there can be no more of them than processors.
        strategy: how several devices share a training: "ddp", or "ddp_find_unused_parameters_true" for networks with parts
            that do not always take part; "auto" is the first.
        num_nodes: machines with so many devices each.
        workers: processes that load data, for each device; 0 loads in the process that trains or evaluates.
        threads: torch's threads in each process. 0 is torch's own number, or OMP_NUM_THREADS where it is set; without that
            variable it is at most the number of processors that this job may use (CPU affinity, a container's quota,
            SLURM_CPUS_PER_TASK), divided among jobs that a parallel launcher runs at once and among the processes of
            this one, less the workers.
        keep_every: seconds between two saved states of a training, from which it goes on if it is interrupted.
    """

    accelerator: str = "auto"
    devices: Any = 1
    strategy: str = "auto"
    num_nodes: int = 1
    workers: int = 0
    threads: int = 0
    keep_every: float = 60.0

    def __post_init__(self) -> None:
        if isinstance(self.devices, str) and self.devices.lstrip("-").isdigit():
            self.devices = int(self.devices)
        numbers = self.devices if isinstance(self.devices, list) else [self.devices]
        counted = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
        if self.devices not in ("auto", -1) and not (counted and numbers and min(numbers) >= 0 and self.devices != 0):
            raise WeeError(
                f"runtime.devices is {self.devices}: give how many, a list of their numbers such as [0,1], or auto for all"
            )
        for name, least in (("num_nodes", 1), ("workers", 0), ("threads", 0)):
            if getattr(self, name) < least:
                raise WeeError(f"runtime.{name} is {getattr(self, name)}: it must be {least} or more")
        if self.strategy not in STRATEGIES:
            raise unknown("runtime.strategy", self.strategy, STRATEGIES)

    @property
    def single(self) -> bool:
        """Whether one process is asked for, on one device."""
        one = self.devices == 1 or (isinstance(self.devices, list) and len(self.devices) == 1)
        return one and self.num_nodes == 1
