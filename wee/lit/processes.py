"""Execution of a command in several processes, one for each device. One process leads and assigns work to the others.

Only the leader looks for existing results, takes locks and commits, so that several processes produce the same files as
one. The processes are started here, or externally (by torchrun, srun, or a user who sets NODE_RANK, MASTER_ADDR and
MASTER_PORT on each node), as in Lightning.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wee.app.command import describe, rerun
from wee.errors import WeeError
from wee.lit.runtime import RuntimeConfig
from wee.machine import THREADS, busy, jobs_at_once, processors, torch_threads

if TYPE_CHECKING:
    import torch

log = logging.getLogger("wee")

GRACE = 15.0
"""How long the leader may take to notice the loss of another process without being ended, in seconds."""

PLACE = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
"""Environment variables that define the rank of a process among the others."""

STARTED_BY = "WEE_STARTED_BY"
"""Environment variable of a process that was started here: the id of the process that started it."""

ALWAYS_ALLOWED = 2
"""Number of processes on CPU that may always be started, so that two can be tried on any machine."""


class Processes:
    """The processes that share a command's work.

    Args:
        rank: the index of this process; 0 leads.
        size: the number of processes.
        group: the process group over which work is assigned; None if there is one process.
        device: the device of this process.
        others: the processes that this one has started.

    Attributes:
        broken: whether work was started and not finished, so that no more work can be assigned.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        group: Any = None,
        device: torch.device | None = None,
        others: Sequence[subprocess.Popen[bytes]] = (),
    ) -> None:
        self.rank, self.size, self._group, self._device, self._others = rank, size, group, device, others
        self.broken = False

    @property
    def leads(self) -> bool:
        """Whether this process is the leader."""
        return self.rank == 0

    def alone(self, runtime: RuntimeConfig) -> RuntimeConfig:
        """Return the config that runs this process by itself, on its device."""
        if self._device is None:
            return runtime
        devices: Any = 1 if self._device.index is None else [self._device.index]
        return replace(runtime, devices=devices, num_nodes=1, strategy="auto")

    def assign(self, work: Any) -> None:
        """Send the next piece of work to the other processes; then all do it inside `apart` or `closely`."""
        if self.size > 1:
            self.broken = True
            self._broadcast(work)

    def dismiss(self) -> None:
        """Let the other processes know that there is no more work."""
        self._broadcast(None)

    def assignments(self) -> Iterator[Any]:
        """Yield the work that the leader assigns, until it dismisses the processes.

        Raises:
            WeeError: the leader is gone.
        """
        while True:
            try:
                work = self._broadcast(None)
            except RuntimeError:
                raise WeeError(f"process {self.rank}: the first process is gone") from None
            if work is None:
                return
            self.broken = True
            yield work

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Run work that every process does independently. They wait for each other at the end, and if one fails, all fail.

        Raises:
            WeeError: the work failed in some process.
        """
        if self.size == 1:
            yield
            return
        problem = None
        try:
            yield
        except Exception as error:
            problem = f"process {self.rank}: {describe(error)}" if self.rank else describe(error)
        from torch import distributed

        problems: list[str | None] = [None] * self.size
        try:
            distributed.all_gather_object(problems, problem, group=self._group)
        except RuntimeError:
            raise WeeError(problem or f"process {self.rank}: another process was lost") from None
        self.broken = False
        if any(problems):
            raise WeeError("; ".join(dict.fromkeys(filter(None, problems))))

    def same(self, what: str, value: Any) -> None:
        """Check that a value is the same in all processes.

        Args:
            what: what the value is, for the message.
            value: the value in this process.

        Raises:
            WeeError: the values differ.
        """
        if self.size == 1:
            return
        from torch import distributed

        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value, group=self._group)
        if any(other != values[0] for other in values):
            raise WeeError(f"{what} differs between processes ({', '.join(map(str, values))}); are the folders shared?")

    @contextlib.contextmanager
    def closely(self) -> Iterator[None]:
        """Run work in which all processes wait for each other at every step, so that the failure of one ends all.

        Raises:
            WeeError: another process was lost.
        """
        try:
            yield
        except RuntimeError as error:
            if self.size == 1:
                raise
            if not self.leads:
                time.sleep(GRACE / 3)  # a leader that has failed reports it, and ends this process
            why = "another process was lost; its message above says why" if self._lost() else describe(error)
            raise WeeError(f"process {self.rank}: {why}") from None
        self.broken = False

    def _lost(self) -> bool:
        """Return whether a process that this one started has failed, or is about to."""
        until = time.monotonic() + GRACE / 3
        while self._others and time.monotonic() < until:
            if any(other.poll() for other in self._others):
                return True
            time.sleep(0.1)
        return False

    def _broadcast(self, work: Any) -> Any:
        from torch import distributed

        message = [work]
        distributed.broadcast_object_list(message, src=0, group=self._group)
        return message[0]


@contextlib.contextmanager
def start_processes(command: str, runtime: RuntimeConfig) -> Iterator[Processes]:
    """Start the processes that a config asks for, with their threads, and dismiss them at the end.

    Args:
        command: the name of the command that they run.
        runtime: devices, nodes and threads.

    Raises:
        WeeError: there are no such devices, or fewer processors than processes on CPU.
    """
    fabric = None if runtime.single else _fabric(runtime)
    if fabric is None or fabric.strategy.num_processes * runtime.num_nodes == 1:
        with torch_threads(thread_count(runtime)):
            _warn_if_busy(runtime)
            yield Processes()
        return
    import torch
    from torch import distributed

    strategy = fabric.strategy
    starts = STARTED_BY not in os.environ and not strategy.cluster_environment.creates_processes_externally
    if starts and strategy.root_device.type == "cpu":
        _check_processors(strategy.num_processes)
    leader = os.environ.pop(STARTED_BY, None)  # None where processes are started from outside
    others: list[subprocess.Popen[bytes]] = []
    processes, over, level, threads = Processes(), threading.Event(), log.level, torch.get_num_threads()
    before = {name: os.environ.get(name) for name in (*PLACE, THREADS)}
    try:
        count = thread_count(runtime, strategy.num_processes if starts else 1)
        os.environ[THREADS] = str(count)  # for the processes started here; Lightning leaves it alone once it is set
        torch.set_num_threads(count)
        if leader is not None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the leader is interrupted too, and ends the others
            threading.Thread(target=_follow, args=(int(leader),), daemon=True).start()
        elif starts:
            _warn_if_busy(runtime)
            _start(command, strategy, others)
            threading.Thread(target=_watch, args=(others, over), daemon=True).start()
        fabric.launch()
        # A separate group on the CPU without a short timeout: days may pass before the leader assigns the next work.
        group = distributed.new_group(backend="gloo", timeout=timedelta(days=365))
        processes = Processes(fabric.global_rank, fabric.world_size, group, fabric.device, others)
        if not processes.leads:
            log.setLevel(logging.WARNING)
        yield processes
        if processes.leads and not processes.broken:
            processes.dismiss()
    except BaseException as error:
        if isinstance(error, Exception) and processes.leads and processes.size > 1 and not processes.broken:
            with contextlib.suppress(RuntimeError):
                processes.dismiss()
        else:
            processes.broken = True
        raise
    finally:
        over.set()
        for other in others:
            if processes.broken:
                other.kill()
        if distributed.is_initialized():
            distributed.destroy_process_group()
        for other in others:
            other.wait()
        torch.set_num_threads(threads)
        log.setLevel(level)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def thread_count(runtime: RuntimeConfig, processes: int = 1) -> int:
    """Return how many threads torch uses in one process.

    Args:
        runtime: the number of threads and workers in the config.
        processes: the number of processes of this job on this machine, which share its processors.
    """
    import torch

    default = torch.get_num_threads()
    if runtime.threads or THREADS in os.environ:
        return runtime.threads or default
    return max(1, min(default, processors()) // jobs_at_once() // processes - runtime.workers)


def _fabric(runtime: RuntimeConfig) -> Any:
    """Return Lightning's Fabric for the devices of a config.

    Raises:
        WeeError: there are no such devices.
    """
    import lightning

    from wee.lit.hush import hush

    hush()
    try:
        return lightning.Fabric(
            accelerator=runtime.accelerator, devices=runtime.devices, num_nodes=runtime.num_nodes, strategy="ddp"
        )
    except Exception as error:  # Lightning raises exceptions of many types
        raise WeeError(
            f"runtime.accelerator={runtime.accelerator}, runtime.devices={runtime.devices}: {describe(error)}"
        ) from None


def device_of(runtime: RuntimeConfig) -> torch.device:
    """Return the device of a config for a single process.

    Args:
        runtime: the config, with one device; of several processes, as `Processes.alone` returns it.

    Raises:
        WeeError: there is no such device.
    """
    import torch

    if runtime.accelerator == "cpu" or (runtime.accelerator == "auto" and not torch.accelerator.is_available()):
        return torch.device("cpu")
    device: torch.device = _fabric(runtime).device
    return device


def _check_processors(processes: int) -> None:
    """Check that there are enough processors for the processes on CPU.

    Raises:
        WeeError: there are fewer processors than processes.
    """
    most = max(processors(), ALWAYS_ALLOWED)
    if processes > most:
        raise WeeError(
            f"runtime.devices asks for {processes} processes on CPU, but this job may use {processors()} processors; "
            f"give runtime.devices={most} or less"
        )


def _warn_if_busy(runtime: RuntimeConfig) -> None:
    """Warn if the threads of a process would wait for processors that other jobs keep busy."""
    import torch

    if runtime.threads or torch.get_num_threads() == 1:
        return
    load = busy()
    if load is not None:
        log.warning(
            f"other jobs keep all {os.cpu_count()} processors of this machine busy (load {load:.1f}); "
            "jobs that run side by side are faster with runtime.threads=1 in each"
        )


def _start(command: str, strategy: Any, others: list[subprocess.Popen[bytes]]) -> None:
    """Start the other processes of this machine; each runs the same job and does not lead."""
    environment = strategy.cluster_environment
    os.environ |= {
        "MASTER_ADDR": environment.main_address,
        "MASTER_PORT": str(environment.main_port),
        "NODE_RANK": str(environment.node_rank()),
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(strategy.num_processes * strategy.num_nodes),
    }
    for rank in range(1, strategy.num_processes):
        place = {"LOCAL_RANK": str(rank), "HYDRA_FULL_ERROR": "0", STARTED_BY: str(os.getpid())}
        others.append(subprocess.Popen([sys.executable, *rerun(command, f"rank-{rank}")], env={**os.environ, **place}))


def _follow(leader: int) -> None:
    """End this process when the process that started it has ended."""
    while os.getppid() == leader:
        time.sleep(1.0)
    os._exit(1)


def _watch(others: list[subprocess.Popen[bytes]], over: threading.Event) -> None:
    """End this process if another was lost and this one keeps waiting for it."""
    while not any(other.poll() for other in others):
        if over.wait(1.0):
            return
    if over.wait(GRACE):
        return
    lost = [f"process {k} ended with {other.returncode}" for k, other in enumerate(others, 1) if other.returncode]
    log.error(f"{', '.join(lost)}; what was finished is kept, and the same command goes on from there")
    for other in others:
        other.kill()
    os._exit(1)
