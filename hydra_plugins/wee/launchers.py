"""Launchers of multiruns, on Hydra's plug-ins for joblib and submitit, which are imported when they are used.

The plug-ins lose the jobs beside one that fails, and neither divides a machine between jobs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from wee.app.launching import (
    LAUNCHERS,
    NETWORKS,
    SLURM_KEYS,
    QueueConfig,
    Slot,
    SlurmConfig,
    check_extra,
    resources,
    slots,
)
from wee.errors import WeeError

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

log = logging.getLogger("wee")

_IGNORING = 'sh -c \'trap "" {signal}; exec "$0" "$@"\' {python}'
"""Starts python so that it ignores the signal of a preemption, which would end it before it can handle it."""


class _WeeLauncher(Launcher):
    """What the launchers share: the typed config, and the check that the extra is installed."""

    NAME: ClassVar[str]
    NEEDS: ClassVar[tuple[str, ...]]

    def __init__(self, **params: Any) -> None:
        self.params = params

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Check the config.

        Raises:
            WeeError: the extra `cluster` is not installed, or a key or value is wrong.
        """
        from wee.app.typed import to_object

        check_extra(self.NAME, *self.NEEDS)
        self.known: Any = to_object(LAUNCHERS[self.NAME], self.params, "hydra.launcher")
        self.parts: dict[str, Any] = {
            "hydra_context": hydra_context, "task_function": task_function, "config": config
        }  # fmt: skip
        self.config = config
        self.wanted = resources(config, str(config.hydra.job.config_name) in NETWORKS)

    def _announce(self, jobs: Sequence[Sequence[str]], first: int, how: str) -> None:
        from hydra.core.utils import filter_overrides

        folder = Path(str(self.config.hydra.sweep.dir))
        folder.mkdir(parents=True, exist_ok=True)
        log.info(f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}, {how}; in {folder}")
        for number, job in enumerate(jobs, first):
            log.info(f"  {number}: {' '.join(filter_overrides(job))}")


class WeeJoblibLauncher(_WeeLauncher):
    """Runs several jobs at once in processes of this machine, each with its share of processors or GPUs.

    A process that dies takes no other job with it.
    """

    NAME = "joblib"
    NEEDS = ("joblib", "hydra_plugins.hydra_joblib_launcher")

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs."""
        shares = slots(self.wanted, len(job_overrides), self.known.n_jobs)
        self._announce(job_overrides, initial_job_idx, f"{len(shares)} at once")
        free: queue.SimpleQueue[tuple[int, Slot]] = queue.SimpleQueue()
        for share in enumerate(shares):
            free.put(share)
        workers: dict[int, Any] = {}
        state = Singleton.get_state()

        def run(number: int) -> JobReturn:
            place, slot = free.get()
            try:
                return self._run(workers, place, slot, initial_job_idx + number, job_overrides[number], state)
            finally:
                free.put((place, slot))

        with ThreadPoolExecutor(len(shares)) as threads:
            futures = [threads.submit(run, number) for number in range(len(job_overrides))]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()
                for worker in workers.values():
                    worker.shutdown(wait=False, kill_workers=True)

    def _run(
        self, workers: dict[int, Any], place: int, slot: Slot, number: int, job: Sequence[str], state: Any
    ) -> JobReturn:
        """Run a job in the process of a slot; the process is started again if it has died."""
        from hydra_plugins.hydra_joblib_launcher._core import execute_job
        from joblib.externals.loky import ProcessPoolExecutor
        from joblib.externals.loky.process_executor import BrokenProcessPool

        from wee.app.submission import failed

        if place not in workers:
            workers[place] = ProcessPoolExecutor(max_workers=1, env=slot.variables())
        parts = (self.parts["hydra_context"], self.config, self.parts["task_function"], state)
        try:
            result: JobReturn = workers[place].submit(execute_job, number, list(job), *parts).result()
        except BrokenProcessPool as error:
            workers.pop(place).shutdown(wait=False)
            why = str(error).strip().splitlines()[0]
            folder = Path(str(self.config.hydra.sweep.dir), str(number))
            return failed(f"its process died ({why}); its log is in {folder}")
        return result


class _SubmititLauncher(_WeeLauncher):
    """Submits jobs with submitit, and waits for them unless `hydra.launcher.wait=false`."""

    NEEDS = ("submitit", "hydra_plugins.hydra_submitit_launcher")

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit the jobs, and return their results, or that they are submitted.

        Raises:
            WeeError: the jobs could not be submitted.
        """
        state = Singleton.get_state()
        arguments = [
            (list(overrides), "hydra.sweep.dir", number, f"job_id_for_{number}", state)
            for number, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        return self._launch(job_overrides, initial_job_idx, arguments)

    def _launch(self, jobs: Sequence[Sequence[str]], first: int, arguments: list[Any]) -> Sequence[JobReturn]:
        raise NotImplementedError

    def _leave(self, submitted: Sequence[Any]) -> Sequence[JobReturn]:
        """Say where jobs are that are not waited for."""
        from wee.app.submission import Submitted, log_of

        for job in submitted:
            log.info(f"submitted job {job.job_id}; its log: {log_of(job)}")
        log.info("this command does not wait for them; when they have ended, the same command finishes what they left")
        return [Submitted() for _ in submitted]

    def _job(self) -> Any:
        """Return what a node runs."""
        from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher

        from wee.app.submission import Job

        plugin = BaseSubmititLauncher(**self.params)
        plugin.setup(**self.parts)
        return Job(plugin)

    def _shared(self) -> dict[str, Any]:
        """Return the parameters that both executors know; what the user has not set is what the command asks for."""
        known: QueueConfig = self.known
        free = all(getattr(known, name, None) is None for name in ("gpus_per_node", "gpus_per_task", "gres"))
        return {
            "name": known.name,
            "timeout_min": known.timeout_min,
            "nodes": known.nodes or self.wanted.nodes,
            "tasks_per_node": known.tasks_per_node or self.wanted.tasks,
            "gpus_per_node": (self.wanted.gpus or None) if free else known.gpus_per_node or None,
            "cpus_per_task": known.cpus_per_task or self.wanted.cores,
            "mem_gb": known.mem_gb,
            "stderr_to_stdout": known.stderr_to_stdout,
        }


class WeeLocalLauncher(_SubmititLauncher):
    """Runs several jobs at once in processes of this machine, each with a log."""

    NAME = "submitit_local"

    def _launch(self, jobs: Sequence[Sequence[str]], first: int, arguments: list[Any]) -> Sequence[JobReturn]:
        from wee.app.submission import Queue, local_states

        waits = self.known.wait
        shares = slots(self.wanted, len(jobs), self.known.n_jobs if waits else len(jobs))
        self._announce(jobs, first, f"{len(shares)} at once")

        def start(number: int, place: int) -> Any:
            return self._submit(shares[place], arguments[number])

        with _environment(shares[0].variables()):
            if not waits:
                return self._leave([start(number, number) for number in range(len(jobs))])
            return Queue(len(jobs), start, len(shares), local_states, every=1.0, late=2.0, longest_pause=1.0).run()

    def _submit(self, slot: Slot, argument: Any) -> Any:
        import submitit

        known = self.known
        shared = {key: value for key, value in self._shared().items() if value is not None}
        gpus = {"visible_gpus": list(slot.gpus), "gpus_per_node": len(slot.gpus)} if slot.gpus else {}
        if shared["nodes"] > 1:
            raise WeeError(f"hydra/launcher={self.NAME} has one machine, and the jobs ask for {shared['nodes']}")
        executor = submitit.LocalExecutor(known.submitit_folder, max_num_timeout=known.max_num_timeout)
        executor.update_parameters(**{**shared, **gpus}, signal_delay_s=known.signal_delay_s)
        return executor.submit(self._job(), *argument)


class WeeSlurmLauncher(_SubmititLauncher):
    """Submits the jobs to a SLURM cluster, as one array."""

    NAME = "submitit_slurm"

    def _launch(self, jobs: Sequence[Sequence[str]], first: int, arguments: list[Any]) -> Sequence[JobReturn]:
        from wee.app.submission import Queue, slurm_states

        if shutil.which("sbatch") is None or shutil.which("srun") is None:
            raise WeeError(
                f"hydra/launcher={self.NAME} needs sbatch and srun, which are not on the PATH: run the command where jobs are "
                f"submitted, or choose hydra/launcher=submitit_local"
            )
        submitted = self._submit(arguments)
        self._announce(jobs, first, f"submitted as {submitted[0].job_id.partition('_')[0]}")
        if not self.known.wait:
            return self._leave(submitted)
        try:
            return Queue(len(submitted), lambda number, place: submitted[number], len(submitted), slurm_states).run()
        except KeyboardInterrupt:
            which = submitted[0].job_id.partition("_")[0]
            log.warning(f"the jobs go on without this command; scancel {which} would end them")
            raise

    def _submit(self, arguments: list[Any]) -> list[Any]:
        import submitit
        from submitit.slurm.slurm import SlurmJobEnvironment

        from wee.app.submission import reported

        known: SlurmConfig = self.known
        executor = submitit.AutoExecutor(
            known.submitit_folder,
            cluster="slurm",
            slurm_max_num_timeout=known.max_num_timeout,
            slurm_python=_IGNORING.format(
                signal=SlurmJobEnvironment.USR_SIG, python=shlex.quote(known.python or sys.executable)
            ),
        )
        specific = {f"slurm_{name}": getattr(known, name) for name in SLURM_KEYS}
        more = {"requeue": True, **known.additional_parameters}  # clusters may switch it off by default
        with reported("SLURM refused the jobs", self._advice()):
            executor.update_parameters(**self._shared(), **specific, slurm_additional_parameters=more)
            return executor.map_array(self._job(), *zip(*arguments, strict=True))

    def _advice(self) -> str:
        """Return what the jobs asked for, and how to ask for less."""
        asked = self._shared()
        gpus, nodes = asked["gpus_per_node"], asked["nodes"]
        return (
            f" (each job asked for {f'{gpus} GPUs and ' if gpus else ''}{asked['tasks_per_node']} x "
            f"{asked['cpus_per_task']} processors on {nodes} node{'s' if nodes > 1 else ''}; hydra.launcher.cpus_per_task sets "
            f"processors{', and runtime.accelerator=cpu asks for no GPU' if gpus else ''})"
        )


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that are started inside the `with` block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
