"""Typed config of devices. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wee.app.fields import Checked, written
from wee.errors import WeeError, unknown

STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")


@dataclass
class RuntimeConfig:
    """The devices that networks run on.

    No field changes a result by more than rounding, so none is part of an identity. Training on several devices keeps the
    size of the batch, but batch norm sees only the share of each device.

    Attributes:
        accelerator: the kind of device, as Lightning's Trainer takes it: "auto", "cpu", "gpu", ..
        devices: the number of devices, a list of their indices, or "auto" for all. Each device has its own process; on
            "cpu", processes share the processors, and there can be no more processes than processors.
        strategy: how several devices train together: "ddp", or "ddp_find_unused_parameters_true" for networks that do not
            use all parameters in every step; "auto" means "ddp".
        num_nodes: the number of machines, each with that many devices.
        workers: the number of processes that load data, for each device; 0 loads in the process that trains or evaluates.
        threads: the number of torch's threads in each process. 0 uses OMP_NUM_THREADS if it is set, else torch's default,
            limited to the processors that this job may use (CPU affinity, a container's quota, SLURM_CPUS_PER_TASK),
            divided among the jobs that a parallel launcher runs at once and the processes of this job, less the workers.
        keep_every: seconds between two saved states of a training, from which it resumes after an interruption.
        compile: whether `wee train` compiles the network with torch.compile, which takes up to a minute at the start of each
            training and makes its steps faster; on a CPU, it needs a C++ compiler. The weights differ by rounding
            from those of a training without it.
    """

    accelerator: str = "auto"
    devices: Checked[int | list[int] | str] = written(1)
    strategy: str = "auto"
    num_nodes: int = 1
    workers: int = 0
    threads: int = 0
    keep_every: float = 60.0
    compile: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.devices, str) and self.devices.lstrip("-").isdigit():
            self.devices = int(self.devices)
        numbers: list[Any] = self.devices if isinstance(self.devices, list) else [self.devices]
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
        """Whether the config is for a single process on a single device."""
        one_device = self.devices == 1 or (isinstance(self.devices, list) and len(self.devices) == 1)
        return one_device and self.num_nodes == 1
