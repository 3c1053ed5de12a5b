"""Launchers of multiruns: their typed configs, and what a job of a command asks for. Imports neither torch nor submitit."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from hydra.types import RunMode
from omegaconf import OmegaConf

from wee.app.hydra_compat import parsed_overrides
from wee.errors import WeeError, unknown
from wee.machine import AT_ONCE, processors

CORES = 4
"""Number of processors that a job asks for, unless its threads are set, in addition to processes that load data."""

EXTRA = "pip install 'wee[cluster]'"


@dataclass
class JoblibConfig:
    """The config of `hydra/launcher=joblib`: several jobs at once on this machine.

    Attributes:
        n_jobs: the number of jobs at once, which share the processors; null for one for each device (commands that run
            networks, on a machine with GPUs) or each processor; -1 for one for each processor, -2 for one less, ..
    """

    n_jobs: int | None = None


@dataclass
class QueueConfig:
    """The keys of both submitit launchers.

    Attributes:
        wait: whether the command waits for its jobs, and reports them; false submits them, and ends.
        submitit_folder: the folder of submissions, results and logs of the jobs; nodes and this machine must share it.
        name: the name of the jobs.
        timeout_min: the time limit of a job in minutes, after which it is requeued and goes on.
        max_num_timeout: how often a job may reach its time limit and be requeued. Preemptions are not counted.
        signal_delay_s: how long before its time limit a job gets a signal, in seconds: it then saves its state and is requeued.
        nodes: the number of machines of a job; null for `runtime.num_nodes`.
        tasks_per_node: the number of processes of a job on each machine; null for one for each device.
        gpus_per_node: the number of GPUs of a job on each machine; null for `runtime.devices` of commands that run networks
            (unless `runtime.accelerator=cpu`), and none for other commands.
        cpus_per_task: the number of processors of each process; null for `runtime.threads` (4 if it is 0), and one more for
            each of `runtime.workers`.
        mem_gb: the memory of a job on each machine in GB; null for the cluster's default.
        stderr_to_stdout: whether a job has one log instead of two.
    """

    wait: bool = True
    submitit_folder: str = "${hydra.sweep.dir}/jobs"
    name: str = "wee-${hydra.job.name}"
    timeout_min: int = 240
    max_num_timeout: int = 10
    signal_delay_s: int = 120
    nodes: int | None = None
    tasks_per_node: int | None = None
    gpus_per_node: int | None = None
    cpus_per_task: int | None = None
    mem_gb: float | None = None
    stderr_to_stdout: bool = True

    def __post_init__(self) -> None:
        for name in ("timeout_min", "nodes", "tasks_per_node", "cpus_per_task"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise WeeError(f"hydra.launcher.{name} is {value}: it must be 1 or more")
        if self.signal_delay_s >= 60 * self.timeout_min:
            raise WeeError(
                f"hydra.launcher.signal_delay_s is {self.signal_delay_s}: it must be less than the time limit of "
                f"{60 * self.timeout_min} s (hydra.launcher.timeout_min={self.timeout_min})"
            )


@dataclass
class LocalConfig(QueueConfig):
    """The config of `hydra/launcher=submitit_local`: jobs in processes of their own on this machine, with logs.

    Attributes:
        n_jobs: the number of jobs at once, as for joblib.
    """

    n_jobs: int | None = None


@dataclass
class SlurmConfig(QueueConfig):
    """The config of `hydra/launcher=submitit_slurm`: jobs of a SLURM cluster. Keys that are not below are options of sbatch.

    Attributes:
        array_parallelism: the number of jobs that may run at once.
        setup: commands of the shell that a job runs before it starts, such as `module load`.
        additional_parameters: further options of sbatch, by name.
        python: the python of the jobs; null for the one that submits them.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    nodelist: str | None = None
    gres: str | None = None
    gpus_per_task: int | None = None
    cpus_per_gpu: int | None = None
    mem_per_cpu: str | None = None
    mem_per_gpu: str | None = None
    comment: str | None = None
    array_parallelism: int = 256
    setup: list[str] | None = None
    additional_parameters: dict[str, Any] = field(default_factory=dict)
    python: str | None = None


LAUNCHERS: Mapping[str, type[Any]] = {
    "joblib": JoblibConfig,
    "submitit_local": LocalConfig,
    "submitit_slurm": SlurmConfig,
}
"""The launchers with presets in conf/hydra/launcher, and their configs."""

SLURM_KEYS = [
    one.name
    for one in fields(SlurmConfig)
    if one.name not in {known.name for known in fields(QueueConfig)} | {"additional_parameters", "python"}
] + ["signal_delay_s"]
"""The keys of `SlurmConfig` that are SLURM's alone, and handed on as they are."""

NETWORKS: set[str] = set()
"""The commands of this process that run networks, by name."""

_GROUP, _DEFAULT = "hydra/launcher", "basic"


def check_launcher(overrides: Sequence[str], multirun: bool, compose: Callable[[Sequence[str]], Any]) -> None:
    """Refuse keys that the chosen launcher does not have, and a launcher without a multirun.

    Hydra would advise to prefix a `+`, and run the jobs one after the other without a word.

    Args:
        overrides: as they stand on the command line.
        multirun: whether the command line has the flag for a multirun.
        compose: returns the config that overrides give, with Hydra's own part. A config file, too, may choose the launcher, or
            ask for a multirun.

    Raises:
        WeeError: a key does not exist, or there is nothing to launch.
    """
    parsed = parsed_overrides(tuple(overrides))
    chosen = next((str(one.value()) for one in parsed if one.key_or_group.lstrip("+") == _GROUP), None)
    keys = [one.key_or_group.removeprefix("hydra.launcher.") for one in parsed if _sets_launcher(one.key_or_group)]
    if not keys and chosen not in LAUNCHERS:
        return
    what = f"{_GROUP}={chosen}" if chosen in LAUNCHERS else f"hydra.launcher.{keys[0]}"
    if not multirun or chosen is None:
        config = compose([str(one.input_line) for one in parsed if not _sets_launcher(one.key_or_group)])
        multirun = multirun or OmegaConf.select(config, "hydra.mode") == RunMode.MULTIRUN
        if chosen is None:
            by_config = OmegaConf.select(config, "hydra.runtime.choices")[_GROUP]
            chosen = None if by_config in (None, _DEFAULT) else str(by_config)
    if not multirun:
        raise WeeError(f"{what} is for the jobs of a multirun: add -m")
    if chosen is not None and chosen not in LAUNCHERS:
        return  # a launcher of the user's own
    for key in keys:
        name = key.split(".")[0]
        if chosen is None:
            owners = [f"{_GROUP}={launcher}" for launcher, config in LAUNCHERS.items() if name in _keys(config)]
            raise WeeError(
                f"hydra.launcher.{name} is set, but no launcher is chosen"
                + (
                    f"; it is a key of {' and '.join(owners)}"
                    if owners
                    else f". Known: {_GROUP}={', '.join(LAUNCHERS)}"
                )
            )
        if name not in _keys(LAUNCHERS[chosen]):
            raise unknown("key", name, _keys(LAUNCHERS[chosen]), of=f"{_GROUP}={chosen}")


def _sets_launcher(key: str) -> bool:
    return key.startswith("hydra.launcher.")


def _keys(config: type[Any]) -> list[str]:
    return [one.name for one in fields(config)]


def check_extra(launcher: str, *modules: str) -> None:
    """Check that the packages of the extra `cluster` are installed.

    Args:
        launcher: the name of the launcher that needs them.
        modules: the packages.

    Raises:
        WeeError: one is missing; the message says how to install it.
    """
    for module in modules:
        try:
            there = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:  # its parent is missing
            there = False
        if not there:
            raise WeeError(f"{_GROUP}={launcher} needs packages that are not installed: {EXTRA}")


@dataclass(frozen=True)
class Resources:
    """What a job of a command asks for.

    Attributes:
        nodes: the number of machines.
        tasks: the number of processes on each machine, one for each device.
        gpus: the number of GPUs on each machine.
        cores: the number of processors of each process.
    """

    nodes: int = 1
    tasks: int = 1
    gpus: int = 0
    cores: int = CORES


def resources(config: Any, networks: bool) -> Resources:
    """Return what a job with a config asks for.

    Args:
        config: the composed config of a command, as Hydra holds it.
        networks: whether the command runs networks: it asks for the devices of `runtime` (or, `wee latency`, for `device`).
            Others ask for processors.
    """
    runtime = OmegaConf.select(config, "runtime") if "runtime" in config else None
    known: dict[str, Any] = {} if runtime is None else {str(key): runtime[key] for key in runtime}
    threads, workers = int(known.get("threads") or 0), int(known.get("workers") or 0)
    if not networks:
        return Resources(cores=threads or max(CORES, _count(known.get("processes"))))
    if "devices" not in known:
        return Resources(gpus=int(str(config.get("device")) != "cpu"), cores=int(config.get("threads") or CORES))
    tasks = max(1, _count(known["devices"]))
    cpu = known.get("accelerator") == "cpu"
    cores = threads or (max(1, CORES // tasks) if cpu else CORES)
    return Resources(int(known.get("num_nodes") or 1), tasks, 0 if cpu else tasks, cores + workers)


def _count(devices: Any) -> int:
    """Return the number of devices of `runtime.devices`; 1 for "auto", because a job sees only what it asked for."""
    if isinstance(devices, int):
        return max(1, devices)
    if OmegaConf.is_list(devices):
        return len(devices)
    return int(devices) if str(devices).isdecimal() and int(devices) else 1


_VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Slot:
    """The share of this machine that one of several jobs at once has.

    Attributes:
        jobs: the number of jobs at once.
        gpus: the numbers of the job's GPUs among those that this process sees; None to leave all visible.
    """

    jobs: int
    gpus: tuple[int, ...] | None = None

    def variables(self) -> dict[str, str]:
        """Return the environment variables of the job's process."""
        if self.gpus is None:
            return {AT_ONCE: str(self.jobs)}
        seen = [name.strip() for name in os.environ.get(_VISIBLE, "").split(",") if name.strip()]
        visible = {_VISIBLE: ",".join(seen[gpu] if gpu < len(seen) else str(gpu) for gpu in self.gpus)}
        return {AT_ONCE: str(self.jobs), **visible}


def slots(wanted: Resources, jobs: int, at_once: int | None) -> list[Slot]:
    """Divide this machine between jobs that run at once.

    Args:
        wanted: what each job asks for.
        jobs: the number of jobs in all.
        at_once: how many run at once; None or a negative number for what the machine has, see `JoblibConfig`.
    """
    gpus = _gpus() if wanted.gpus else 0
    if at_once is None:
        at_once = gpus // wanted.tasks if gpus else processors() // wanted.tasks
    elif at_once < 0:
        at_once = processors() + 1 + at_once
    count = max(1, min(at_once, jobs))
    shares = gpus // wanted.tasks if gpus else 0
    if not shares:
        return [Slot(count)] * count
    first = [(number % shares) * wanted.tasks for number in range(count)]
    return [Slot(count, tuple(range(start, start + wanted.tasks))) for start in first]


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
