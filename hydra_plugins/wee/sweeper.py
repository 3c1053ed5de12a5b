"""The sweeper of wee's multiruns: a job that fails stops neither the other jobs nor the report of its failure."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

log = logging.getLogger("wee")

Job = tuple[str, ...]
"""The overrides of a job."""


class WeeSweeper(Sweeper):
    """Runs every job that can be composed, reports each failure when it happens, and all of them at the end.

    Hydra's own sweeper launches nothing if one job cannot be composed, and shows the first failure alone.

    Args:
        max_batch_size: the largest number of jobs that are launched together; None for all of them.
        params: overrides to sweep over in addition to those on the command line: values by key.
    """

    def __init__(self, max_batch_size: int | None = None, params: Mapping[str, str] | None = None) -> None:
        self.max_batch_size = max_batch_size
        self.params = dict(params or {})
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take the application, and make the launcher that its config names.

        Raises:
            CompactHydraException: the size of a batch is not positive.
        """
        if self.max_batch_size is not None and self.max_batch_size < 1:
            raise CompactHydraException(f"hydra.sweeper.max_batch_size is {self.max_batch_size}: it must be 1 or more")
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """Run the jobs that the arguments span.

        Raises:
            CompactHydraException: jobs failed; the message lists them.
        """
        assert self.config is not None
        assert self.launcher is not None
        assert self.hydra_context is not None
        from wee.app.submission import Submitted

        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        written = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        jobs = list(spanned_jobs(parser.parse_overrides(written)))

        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")

        failures: list[str] = []
        returns: list[Sequence[JobReturn]] = []
        launched = 0
        size = self.max_batch_size or len(jobs)
        for start in range(0, len(jobs), size):
            sound = [job for job in jobs[start : start + size] if self._sound(job, failures)]
            results = self.launcher.launch(sound, initial_job_idx=launched) if sound else []
            launched += len(sound)
            returns.append(results)
            for job, result in zip(sound, results, strict=True):
                if result.status != JobStatus.COMPLETED and not isinstance(result, Submitted):
                    failures.append(f"{' '.join(job)}: {getattr(result, '_return_value', 'it did not finish')}")
        if failures:
            listed = "\n".join(f"  {failure}" for failure in failures)
            raise CompactHydraException(
                f"{len(failures)} of {len(jobs)} jobs failed; the same command runs them again, and skips what is done.\n"
                f"{listed}"
            )
        return returns

    def _sound(self, job: Job, failures: list[str]) -> bool:
        """Return whether a job's config composes and has the right types; report and note a failure."""
        from wee.app.command import FOLDERS, GROUPS, ROOTS, describe
        from wee.app.safety import check_hydra
        from wee.app.typed import check_overrides, to_object

        assert self.config is not None
        assert self.hydra_context is not None
        try:
            root = ROOTS.get(str(self.config.hydra.job.config_name))
            if root is not None:
                check_overrides(root, job, FOLDERS, GROUPS)
            config: Any = self.hydra_context.config_loader.load_sweep_config(self.config, list(job))
            with open_dict(config):
                config.hydra.job.num, config.hydra.job.id = 0, "0"  # the launcher sets the numbers of jobs
            check_hydra(OmegaConf.to_container(config.hydra, resolve=False))
            if root is not None:
                with _hydra_config(config):
                    to_object(root, OmegaConf.masked_copy(config, [key for key in config if key != "hydra"]))
        except Exception as error:
            failure = f"{' '.join(job)}: {describe(error)}"
            log.error(f"this job cannot run: {failure}")
            failures.append(failure)
            return False
        return True


@contextmanager
def _hydra_config(config: DictConfig) -> Iterator[None]:
    """Return a context in which values such as `${hydra:runtime.choices.figure}` are those of a job's config."""
    hydra = HydraConfig.instance()
    before = hydra.cfg
    hydra.set_config(config)
    try:
        yield
    finally:
        hydra.cfg = before


def spanned_jobs(overrides: Iterable[Override]) -> Iterable[Job]:
    """Return the jobs that overrides span: one for each combination of their values. The last override changes fastest.

    Args:
        overrides: overrides with one value or several; of two with the same key, the later one counts.

    Raises:
        CompactHydraException: an override names a range without steps, which has no list of values.
    """
    choices: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if not override.is_sweep_override():
            choices[key] = [str(override.input_line)]
        elif override.is_discrete_sweep():
            choices[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            raise CompactHydraException(
                f"{override.input_line}: a multirun needs a list of values, such as {key}=a,b or '{key}=range(1,5)'"
            )
    return itertools.product(*choices.values())
